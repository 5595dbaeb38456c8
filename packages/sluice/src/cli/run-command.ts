/**
 * `sluice run`: runs one job, shows it, and obeys signals.
 *
 * First SIGINT or SIGTERM: the job stops with a last checkpoint. Second: it is cancelled at once. Third: the process is killed, for
 * threads that cannot be ended.
 */
import { asEngineError, errorToData } from '../base/errors.ts'
import type { SlotIndex } from '../base/ids.ts'
import { launch } from '../cluster/launch.ts'
import { exitProcess } from '../cluster/process-end.ts'
import type { JobClient, RunResult } from '../cluster/run-request.ts'
import { userFrames } from '../cluster/user-frames.ts'
import { environmentLayer } from '../config/option-layers.ts'
import type { RunArguments } from './arguments.ts'
import { EXIT, isRefusal } from './exit-codes.ts'
import type { RunView } from './run-view.ts'
import { SignalEar } from './signal-ear.ts'

/** @param outputClosed resolves when whoever read stdout has gone */
export async function runCommand(asked: RunArguments, view: RunView, outputClosed: Promise<void>): Promise<number> {
  const interruption = new Interruption(view)
  process.on('uncaughtException', (thrown) => exitProcess(reportUncaught(thrown, view)))
  void outputClosed.then(() => interruption.onOutputClosed())
  try {
    const client = await launch({
      job: asked.job,
      params: asked.params,
      layers: [asked.layer, environmentLayer(process.env)],
      stateDir: asked.stateDir,
      start: asked.start,
      output: view,
      onPlanned: (facts) => view.onPlanned(facts),
      listener: (event) => view.onEvent(event),
      warn: (text) => view.warn(text),
    })
    interruption.onStarted(client)
    return exitCodeOf(await watch(client, view), interruption)
  } catch (thrown) {
    view.onRefused(errorToData(asEngineError(thrown, 'INT1001', 'the job could not be started')))
    return EXIT.refused
  } finally {
    interruption.dispose()
  }
}

/** Of code that runs in this thread: the job module, enumerators of sources, preparation of sinks. */
function reportUncaught(thrown: unknown, view: RunView): number {
  const isUsers = thrown instanceof Error && userFrames(thrown.stack).length > 0
  const what =
    'an error that nobody caught ended the process; run again, the job resumes from its last completed checkpoint'
  view.onRefused(errorToData(asEngineError(thrown, isUsers ? 'TSK1001' : 'INT1001', what)))
  return EXIT.failed
}

async function watch(client: JobClient, view: RunView): Promise<RunResult> {
  const timer = setInterval(() => view.onProgress(client.status()), view.progressIntervalMs)
  const result = await client.result
  clearInterval(timer)
  if (result.stuckSlots !== undefined) view.note(stuckText(result.stuckSlots))
  view.onResult(result, client.stateDirectory)
  return result
}

function stuckText(slots: readonly SlotIndex[]): string {
  const threads = slots.length === 1 ? `slot thread ${slots[0]}` : `slot threads ${slots.join(', ')}`
  return `${threads} could not be ended and may still have run user code until now: this process ends at once and takes them along (TSK1006)`
}

function exitCodeOf({ state, error }: RunResult, interruption: Interruption): number {
  if (state === 'finished' || state === 'stopped') return EXIT.done
  if (state === 'canceled') return interruption.isOutputClosed ? EXIT.outputClosed : EXIT.interrupted
  return error !== undefined && isRefusal(error.code) ? EXIT.refused : EXIT.failed
}

type Wish = 'none' | 'stop' | 'cancel'

/** What the user asked for by signals; remembered while the job is still being started. */
class Interruption {
  readonly #view: RunView
  readonly #ear = new SignalEar(() => this.#escalate())
  #client: JobClient | undefined
  #wish: Wish = 'none'
  #isOutputClosed = false

  constructor(view: RunView) {
    this.#view = view
  }

  onStarted(client: JobClient): void {
    this.#client = client
    this.#apply()
  }

  get isOutputClosed(): boolean {
    return this.#isOutputClosed
  }

  /** A last checkpoint would cover lines that nobody got. */
  onOutputClosed(): void {
    this.#isOutputClosed = true
    this.#wish = 'cancel'
    this.#view.note('stdout was closed by its reader: cancelling')
    this.#apply()
  }

  dispose(): void {
    this.#ear.dispose()
  }

  #escalate(): void {
    if (this.#wish === 'none') {
      this.#wish = 'stop'
      this.#view.note(this.#stopText())
    } else if (this.#wish === 'stop') {
      this.#wish = 'cancel'
      this.#view.note('cancelling; once more kills the process')
    } else process.kill(process.pid, 'SIGKILL')
    this.#apply()
  }

  #stopText(): string {
    const keeps = this.#client === undefined || this.#client.stateDirectory !== undefined
    return keeps
      ? 'stopping with a last checkpoint; once more cancels at once'
      : 'stopping; checkpointing is off, so nothing is kept'
  }

  #apply(): void {
    if (this.#client === undefined) {
      if (this.#wish === 'cancel') exitProcess(this.#isOutputClosed ? EXIT.outputClosed : EXIT.interrupted)
    } else if (this.#wish === 'stop') void this.#client.stop()
    else if (this.#wish === 'cancel') void this.#client.cancel()
  }
}
