import type { Timer, Timers } from '../base/env.ts'

/** Timers that are told apart by name: one of each at most. */
export class NamedTimers<Name extends string> {
  readonly #timers: Timers
  readonly #running = new Map<Name, Timer>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Replaces one of this name. */
  start(name: Name, delayMs: number, fire: () => void): void {
    this.cancel(name)
    const timer = this.#timers.after(delayMs, () => {
      this.#running.delete(name)
      fire()
    })
    this.#running.set(name, timer)
  }

  /** Fine when there is none. */
  cancel(name: Name): void {
    this.#running.get(name)?.cancel()
    this.#running.delete(name)
  }

  cancelAll(): void {
    for (const timer of this.#running.values()) timer.cancel()
    this.#running.clear()
  }
}
