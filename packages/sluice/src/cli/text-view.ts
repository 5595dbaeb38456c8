/** A run as text: results on stdout, everything else on stderr. On a terminal the progress is drawn in place. */
import type { ErrorData } from '../base/errors.ts'
import type { RunFacts, RunResult } from '../cluster/run-request.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { JobStatus } from '../jobmanager/job-status.ts'
import { errorLines } from './error-text.ts'
import { eventLines } from './event-text.ts'
import type { LiveBlock } from './live-block.ts'
import { ProgressMeter } from './progress.ts'
import { progressBlock, progressLine } from './progress-text.ts'
import type { RunView } from './run-view.ts'
import { summaryLines } from './summary.ts'

export interface TextViewOptions {
  readonly stdout: LineOutput
  readonly stderr: LineOutput
  /** Present on a terminal. */
  readonly block: LiveBlock | undefined
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
}

const DRAW_INTERVAL_MS = 200
const LINE_INTERVAL_MS = 2000

export class TextView implements RunView {
  readonly progressIntervalMs: number
  readonly #options: TextViewOptions
  readonly #meter: ProgressMeter
  #jobName = ''

  constructor(options: TextViewOptions) {
    this.#options = options
    this.#meter = new ProgressMeter(options.nowMs())
    this.progressIntervalMs = options.block === undefined ? LINE_INTERVAL_MS : DRAW_INTERVAL_MS
  }

  onPlanned({ jobName, stateDirectory }: RunFacts): void {
    this.#jobName = jobName
    this.#meter.onStart(this.#options.nowMs())
    this.note(
      `job "${jobName}", ${stateDirectory === undefined ? 'checkpointing is off' : `state in ${stateDirectory}`}`,
    )
  }

  onEvent(event: JobEvent): void {
    this.#meter.onEvent(event, this.#options.nowMs())
    for (const line of eventLines(event)) this.note(line)
  }

  onProgress(status: JobStatus): void {
    const { block, nowMs } = this.#options
    const progress = this.#meter.read(status, nowMs())
    if (block === undefined) this.note(progressLine(progress))
    else block.draw(progressBlock(this.#jobName, progress, status))
  }

  note(text: string): void {
    this.#options.block?.clear()
    this.#options.stderr.writeLine(text)
  }

  warn(text: string): void {
    this.note(`warning: ${text}`)
  }

  printLine(line: string): void {
    this.#options.block?.clear()
    this.#options.stdout.writeLine(line)
  }

  consoleText(stream: 'stdout' | 'stderr', text: string): void {
    this.#options.block?.clear()
    this.#options[stream].write(text)
  }

  onResult(result: RunResult, stateDirectory: string | undefined): void {
    for (const line of summaryLines(result, stateDirectory)) this.note(line)
  }

  onRefused(error: ErrorData): void {
    for (const line of errorLines(error)) this.note(line)
  }
}
