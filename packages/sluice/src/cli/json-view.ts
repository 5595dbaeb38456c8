/** A run as JSON lines on stdout, for programs; the shapes are described in docs/guide/cli.md. */
import type { ErrorData } from '../base/errors.ts'
import type { RunFacts, RunResult } from '../cluster/run-request.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { JobStatus } from '../jobmanager/job-status.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { errorPage, framesOf } from './error-text.ts'
import { ProgressMeter, lossesOf, writtenRecords } from './progress.ts'
import type { RunView } from './run-view.ts'

export interface JsonViewOptions {
  readonly stdout: LineOutput
  readonly stderr: LineOutput
  readonly clock: { wallMs(): number; monotonicMs(): number }
}

const PROGRESS_INTERVAL_MS = 1000

export class JsonView implements RunView {
  readonly progressIntervalMs = PROGRESS_INTERVAL_MS
  readonly #options: JsonViewOptions
  readonly #meter: ProgressMeter

  constructor(options: JsonViewOptions) {
    this.#options = options
    this.#meter = new ProgressMeter(options.clock.monotonicMs())
  }

  onPlanned({ jobName, stateDirectory, options }: RunFacts): void {
    this.#meter.onStart(this.#options.clock.monotonicMs())
    this.#write('planned', { job: jobName, stateDirectory: stateDirectory ?? null, parallelism: options.parallelism })
  }

  onEvent(event: JobEvent): void {
    this.#meter.onEvent(event, this.#options.clock.monotonicMs())
    const { kind, ...fields } = event
    this.#write(kind, { ...fields, ...errorFields(event) })
  }

  onProgress(status: JobStatus): void {
    const { watermark, losses, lastCheckpoint, ...figures } = this.#meter.read(
      status,
      this.#options.clock.monotonicMs(),
    )
    this.#write('progress', {
      ...figures,
      ...losses,
      watermark: watermarkValue(watermark),
      lastCheckpoint: lastCheckpoint ?? null,
      vertices: status.vertices.map((vertex) => ({ ...vertex, watermark: watermarkValue(vertex.watermark) })),
    })
  }

  note(text: string): void {
    this.#write('note', { text })
  }

  warn(text: string): void {
    this.#write('warning', { text })
  }

  printLine(line: string): void {
    this.#write('print', { line })
  }

  /** Not data: stdout belongs to the JSON lines. */
  consoleText(_stream: 'stdout' | 'stderr', text: string): void {
    this.#options.stderr.write(text)
  }

  onResult(result: RunResult, stateDirectory: string | undefined): void {
    const {
      jobName,
      state,
      durationMs,
      recordsRead,
      restartCount,
      checkpoints,
      counters,
      error,
      finishedBefore,
      stuckSlots,
    } = result
    this.#write('result', {
      job: jobName,
      state,
      durationMs: Math.round(durationMs),
      recordsIn: recordsRead,
      recordsOut: writtenRecords(result),
      restartCount,
      checkpoints: checkpoints === undefined ? null : { completed: checkpoints.completed, failed: checkpoints.failed },
      ...lossesOf(counters),
      counters,
      stateDirectory: stateDirectory ?? null,
      finishedBefore: finishedBefore ?? null,
      stuckSlots: stuckSlots ?? null,
      error: error === undefined ? null : errorValue(error),
    })
  }

  onRefused(error: ErrorData): void {
    this.#write('error', errorValue(error))
  }

  #write(type: string, fields: object): void {
    this.#options.stdout.writeLine(
      JSON.stringify({ type, at: new Date(this.#options.clock.wallMs()).toISOString(), ...fields }),
    )
  }
}

/** Errors of events in the one shape that all errors have in JSON. */
function errorFields(event: JobEvent): object {
  if ('failure' in event) return { failure: { ...event.failure, error: errorValue(event.failure.error) } }
  return 'error' in event && event.error !== undefined ? { error: errorValue(event.error) } : {}
}

function errorValue(error: ErrorData): object {
  const { code, message, context } = error
  return { code, message, context, frames: framesOf(error), page: errorPage(error) }
}

/** Milliseconds, or the word for a watermark that is no moment. */
function watermarkValue(watermark: number): number | 'none' | 'end' {
  if (watermark === MIN_WATERMARK) return 'none'
  return watermark === MAX_WATERMARK ? 'end' : watermark
}
