/**
 * Says when something that should move does not. Pure: time comes in.
 *
 * A look adds at most twice the interval between looks: time in which the looker itself stood still proves nothing.
 */
export interface StillnessLimits {
  readonly timeoutMs: number
  readonly lookIntervalMs: number
}

/** How often the watchdog looks within its timeout. */
export const LOOKS_PER_TIMEOUT = 8

export class StillnessWatch {
  readonly #limits: StillnessLimits
  #pulse: number | undefined
  #lookedAtMs = 0
  #stillMs = 0

  constructor(limits: StillnessLimits) {
    this.#limits = limits
  }

  /** Milliseconds for which the pulse has not moved, once they reach the timeout; undefined before. */
  look(pulse: number, nowMs: number): number | undefined {
    const sinceMs = Math.min(nowMs - this.#lookedAtMs, 2 * this.#limits.lookIntervalMs)
    this.#stillMs = pulse === this.#pulse ? this.#stillMs + sinceMs : 0
    this.#pulse = pulse
    this.#lookedAtMs = nowMs
    return this.#stillMs >= this.#limits.timeoutMs ? this.#stillMs : undefined
  }
}
