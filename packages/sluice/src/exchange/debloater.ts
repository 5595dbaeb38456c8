/**
 * How many records one batch of a channel may have, so that what waits in the channel is worth about `targetMs` of its consumer's work: the
 * time that a barrier spends behind it.
 *
 * Owns: the rate of one consumer on one channel, and the limit that follows. Does not own: the clock, credits, the way to the producer.
 *
 * D1 credits × recordsMax ≤ rate × target, between 1 and the most that the job allows. One record in a batch is the floor: a channel may hold
 *    as many records as it has credits, however slow the consumer is.
 * D2 Only time in which the consumer had work of this channel counts. Work of its other channels in between counts too: it is what the
 *    records that wait here wait for. Time behind a barrier that waits for other channels does not.
 * D3 The limit changes only by a quarter or more: each change is a message.
 * D4 A channel starts with one record in a batch, until its consumer is known: a slow one would else begin with the most that fits.
 * D5 While few batches are known, what the last ones took counts if it is better than all: the first meet code that is not compiled yet and a
 *    thread in which everything else starts, and with one record each a single pause would outweigh them for many round trips.
 */
import type { Clock } from '../base/env.ts'
import { BATCH_RECORDS_MAX } from '../stream/element.ts'

/** D4 */
export const RECORDS_AT_START = 1
/** Weight of the past: records and milliseconds of about the last second of work. */
const WINDOW_MS = 1000
/** D5 */
const BATCHES_KNOWN_MIN = 64
/** D3 */
const CHANGE_MIN = 0.25

export interface DebloatSettings {
  /** Milliseconds of the consumer's work that may wait in one channel; undefined for no limit. */
  readonly targetMs: number | undefined
  readonly recordsMax: number
}

/** What a channel needs to measure its consumer. */
export interface Debloating {
  readonly settings: DebloatSettings
  readonly clock: Pick<Clock, 'monotonicMs'>
}

export const NO_DEBLOATING: Debloating = {
  settings: { targetMs: undefined, recordsMax: BATCH_RECORDS_MAX },
  clock: { monotonicMs: () => 0 },
}

export class Debloater {
  readonly #targetMs: number | undefined
  readonly #recordsMax: number
  readonly #credits: number
  /** Records of the batch at hand and when it was taken; 0 when the consumer is not at work. */
  #recordsAtHand = 0
  #takenAtMs = 0
  #windowRecords = 0
  #windowMs = 0
  /** D5: each batch weighs half of the next. */
  #recentRecords = 0
  #recentMs = 0
  #batches = 0
  #limit: number

  /** @param credits batches that wait at the most */
  constructor({ targetMs, recordsMax }: DebloatSettings, credits: number) {
    this.#targetMs = targetMs
    this.#recordsMax = recordsMax
    this.#credits = credits
    this.#limit = targetMs === undefined ? recordsMax : Math.min(RECORDS_AT_START, recordsMax)
  }

  /** Most records of a batch. */
  get limit(): number {
    return this.#limit
  }

  /** Whether a batch is being worked on: the moment of its end is wanted. */
  get isBusy(): boolean {
    return this.#recordsAtHand > 0
  }

  /** The consumer takes a batch, and has done with the one before. */
  onTaken(records: number, nowMs: number): void {
    this.#finish(nowMs)
    this.#recordsAtHand = records
    this.#takenAtMs = nowMs
    this.#adjust()
  }

  /** The consumer has done with its batch, and nothing more is there or may be taken. */
  onPause(nowMs: number): void {
    this.#finish(nowMs)
  }

  #finish(nowMs: number): void {
    if (this.#recordsAtHand === 0) return
    const spentMs = Math.max(0, nowMs - this.#takenAtMs)
    this.#forget(Math.max(0, WINDOW_MS - spentMs))
    this.#windowRecords += this.#recordsAtHand
    this.#windowMs += spentMs
    this.#recentRecords = this.#recentRecords / 2 + this.#recordsAtHand
    this.#recentMs = this.#recentMs / 2 + spentMs
    this.#batches++
    this.#recordsAtHand = 0
  }

  /** Keeps no more than `keptMs` of the past. */
  #forget(keptMs: number): void {
    if (this.#windowMs <= keptMs) return
    this.#windowRecords *= keptMs / this.#windowMs
    this.#windowMs = keptMs
  }

  // D3
  #adjust(): void {
    const next = this.#fitting()
    if (Math.abs(next - this.#limit) >= this.#limit * CHANGE_MIN) this.#limit = next
  }

  // D1
  #fitting(): number {
    if (this.#targetMs === undefined || this.#windowRecords === 0) return this.#limit
    // Without limit when the clock has not moved: faster than can be measured.
    const fitting = Math.floor((this.#recordsPerMs() * this.#targetMs) / this.#credits)
    return Math.min(this.#recordsMax, Math.max(1, fitting))
  }

  // D5
  #recordsPerMs(): number {
    const overall = this.#windowRecords / this.#windowMs
    return this.#batches < BATCHES_KNOWN_MIN ? Math.max(overall, this.#recentRecords / this.#recentMs) : overall
  }
}
