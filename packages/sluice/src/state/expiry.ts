/** The time to live of one state against the clock of its operator. */
import type { TimeToLive } from './time-to-live.ts'

/** The time of one operator, as its states count it. */
export interface StateClock {
  /** How far event time has come: state that expires by then is gone. Never goes back. */
  eventTimeMs(): number
  /** What a write of now counts from: the time of the record or timer at hand when that is later. */
  eventTimeOfWriteMs(): number
  processingTimeMs(): number
}

/** Written when no event time was known, or before the state had a time to live: counts from when it is first looked at. */
export const UNKNOWN_TIME_MS = Number.MIN_SAFE_INTEGER

export class Expiry {
  readonly lookCount: number
  readonly isRefreshedByReads: boolean
  /** Whether what has expired is returned while it is still there. */
  readonly returnsExpired: boolean
  readonly #afterMs: number
  readonly #isEventTime: boolean
  readonly #clock: StateClock

  constructor(ttl: TimeToLive, clock: StateClock) {
    this.lookCount = ttl.lookCount
    this.isRefreshedByReads = ttl.refresh === 'on-read-and-write'
    this.returnsExpired = ttl.visibility === 'return-until-cleaned'
    this.#afterMs = ttl.afterMs
    this.#isEventTime = ttl.time === 'event'
    this.#clock = clock
  }

  /** The time that decides what has expired. */
  nowMs(): number {
    return this.#isEventTime ? this.#clock.eventTimeMs() : this.#clock.processingTimeMs()
  }

  /** The time of a use: never before the one already known. */
  usedMs(knownMs: number): number {
    const nowMs = this.#isEventTime ? this.#clock.eventTimeOfWriteMs() : this.#clock.processingTimeMs()
    return nowMs > knownMs ? nowMs : knownMs
  }

  hasExpired(usedMs: number, nowMs: number): boolean {
    return usedMs <= nowMs - this.#afterMs && usedMs !== UNKNOWN_TIME_MS
  }
}
