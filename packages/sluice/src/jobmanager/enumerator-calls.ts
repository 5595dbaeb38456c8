/**
 * The calls that an enumerator has scheduled: work away from its events, results between them.
 *
 * Owns: their timers. Does not own: the enumerator; what a failure means (the owner's `fail`).
 *
 * K1 No call begins before `begin`, and none after `close`.
 * K2 One schedule has one call under way at most; the period runs from the end of one to the start of the next.
 * K3 A result that comes after `cancel` or `close` is dropped.
 */
import type { Timer, Timers } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { CallSchedule, ScheduledCall } from '../connector/source.ts'

/** What went wrong in a call. */
type CallFailure = 'callable' | 'handler'

export interface EnumeratorCallsOptions {
  readonly timers: Timers
  fail(failure: CallFailure, error: unknown): void
}

/** A schedule with its types forgotten: results go from the one function to the other. */
interface Schedule {
  run(): Promise<() => void>
  readonly settings: CallSchedule
  timer: Timer | undefined
  state: 'scheduled' | 'cancelled'
}

function refuseBadSchedule({ initialDelayMs = 0, periodMs }: CallSchedule): void {
  const isDelay = initialDelayMs >= 0 && Number.isFinite(initialDelayMs)
  const isPeriod = periodMs === undefined || (periodMs > 0 && Number.isFinite(periodMs))
  if (isDelay && isPeriod) return
  throw new EngineError(
    'SRC1003',
    `callAsync was given ${isDelay ? `periodMs ${periodMs}` : `initialDelayMs ${initialDelayMs}`}. Nothing was scheduled, and the source fails. Give milliseconds: ` +
      'initialDelayMs 0 or more, periodMs above 0 or none at all to call once.',
  )
}

export class EnumeratorCalls {
  readonly #options: EnumeratorCallsOptions
  readonly #schedules = new Set<Schedule>()
  #state: 'waiting' | 'begun' | 'closed' = 'waiting'

  constructor(options: EnumeratorCallsOptions) {
    this.#options = options
  }

  add<R>(callable: () => Promise<R> | R, handler: (result: R) => void, settings: CallSchedule): ScheduledCall {
    refuseBadSchedule(settings)
    const run = async (): Promise<() => void> => {
      const result = await callable()
      return () => handler(result)
    }
    const schedule: Schedule = { run, settings, timer: undefined, state: 'scheduled' }
    if (this.#state === 'closed') return { cancel: () => {} }
    this.#schedules.add(schedule)
    if (this.#state === 'begun') this.#start(schedule, settings.initialDelayMs ?? 0)
    return { cancel: () => this.#cancel(schedule) }
  }

  // K1
  begin(): void {
    this.#state = 'begun'
    for (const schedule of this.#schedules) this.#start(schedule, schedule.settings.initialDelayMs ?? 0)
  }

  /** Idempotent. */
  close(): void {
    this.#state = 'closed'
    for (const schedule of this.#schedules) this.#cancel(schedule)
  }

  #start(schedule: Schedule, delayMs: number): void {
    schedule.timer = this.#options.timers.after(delayMs, () => void this.#call(schedule))
  }

  #cancel(schedule: Schedule): void {
    schedule.state = 'cancelled'
    schedule.timer?.cancel()
    this.#schedules.delete(schedule)
  }

  /** Never rejects. */
  async #call(schedule: Schedule): Promise<void> {
    try {
      const handle = await schedule.run()
      if (schedule.state === 'cancelled') return // K3
      this.#handle(handle)
    } catch (error) {
      if (schedule.state === 'cancelled') return
      this.#onFailed(schedule, error)
    }
    this.#again(schedule)
  }

  #handle(handle: () => void): void {
    try {
      handle()
    } catch (error) {
      this.#options.fail('handler', error)
    }
  }

  #onFailed({ settings }: Schedule, error: unknown): void {
    if (settings.onError === undefined) return this.#options.fail('callable', error)
    const { onError } = settings
    this.#handle(() => onError(error))
  }

  // K2
  #again(schedule: Schedule): void {
    if (schedule.state === 'cancelled') return // by the handler, or by the failure that it was
    if (schedule.settings.periodMs === undefined) this.#schedules.delete(schedule)
    else this.#start(schedule, schedule.settings.periodMs)
  }
}
