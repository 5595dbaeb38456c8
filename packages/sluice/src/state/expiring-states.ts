/**
 * Value, list and map state with a time to live, on the heap. Classes of their own, so that states without one pay nothing.
 *
 * A use removes what has expired from what it uses; what puts something new into a state looks at some other entries before (X1).
 */
import type { StateDescriptor } from './descriptors.ts'
import type { Entry } from './entry.ts'
import type { EntryTable } from './entry-table.ts'
import type { ExpiredEntries, ExpiringSlot } from './expired-entries.ts'
import { ExpiringList, type ExpiringMap, Stamped } from './expiring.ts'
import { type Expiry, UNKNOWN_TIME_MS } from './expiry.ts'
import { clearSlot, isMaker } from './heap-states.ts'
import type { ListState, MapState, ValueState } from './keyed-state.ts'
import { StateMap } from './state-map.ts'

/** Where a state with a time to live is, and what it needs. */
export interface ExpiringPlace {
  readonly table: EntryTable
  readonly slot: number
  readonly expiry: Expiry
  readonly expired: ExpiredEntries
}

abstract class ExpiringState<Content> implements ExpiringSlot {
  readonly isSwept: boolean
  protected readonly table: EntryTable
  readonly slot: number
  protected readonly expiry: Expiry
  readonly #expired: ExpiredEntries
  readonly #lookCount: number

  constructor({ table, slot, expiry, expired }: ExpiringPlace) {
    this.table = table
    this.slot = slot
    this.expiry = expiry
    this.#expired = expired
    this.#lookCount = expiry.lookCount
    this.isSwept = expiry.lookCount > 0
    expired.add(this)
  }

  nowMs(): number {
    return this.expiry.nowMs()
  }

  purge(entry: Entry, nowMs: number): boolean {
    const content = entry.contentAs<Content>(this.slot)
    if (content === undefined || this.purgeContent(content, nowMs)) return false
    entry.setContent(this.slot, undefined)
    return true
  }

  clear(): void {
    clearSlot(this.table, this.slot)
  }

  /** Removes what has expired; false when nothing is left. Gives what has no time yet that of now. */
  protected abstract purgeContent(content: Content, nowMs: number): boolean

  /** When something new comes: what grows is cleaned. */
  #look(): void {
    if (this.#lookCount > 0) this.#expired.lookOnce(this.#lookCount)
  }

  protected content(): Content | undefined {
    return this.table.current?.contentAs(this.slot)
  }

  /** The time of something new. */
  protected createdMs(): number {
    this.#look()
    return this.expiry.usedMs(UNKNOWN_TIME_MS)
  }

  protected store(content: Content): void {
    this.table.obtain().setContent(this.slot, content)
  }

  protected isLive(stamped: Stamped<unknown>, nowMs: number): boolean {
    if (stamped.usedMs === UNKNOWN_TIME_MS) stamped.usedMs = nowMs
    return !this.expiry.hasExpired(stamped.usedMs, nowMs)
  }

  /** Of a read. */
  protected use(stamped: Stamped<unknown>): void {
    if (this.expiry.isRefreshedByReads) stamped.usedMs = this.expiry.usedMs(stamped.usedMs)
  }
}

export class ExpiringValueState<T> extends ExpiringState<Stamped<T>> implements ValueState<T> {
  readonly #defaultValue: T | (() => T) | undefined

  constructor(place: ExpiringPlace, descriptor: Pick<StateDescriptor<'value', T>, 'defaultValue'>) {
    super(place)
    this.#defaultValue = descriptor.defaultValue
  }

  value(): T | undefined {
    const stamped = this.content()
    if (stamped === undefined) return this.#absent()
    if (this.isLive(stamped, this.nowMs())) {
      this.use(stamped)
      return stamped.value
    }
    clearSlot(this.table, this.slot)
    return this.expiry.returnsExpired ? stamped.value : this.#absent()
  }

  update(value: T): void {
    if (value === undefined) return this.clear()
    const stamped = this.content()
    if (stamped === undefined) return this.store(new Stamped(value, this.createdMs()))
    stamped.value = value
    stamped.usedMs = this.expiry.usedMs(stamped.usedMs)
  }

  protected override purgeContent(stamped: Stamped<T>, nowMs: number): boolean {
    return this.isLive(stamped, nowMs)
  }

  #absent(): T | undefined {
    this.table.requireKey()
    const value = this.#defaultValue
    return isMaker(value) ? value() : value
  }
}

const NOTHING: readonly never[] = Object.freeze([])

export class ExpiringListState<T> extends ExpiringState<ExpiringList<T>> implements ListState<T> {
  get(): readonly T[] {
    const list = this.content()
    if (list === undefined) {
      this.table.requireKey()
      return NOTHING
    }
    const before = list.values
    if (!this.purgeContent(list, this.nowMs())) clearSlot(this.table, this.slot)
    else if (this.expiry.isRefreshedByReads) list.refresh(this.expiry.usedMs(list.earliestMs))
    return this.expiry.returnsExpired ? before : list.values
  }

  add(value: T): void {
    const list = this.content()
    const usedMs = this.createdMs()
    if (list === undefined) this.store(new ExpiringList([value], [usedMs]))
    else list.add(value, usedMs)
  }

  update(values: readonly T[]): void {
    if (values.length === 0) return this.clear()
    const usedMs = this.createdMs()
    this.store(
      new ExpiringList(
        values.slice(),
        values.map(() => usedMs),
      ),
    )
  }

  protected override purgeContent(list: ExpiringList<T>, nowMs: number): boolean {
    if (list.earliestMs === UNKNOWN_TIME_MS) list.start(nowMs)
    if (!this.expiry.hasExpired(list.earliestMs, nowMs)) return true
    list.keep((usedMs) => !this.expiry.hasExpired(usedMs, nowMs))
    return list.values.length > 0
  }
}

export class ExpiringMapState<K, V> extends ExpiringState<ExpiringMap<K, V>> implements MapState<K, V> {
  get(key: K): V | undefined {
    const stamped = this.#used(key)
    return stamped?.value
  }

  has(key: K): boolean {
    return this.#used(key) !== undefined
  }

  put(key: K, value: V): void {
    const stamped = this.content()?.get(key)
    if (stamped === undefined) return this.#obtain().put(key, new Stamped(value, this.createdMs()))
    const usedMs = this.expiry.usedMs(stamped.usedMs)
    if (this.expiry.hasExpired(stamped.usedMs, usedMs) && !this.isLive(stamped, this.nowMs()))
      this.#moveBack(key, stamped)
    stamped.value = value
    stamped.usedMs = usedMs
  }

  remove(key: K): void {
    const pairs = this.content()
    if (pairs === undefined) this.table.requireKey()
    else if (pairs.remove(key) === 0) clearSlot(this.table, this.slot)
  }

  entries(): Iterable<readonly [K, V]> {
    const pairs = this.content()
    if (pairs === undefined) {
      this.table.requireKey()
      return NOTHING
    }
    const before = this.expiry.returnsExpired ? valuesOf(pairs) : undefined
    if (!this.purgeContent(pairs, this.nowMs())) clearSlot(this.table, this.slot)
    if (this.expiry.isRefreshedByReads) for (const [, stamped] of pairs.entries()) this.use(stamped)
    return before ?? valuesOf(pairs)
  }

  size(): number {
    const pairs = this.content()
    if (pairs === undefined) {
      this.table.requireKey()
      return 0
    }
    const before = pairs.size
    if (!this.purgeContent(pairs, this.nowMs())) clearSlot(this.table, this.slot)
    return this.expiry.returnsExpired ? before : pairs.size
  }

  protected override purgeContent(pairs: ExpiringMap<K, V>, nowMs: number): boolean {
    for (const [key, stamped] of pairs.entries()) if (!this.isLive(stamped, nowMs)) pairs.remove(key)
    return pairs.size > 0
  }

  /** What is read of a pair; undefined when there is none any more. */
  #used(key: K): Stamped<V> | undefined {
    const pairs = this.content()
    if (pairs === undefined) {
      this.table.requireKey()
      return undefined
    }
    const stamped = pairs.get(key)
    if (stamped === undefined) return undefined
    if (this.isLive(stamped, this.nowMs())) {
      this.use(stamped)
      return stamped
    }
    if (pairs.remove(key) === 0) clearSlot(this.table, this.slot)
    return this.expiry.returnsExpired ? stamped : undefined
  }

  /** Pairs are in order of insertion, and one that had expired is inserted anew: whether anything had removed it makes no difference. */
  #moveBack(key: K, stamped: Stamped<V>): void {
    const pairs = this.#obtain()
    pairs.remove(key)
    pairs.put(key, stamped)
  }

  #obtain(): ExpiringMap<K, V> {
    const known = this.content()
    if (known !== undefined) return known
    const pairs: ExpiringMap<K, V> = new StateMap()
    this.store(pairs)
    return pairs
  }
}

/** A copy: what is in the map may expire while the pairs are walked over. */
function valuesOf<K, V>(pairs: ExpiringMap<K, V>): readonly (readonly [K, V])[] {
  const result: (readonly [K, V])[] = []
  for (const [key, stamped] of pairs.entries()) result.push([key, stamped.value])
  return result
}
