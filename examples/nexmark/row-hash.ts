/**
 * Sums over rows, by which results of different engines can be compared: each row has a 32-bit hash of its fields, and the sum does not
 * depend on the order of the rows.
 */
const FNV_OFFSET = 0x811c9dc5 | 0
const FNV_PRIME = 0x01000193
const TWO_TO_32 = 4294967296

export class RowHash {
  #hash = FNV_OFFSET

  /** A safe integer: its lower half, then its upper one. */
  number(value: number): this {
    this.#add(value | 0)
    this.#add(Math.floor(value / TWO_TO_32))
    return this
  }

  /** Its length and, unless it is empty, three of its characters. */
  string(text: string): this {
    const { length } = text
    this.#addSmall(length)
    if (length === 0) return this
    this.#addSmall(text.charCodeAt(0))
    this.#addSmall(text.charCodeAt(length >> 1))
    this.#addSmall(text.charCodeAt(length - 1))
    return this
  }

  /** The hash of what was added since the last call, from 0 to 2^32 - 1. */
  take(): number {
    const hash = this.#hash >>> 0
    this.#hash = FNV_OFFSET
    return hash
  }

  /** A number whose upper half is 0. */
  #addSmall(value: number): void {
    this.#add(value)
    this.#add(0)
  }

  #add(bits: number): void {
    const mixed = Math.imul(this.#hash ^ bits, FNV_PRIME)
    this.#hash = mixed ^ (mixed >>> 15)
  }
}
