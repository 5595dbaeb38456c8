/**
 * A JobManager or TaskManager as a process: starts, says that it is ready, waits for its end, ends.
 *
 * First SIGINT or SIGTERM: it ends in good order, or at once when it is not ready yet. Second: at once. Whatever nobody caught ends it too:
 * what is half done inside is not to be trusted, and others take over.
 */
import { asEngineError, errorToData, formatError, type EngineError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { writeJson } from '../cluster/cluster-files.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import { exitProcess } from '../cluster/process-end.ts'
import { ProcessLog } from '../cluster/process-log.ts'
import type { ProcessListener, RunningProcess } from '../cluster/process-parts.ts'
import type { ProcessSecurity } from '../cluster/process-security.ts'
import type { ResolvedOptions } from '../config/options.ts'
import { errorLines } from './error-text.ts'
import { EXIT } from './exit-codes.ts'
import { SignalEar } from './signal-ear.ts'

export interface ProcessRun {
  readonly role: 'jobmanager' | 'taskmanager'
  readonly log: Log
  readonly stdout: LineOutput
  readonly stderr: LineOutput
  readonly form: 'text' | 'json'
  readonly readyFile: string | undefined
  start(listener: ProcessListener): Promise<RunningProcess>
  /** The line that says it is ready. */
  readyText(running: RunningProcess): string
}

/** Longest time for an end in good order. */
const STOP_WAIT_MAX_MS = 15_000

type Ending =
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'fatal'; readonly error: EngineError }

/** Where the process writes what happens, without its secrets. */
export function processLog(
  { cluster }: ResolvedOptions,
  { secret, token }: ProcessSecurity,
  output: LineOutput,
): ProcessLog {
  return new ProcessLog({ ...cluster.log, output, wallMs: () => Date.now(), secrets: [secret, token] })
}

/** Resolves with the exit code. */
export async function runProcess(run: ProcessRun): Promise<number> {
  const life = new ProcessLife(run)
  try {
    const running = await run.start(life)
    life.onStarted()
    announce(run, running)
    const ending = await life.ending
    return await end(run, running, ending)
  } catch (thrown) {
    const error = errorToData(asEngineError(thrown, 'INT1001', `the ${run.role} could not be started`))
    for (const line of errorLines(error)) run.stderr.writeLine(line)
    return EXIT.refused
  } finally {
    life.dispose()
  }
}

function announce(run: ProcessRun, running: RunningProcess): void {
  const { ready } = running
  const line =
    run.form === 'json'
      ? JSON.stringify({ type: 'ready', role: run.role, pid: process.pid, ...ready })
      : run.readyText(running)
  run.stdout.writeLine(line)
  if (run.readyFile !== undefined) writeJson(run.readyFile, ready)
}

async function end({ role, log }: ProcessRun, running: RunningProcess, ending: Ending): Promise<number> {
  if (ending.kind === 'signal') log.write('info', `${ending.signal}: the ${role} ends; once more ends it at once`)
  else log.write('error', formatError(ending.error), { code: ending.error.code })
  const isInTime = await within(running.stop(), STOP_WAIT_MAX_MS)
  if (!isInTime)
    log.write('warn', `the ${role} did not end in good order within ${STOP_WAIT_MAX_MS / 1000} s and ends now`)
  else log.write('info', `the ${role} has ended`)
  return ending.kind === 'signal' ? EXIT.done : EXIT.failed
}

function within(work: Promise<void>, waitMaxMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), waitMaxMs)
    work.then(() => resolve(true), reject).finally(() => clearTimeout(timer))
  })
}

class ProcessLife implements ProcessListener {
  readonly ending: Promise<Ending>
  readonly #run: ProcessRun
  readonly #ear = new SignalEar((signal) => this.#hear(signal))
  readonly #onUncaught = (thrown: unknown): void => this.#dieOf(thrown)
  #settle: (ending: Ending) => void = () => {}
  #isStarted = false
  #isAsked = false

  constructor(run: ProcessRun) {
    this.#run = run
    this.ending = new Promise((resolve) => void (this.#settle = resolve))
    process.on('uncaughtException', this.#onUncaught)
  }

  onStarted(): void {
    this.#isStarted = true
  }

  onFatal(error: EngineError): void {
    this.#settle({ kind: 'fatal', error })
  }

  dispose(): void {
    this.#ear.dispose()
    process.off('uncaughtException', this.#onUncaught)
  }

  #hear(signal: NodeJS.Signals): void {
    const isFirst = !this.#isAsked
    this.#isAsked = true
    if (isFirst && this.#isStarted) return this.#settle({ kind: 'signal', signal })
    const when = this.#isStarted ? 'again' : 'before it was ready'
    this.#run.log.write('warn', `${signal} ${when}: the ${this.#run.role} ends at once`)
    exitProcess(EXIT.interrupted)
  }

  #dieOf(thrown: unknown): void {
    const { role, log, stderr } = this.#run
    const error = asEngineError(thrown, 'INT1001', `an error that nobody caught ends the ${role}`)
    log.write('error', formatError(error), { code: error.code })
    for (const line of errorLines(errorToData(error))) stderr.writeLine(line)
    exitProcess(EXIT.failed)
  }
}
