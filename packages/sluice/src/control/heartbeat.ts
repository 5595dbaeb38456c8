/**
 * Says when somebody who should be heard of regularly has been silent for too long. Pure: time comes in, monotonic.
 *
 * B1 A look adds at most twice the interval between looks: time in which the listener itself stood still proves nothing about the other side.
 *    It makes the verdict later, never earlier, so a lease that is shorter than the timeout is over by then.
 */
export interface SilenceLimits {
  readonly timeoutMs: number
  readonly lookIntervalMs: number
}

/** How often one looks within the timeout. */
const SILENCE_LOOKS_PER_TIMEOUT = 10

export function silenceLimits(timeoutMs: number): SilenceLimits {
  return { timeoutMs, lookIntervalMs: timeoutMs / SILENCE_LOOKS_PER_TIMEOUT }
}

export class SilenceWatch {
  readonly #limits: SilenceLimits
  #silentMs = 0
  #lookedAtMs: number

  constructor(limits: SilenceLimits, nowMs: number) {
    this.#limits = limits
    this.#lookedAtMs = nowMs
  }

  /** Something came from the other side. */
  heard(nowMs: number): void {
    this.#silentMs = 0
    this.#lookedAtMs = nowMs
  }

  /** Milliseconds of silence, once they reach the timeout; undefined before. */
  look(nowMs: number): number | undefined {
    this.#silentMs += Math.min(nowMs - this.#lookedAtMs, 2 * this.#limits.lookIntervalMs) // B1
    this.#lookedAtMs = nowMs
    return this.#silentMs >= this.#limits.timeoutMs ? this.#silentMs : undefined
  }
}
