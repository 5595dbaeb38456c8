/** SIGINT and SIGTERM, once for each wish of the user: a signal may come twice for one, to the process and to its group (npm, timeout). */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
const SAME_SIGNAL_MS = 100

export class SignalEar {
  readonly #tell: (signal: NodeJS.Signals) => void
  readonly #onSignal = (signal: NodeJS.Signals): void => this.#hear(signal)
  #heard: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined

  /** From here on the signals do not end the process by themselves, until `dispose`. */
  constructor(tell: (signal: NodeJS.Signals) => void) {
    this.#tell = tell
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  dispose(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }

  #hear(signal: NodeJS.Signals): void {
    const before = this.#heard
    const atMs = performance.now()
    this.#heard = { signal, atMs }
    if (before?.signal !== signal || atMs - before.atMs > SAME_SIGNAL_MS) this.#tell(signal)
  }
}
