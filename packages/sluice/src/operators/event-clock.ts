/**
 * Event time as one operator knows it, kept across restores.
 *
 * The watermark is part of the operator's cut: a window that fired and was dropped before a checkpoint stays dropped behind it,
 * because a record that was late at the cut is late after the restore too.
 *
 * While timers fire, the operator has come as far as the timer at hand, and only behind the last one as far as the watermark: what is
 * kept for an hour of event time is there for every timer of that hour, however far the watermark jumps at once.
 *
 * W1 It never goes back, neither by a restore nor by a source that starts its watermarks anew.
 */
import { MIN_WATERMARK } from '../stream/element.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'

const STATE_NAME = 'watermark'

export class EventClock {
  #watermark = MIN_WATERMARK
  #progressMs = MIN_WATERMARK

  get watermark(): number {
    return this.#watermark
  }

  /** How far the operator has come: at most the watermark. Never goes back. */
  get progressMs(): number {
    return this.#progressMs
  }

  /** A timer of this time fires. */
  fire(timestampMs: number): void {
    if (timestampMs > this.#progressMs) this.#progressMs = timestampMs
  }

  /** Every timer that was due has fired. */
  settle(): void {
    this.#progressMs = this.#watermark
  }

  advanceTo(watermark: number): void {
    if (watermark > this.#watermark) this.#watermark = watermark // W1
  }

  snapshot(): OperatorStateItems {
    return [{ name: STATE_NAME, mode: 'union', items: [this.#watermark] }]
  }

  /** Every subtask sees the watermarks of all; the smallest is safe for whichever keys it takes over. */
  restore(items: OperatorStateItems | undefined): void {
    const watermarks = items?.find((state) => state.name === STATE_NAME)?.items ?? []
    const known = watermarks.filter((item) => typeof item === 'number')
    if (known.length > 0) this.advanceTo(Math.min(...known))
    this.settle() // there is no cut between the timers of one watermark
  }
}
