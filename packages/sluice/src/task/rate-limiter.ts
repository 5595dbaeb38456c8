/** Lets at most `perSecond` records through on average, never more than a tenth of a second's worth at once. */
export class RateLimiter {
  readonly #perMs: number
  readonly #burst: number
  #tokens = 0
  #lastMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#burst = Math.max(1, perSecond / 10)
    this.#lastMs = nowMs
  }

  /** Whole records that may pass now; none while more were taken than could pass. */
  available(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#lastMs) * this.#perMs)
    this.#lastMs = nowMs
    return Math.max(0, Math.floor(this.#tokens))
  }

  take(records: number): void {
    this.#tokens -= records
  }

  /** When the next record may pass. */
  freeAtMs(nowMs: number): number {
    return nowMs + Math.max(1, (1 - this.#tokens) / this.#perMs)
  }
}
