import type { Env, Timer } from '../base/env.ts'

/** The one timer of a task: wakes it at the earliest of a wall time and a monotonic time. */
export class WakeTimer {
  readonly #env: Env
  readonly #wake: () => void
  #timer: Timer | undefined
  #atMs = Number.POSITIVE_INFINITY

  constructor(env: Env, wake: () => void) {
    this.#env = env
    this.#wake = wake
  }

  set(wallMs: number, monotonicMs: number): void {
    const { clock, timers } = this.#env
    const nowMs = clock.monotonicMs()
    const atMs = Math.min(monotonicMs, wallMs === Number.POSITIVE_INFINITY ? wallMs : nowMs + wallMs - clock.wallMs())
    if (atMs === this.#atMs) return
    this.cancel()
    if (atMs === Number.POSITIVE_INFINITY) return
    this.#atMs = atMs
    this.#timer = timers.after(Math.max(0, atMs - nowMs), () => this.#fire())
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#atMs = Number.POSITIVE_INFINITY
  }

  #fire(): void {
    this.#timer = undefined
    this.#atMs = Number.POSITIVE_INFINITY
    this.#wake()
  }
}
