import { assert } from '../base/assert.ts'

/** A first-in first-out ring that grows by doubling and never shifts. */
export class ElementQueue<T> {
  #ring: (T | undefined)[] = Array.from({ length: 16 })
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(element: T): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = element
    this.#size++
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const element = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#size--
    return element
  }

  clear(): void {
    this.#ring = Array.from({ length: 16 })
    this.#head = 0
    this.#size = 0
  }

  #grow(): void {
    const old = this.#ring
    const next: (T | undefined)[] = Array.from({ length: old.length * 2 })
    for (let i = 0; i < this.#size; i++) next[i] = old[(this.#head + i) & (old.length - 1)]
    assert(next.length <= 1 << 24, 'an exchange queue grew without bound', { size: this.#size })
    this.#ring = next
    this.#head = 0
  }
}
