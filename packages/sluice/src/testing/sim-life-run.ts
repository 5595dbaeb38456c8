/**
 * One process of a simulated run under its plan: when it crashes, loses slots, is stopped, and whether it may fail.
 *
 * Owns: the rules about progress and failures of one process (O6, O7). Does not own: what comes after it (sim-world.ts).
 */
import type { ErrorCode } from '../base/error-codes.ts'
import { type EngineError, type ErrorData, errorToData, formatError } from '../base/errors.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import { ruleBroken } from './sim-checks.ts'
import type { FaultCounts, LifeFaults, LifePlan, Moment } from './sim-faults.ts'
import type { ProcessOutcome, SimProcess } from './sim-process.ts'
import type { SimLife, SimScheduler } from './sim-scheduler.ts'

/** Virtual time without a fault within which the job has to come to an end. */
const CALM_MS_MAX = 600_000
/** Events of one process. */
const STEPS_MAX = 1_000_000

/** Nothing that the simulator does may lead to these. */
const NEVER: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INT1001',
  'SNK1003',
  'CKP1003',
  'CKP1007',
  'CKP1008',
  'JOB1004',
  'JOB1005',
  'JOB1006',
  'JOB1007',
  'SRC1004',
  'SRC1002',
  'STA1002',
  'SER1002',
])

/** What a short timeout of checkpoints may lead to without any fault. */
const TIMEOUT_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['CKP1006', 'CKP1009', 'TSK1004'])

export type LifeEnding = 'crashed' | 'finished' | 'stopped' | 'given-up'

export interface LifeRunOptions {
  readonly plan: LifePlan
  readonly life: SimLife
  readonly process: SimProcess
  readonly faults: LifeFaults
  readonly counts: FaultCounts
  readonly scheduler: SimScheduler
  readonly isTimeoutShort: boolean
  readonly reached: (of: Moment['of']) => number
}

/** One process under its plan. */
export class LifeRun {
  readonly plan: LifePlan
  readonly life: SimLife
  readonly process: SimProcess
  readonly faults: LifeFaults
  readonly failures: string[] = []
  readonly #options: LifeRunOptions
  readonly #crash: MomentWatch | undefined
  readonly #stop: MomentWatch | undefined
  readonly #slotLosses: readonly MomentWatch[]
  #quietSinceMs: number
  #injectedBefore = 0
  /** Kept until the next step: a listener of the engine must not throw. */
  #broken: EngineError | undefined
  restartCount = 0
  ending: LifeEnding | undefined

  constructor(options: LifeRunOptions) {
    const { plan } = options
    const watch = (moment: Moment): MomentWatch => new MomentWatch(moment, options.life, options.reached)
    this.#options = options
    this.plan = plan
    this.life = options.life
    this.process = options.process
    this.faults = options.faults
    this.#crash = plan.crash === undefined ? undefined : watch(plan.crash)
    this.#stop = plan.stop === undefined ? undefined : watch(plan.stop)
    this.#slotLosses = plan.slotLosses.map(watch)
    this.#quietSinceMs = options.scheduler.nowMs
  }

  get isOver(): boolean {
    return this.ending !== undefined
  }

  beforeStep(): 'go-on' | 'stop' {
    const { outcome } = this.process
    if (outcome !== undefined) this.ending = this.#endingOf(outcome)
    if (this.#broken !== undefined) throw this.#broken
    if (this.isOver) return 'stop'
    if (this.#crash?.isDue() === true) {
      this.ending = 'crashed'
      return 'stop'
    }
    this.#applyFaults()
    this.#expectProgress()
    return 'go-on'
  }

  // O7
  onEvent(event: JobEvent): void {
    const { counts } = this.#options
    if (event.kind === 'restarting') {
      counts.restarts++
      this.restartCount++
    }
    if (event.kind === 'checkpoint-failed') {
      counts.failedCheckpoints++
      this.#onFailure(event.error, `checkpoint ${event.checkpoint} failed`)
    }
    if (event.kind === 'failed' || event.kind === 'failure-merged')
      this.#onFailure(event.failure.error, 'the job failed')
    if (event.kind === 'fell-back')
      this.#broken ??= ruleBroken('O7', `checkpoint ${event.checkpoint} was damaged: ${formatError(event.error)}`)
  }

  #onFailure(error: ErrorData, what: string): void {
    this.failures.push(`${what}: ${formatError(error)}`)
    const text = `${formatError(error)}${evidenceOf(error)}`
    if (NEVER.has(error.code)) this.#broken ??= ruleBroken('O7', `${what}: ${text}`)
    const isExpected = this.#options.isTimeoutShort && TIMEOUT_CODES.has(error.code)
    if (this.faults.injectedCount === 0 && !isExpected)
      this.#broken ??= ruleBroken('O7', `${what} in a process in which nothing broke: ${text}`)
  }

  #applyFaults(): void {
    const { counts } = this.#options
    for (const loss of this.#slotLosses) {
      if (!loss.isDue() || this.process.loseSlot() === 'none') continue
      loss.done()
      counts.slotLosses++
      this.faults.noteInjected()
    }
    if (this.#stop?.isDue() === true && this.process.stop() === 'asked') {
      this.#stop.done()
      this.faults.noteInjected()
    }
  }

  // O6
  #expectProgress(): void {
    const { scheduler } = this.#options
    if (this.faults.injectedCount !== this.#injectedBefore) {
      this.#injectedBefore = this.faults.injectedCount
      this.#quietSinceMs = scheduler.nowMs
    }
    if (scheduler.nowMs - this.#quietSinceMs > CALM_MS_MAX) {
      throw ruleBroken('O6', `the job has not ended ${CALM_MS_MAX / 1000} s of virtual time after the last fault`)
    }
    if (this.life.steps > STEPS_MAX) throw ruleBroken('O6', `the job has not ended after ${STEPS_MAX} events`)
  }

  #endingOf(outcome: ProcessOutcome): LifeEnding {
    const { counts } = this.#options
    if (outcome.kind === 'finished-before') return 'finished'
    const error = outcome.kind === 'not-started' ? errorToData(outcome.error) : outcome.result.error
    if (error !== undefined) this.#onFailure(error, 'the process gave up')
    if (outcome.kind === 'ended' && outcome.result.state === 'finished') return 'finished'
    if (outcome.kind === 'ended' && outcome.result.state === 'stopped') {
      counts.stops++
      return 'stopped'
    }
    if (this.faults.diskFailureCount === 0) {
      throw ruleBroken(
        'O7',
        `the job gave up though no disk failed: ${error === undefined ? outcome.kind : formatError(error)}`,
      )
    }
    counts.failedProcesses++
    return 'given-up'
  }
}

/** Waits for a moment of one process. */
class MomentWatch {
  readonly #moment: Moment
  readonly #life: SimLife
  readonly #reached: (of: Moment['of']) => number
  #dueAtStep: number | undefined
  #isDone = false

  constructor(moment: Moment, life: SimLife, reached: (of: Moment['of']) => number) {
    this.#moment = moment
    this.#life = life
    this.#reached = reached
  }

  isDue(): boolean {
    if (this.#isDone) return false
    const { of, count, stepsMore } = this.#moment
    if (this.#dueAtStep === undefined && this.#reached(of) >= count) this.#dueAtStep = this.#life.steps + stepsMore
    return this.#dueAtStep !== undefined && this.#life.steps >= this.#dueAtStep
  }

  done(): void {
    this.#isDone = true
  }
}

function evidenceOf(error: ErrorData): string {
  return [error.stack, error.cause]
    .filter((text) => text !== undefined)
    .map((text) => `\n${text}`)
    .join('')
}
