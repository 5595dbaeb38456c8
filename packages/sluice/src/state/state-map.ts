export interface PairVisitor<K, V> {
  pair(key: K, value: V): void
}

/**
 * The content of a map state for one key. Most hold one pair (the one open window of a key), for which a `Map` would be five times
 * the memory; from the second pair on it is one. Never empty: a key without pairs has no content.
 */
export class StateMap<K, V> {
  #key: K | undefined
  #value: V | undefined
  #many: Map<K, V> | undefined

  constructor(key: K, value: V) {
    const isEqualToItself = key === key // oxlint-disable-line no-self-compare -- NaN is a key like any other, but only to a Map
    this.#key = isEqualToItself ? key : undefined
    this.#value = isEqualToItself ? value : undefined
    this.#many = isEqualToItself ? undefined : new Map([[key, value]])
  }

  get size(): number {
    return this.#many === undefined ? 1 : this.#many.size
  }

  get(key: K): V | undefined {
    if (this.#many === undefined) return key === this.#key ? this.#value : undefined
    return this.#many.get(key)
  }

  has(key: K): boolean {
    return this.#many === undefined ? key === this.#key : this.#many.has(key)
  }

  put(key: K, value: V): void {
    if (this.#many !== undefined) this.#many.set(key, value)
    else if (key === this.#key) this.#value = value
    else this.#many = this.#spread().set(key, value)
  }

  /** Returns how many pairs are left. A map of none must not be used again. */
  remove(key: K): number {
    if (this.#many === undefined) return key === this.#key ? 0 : 1
    this.#many.delete(key)
    return this.#many.size
  }

  entries(): Iterable<readonly [K, V]> {
    return this.#many === undefined ? [this.#onlyPair()] : this.#many.entries()
  }

  /** Visits every pair without making any. */
  forEach(visitor: PairVisitor<K, V>): void {
    if (this.#many === undefined) visitor.pair(this.#key as K, this.#value as V) // without #many there is exactly this pair
    else for (const [key, value] of this.#many) visitor.pair(key, value)
  }

  #spread(): Map<K, V> {
    const many = new Map<K, V>([this.#onlyPair()])
    this.#key = undefined
    this.#value = undefined
    return many
  }

  #onlyPair(): [K, V] {
    return [this.#key as K, this.#value as V] // without #many there is exactly this pair
  }
}
