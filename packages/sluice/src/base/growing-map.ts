/**
 * An immutable map for the states of pure machines, which grow entry by entry: `with` gives the next map and leaves this one as it is.
 *
 * Owns: the table that all versions of one history share. Called by: machines that note something of each of ten thousand tasks.
 *
 * G1 A version sees what was written before it was made, and nothing else.
 * G2 `with` takes constant time on the newest version; on an older one it copies what that one sees.
 */
interface Entry<V> {
  readonly value: V
  /** Its place among all writes into the table. */
  readonly at: number
  readonly before: Entry<V> | undefined
}

interface Table<K, V> {
  readonly newest: Map<K, Entry<V>>
  writes: number
}

export class GrowingMap<K, V> {
  readonly size: number
  readonly #table: Table<K, V>
  /** Writes that this version sees. */
  readonly #writes: number

  private constructor(table: Table<K, V>, size: number) {
    this.#table = table
    this.#writes = table.writes
    this.size = size
  }

  static of<K, V>(entries: Iterable<readonly [K, V]> = []): GrowingMap<K, V> {
    const newest = new Map<K, Entry<V>>()
    for (const [key, value] of entries) newest.set(key, { value, at: 0, before: undefined })
    return new GrowingMap({ newest, writes: 1 }, newest.size)
  }

  get(key: K): V | undefined {
    return this.#seen(this.#table.newest.get(key))?.value
  }

  has(key: K): boolean {
    return this.#seen(this.#table.newest.get(key)) !== undefined
  }

  with(key: K, value: V): GrowingMap<K, V> {
    if (this.#table.writes !== this.#writes) return GrowingMap.of(this.entries()).with(key, value) // G2
    const { newest } = this.#table
    const before = newest.get(key)
    newest.set(key, { value, at: this.#table.writes++, before })
    return new GrowingMap(this.#table, before === undefined ? this.size + 1 : this.size)
  }

  /** In the order in which the keys came first. */
  *entries(): Generator<readonly [K, V]> {
    for (const [key, newest] of this.#table.newest) {
      const seen = this.#seen(newest)
      if (seen !== undefined) yield [key, seen.value]
    }
  }

  *keys(): Generator<K> {
    for (const [key] of this.entries()) yield key
  }

  *values(): Generator<V> {
    for (const [, value] of this.entries()) yield value
  }

  // G1
  #seen(newest: Entry<V> | undefined): Entry<V> | undefined {
    let entry = newest
    while (entry !== undefined && entry.at >= this.#writes) entry = entry.before
    return entry
  }
}
