/**
 * How many outputs of one task are blocked. Shared by the task and all its channels, so that the hot loop asks one field.
 */
export class OutputPressure {
  /** Number of channels that are out of credit. */
  blocked = 0
  readonly #onFree: () => void

  /** `onFree` is called when the last blocked channel got room. */
  constructor(onFree: () => void) {
    this.#onFree = onFree
  }

  block(): void {
    this.blocked++
  }

  free(): void {
    this.blocked--
    if (this.blocked === 0) this.#onFree()
  }
}
