export interface PairVisitor<K, V> {
  pair(key: K, value: V): void
}

/** A place for a pair that holds none. */
const NONE: unique symbol = Symbol('no pair')
type None = typeof NONE

/**
 * The pairs of a map state for one key. Most hold one pair (the open window of a key) and some two (around the end of a window), for
 * which a `Map` would be five times the memory and two more cache misses; only with a third pair it is one. Pairs are in order of insertion.
 */
export class StateMap<K, V> {
  #key: K | None = NONE
  #value: V | undefined
  #secondKey: K | None = NONE
  #secondValue: V | undefined
  #many: Map<K, V> | undefined

  get size(): number {
    if (this.#many !== undefined) return this.#many.size
    if (this.#secondKey !== NONE) return 2
    return this.#key === NONE ? 0 : 1
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

  /** Returns how many pairs are left. */
  remove(key: K): number {
    if (this.#many !== undefined) this.#many.delete(key)
    else if (key === this.#key) this.#removeFirst()
    else if (key === this.#secondKey) this.#clearSecond()
    return this.size
  }

  removeAll(): void {
    this.#key = NONE
    this.#value = undefined
    this.#clearSecond()
    this.#many = undefined
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
    if (this.#key !== NONE) visitor.pair(this.#key, withKey(this.#value))
    if (this.#secondKey !== NONE) visitor.pair(this.#secondKey, withKey(this.#secondValue))
  }

  #add(key: K, value: V): void {
    const isEqualToItself = key === key // oxlint-disable-line no-self-compare -- NaN is a key like any other, but only to a Map
    if (this.#many !== undefined) this.#many.set(key, value)
    else if (!isEqualToItself) this.#many = this.#spread().set(key, value)
    else if (this.#key === NONE) {
      this.#key = key
      this.#value = value
    } else if (this.#secondKey === NONE) {
      this.#secondKey = key
      this.#secondValue = value
    } else this.#many = this.#spread().set(key, value)
  }

  /** The second pair becomes the first, so that the next one comes behind it. */
  #removeFirst(): void {
    this.#key = this.#secondKey
    this.#value = this.#secondValue
    this.#clearSecond()
  }

  #clearSecond(): void {
    this.#secondKey = NONE
    this.#secondValue = undefined
  }

  #spread(): Map<K, V> {
    const many = new Map<K, V>(this.#pairs())
    this.removeAll()
    return many
  }

  #pairs(): [K, V][] {
    const pairs: [K, V][] = []
    if (this.#key !== NONE) pairs.push([this.#key, withKey(this.#value)])
    if (this.#secondKey !== NONE) pairs.push([this.#secondKey, withKey(this.#secondValue)])
    return pairs
  }
}

/** A key never stands without its value, which may be undefined itself. */
function withKey<V>(value: V | undefined): V {
  return value as V // see above
}
