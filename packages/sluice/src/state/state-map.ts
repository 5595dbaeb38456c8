export interface PairVisitor<K, V> {
  pair(key: K, value: V): void
}

/** A place for a pair that holds none. */
const NONE: unique symbol = Symbol('no pair')
type None = typeof NONE

/**
 * The content of a map state for one key. Most hold one pair (the open window of a key) and some two (around the end of a window), for
 * which a `Map` would be five times the memory and two more cache misses; only with a third pair it is one. Never empty: a key without
 * pairs has no content. Pairs are in order of insertion.
 */
export class StateMap<K, V> {
  #key: K | None
  #value: V | undefined
  #secondKey: K | None = NONE
  #secondValue: V | undefined
  #many: Map<K, V> | undefined

  constructor(key: K, value: V) {
    const isEqualToItself = key === key // oxlint-disable-line no-self-compare -- NaN is a key like any other, but only to a Map
    this.#key = isEqualToItself ? key : NONE
    this.#value = isEqualToItself ? value : undefined
    this.#many = isEqualToItself ? undefined : new Map([[key, value]])
  }

  get size(): number {
    if (this.#many !== undefined) return this.#many.size
    return this.#secondKey === NONE ? 1 : 2
  }

  get(key: K): V | undefined {
    if (key === this.#key) return this.#value
    if (key === this.#secondKey) return this.#secondValue
    return this.#many === undefined ? undefined : this.#many.get(key)
  }

  has(key: K): boolean {
    return key === this.#key || key === this.#secondKey || this.#many?.has(key) === true
  }

  put(key: K, value: V): void {
    if (key === this.#key) this.#value = value
    else if (key === this.#secondKey) this.#secondValue = value
    else this.#add(key, value)
  }

  /** Returns how many pairs are left. A map of none must not be used again. */
  remove(key: K): number {
    if (this.#many !== undefined) {
      this.#many.delete(key)
      return this.#many.size
    }
    if (key === this.#key) return this.#removeFirst()
    if (key === this.#secondKey) this.#clearSecond()
    return this.size
  }

  entries(): Iterable<readonly [K, V]> {
    return this.#many === undefined ? this.#pairs() : this.#many.entries()
  }

  /** Visits every pair without making any. */
  forEach(visitor: PairVisitor<K, V>): void {
    if (this.#many !== undefined) {
      for (const [key, value] of this.#many) visitor.pair(key, value)
      return
    }
    visitor.pair(this.#key as K, this.#value as V) // without #many there is a first pair
    if (this.#secondKey !== NONE) visitor.pair(this.#secondKey, this.#secondValue as V) // a key never stands without its value
  }

  #add(key: K, value: V): void {
    const isEqualToItself = key === key // oxlint-disable-line no-self-compare -- as in the constructor
    if (this.#many !== undefined) this.#many.set(key, value)
    else if (this.#secondKey === NONE && isEqualToItself) {
      this.#secondKey = key
      this.#secondValue = value
    } else this.#many = this.#spread().set(key, value)
  }

  /** The second pair becomes the first, so that the next one comes behind it. */
  #removeFirst(): number {
    if (this.#secondKey === NONE) return 0
    this.#key = this.#secondKey
    this.#value = this.#secondValue
    this.#clearSecond()
    return 1
  }

  #clearSecond(): void {
    this.#secondKey = NONE
    this.#secondValue = undefined
  }

  #spread(): Map<K, V> {
    const many = new Map<K, V>(this.#pairs())
    this.#key = NONE
    this.#value = undefined
    this.#clearSecond()
    return many
  }

  #pairs(): [K, V][] {
    const first: [K, V] = [this.#key as K, this.#value as V] // without #many there is a first pair
    return this.#secondKey === NONE ? [first] : [first, [this.#secondKey, this.#secondValue as V]] // likewise
  }
}
