/** Value, list and map state on the heap. One object serves all keys: it looks at the current entry. */
import type { StateDescriptor } from './descriptors.ts'
import { PAIRS_SLOT } from './entry.ts'
import type { EntryTable } from './entry-table.ts'
import type { ListState, MapState, ValueState } from './keyed-state.ts'
import { StateMap } from './state-map.ts'

const NOTHING: readonly never[] = Object.freeze([])

export class HeapValueState<T> implements ValueState<T> {
  readonly #table: EntryTable
  readonly #slot: number
  readonly #defaultValue: T | (() => T) | undefined

  constructor(table: EntryTable, slot: number, descriptor: Pick<StateDescriptor<'value', T>, 'defaultValue'>) {
    this.#table = table
    this.#slot = slot
    this.#defaultValue = descriptor.defaultValue
  }

  value(): T | undefined {
    const entry = this.#table.current
    if (entry === undefined) return this.#absent()
    const value = entry.contentOf(this.#slot) as T | undefined // only update() fills the slot
    return value === undefined ? this.#absent() : value
  }

  update(value: T): void {
    if (value === undefined) this.clear()
    else this.#table.obtain().setContent(this.#slot, value)
  }

  clear(): void {
    clearSlot(this.#table, this.#slot)
  }

  #absent(): T | undefined {
    this.#table.requireKey()
    const value = this.#defaultValue
    return isMaker(value) ? value() : value
  }
}

export class HeapListState<T> implements ListState<T> {
  readonly #table: EntryTable
  readonly #slot: number

  constructor(table: EntryTable, slot: number) {
    this.#table = table
    this.#slot = slot
  }

  get(): readonly T[] {
    const list = this.#list()
    if (list !== undefined) return list
    this.#table.requireKey()
    return NOTHING
  }

  add(value: T): void {
    const list = this.#list()
    if (list === undefined) this.#table.obtain().setContent(this.#slot, [value])
    else list.push(value)
  }

  update(values: readonly T[]): void {
    if (values.length === 0) this.clear()
    else this.#table.obtain().setContent(this.#slot, values.slice())
  }

  clear(): void {
    clearSlot(this.#table, this.#slot)
  }

  #list(): T[] | undefined {
    return this.#table.current?.contentOf(this.#slot) as T[] | undefined // only this class fills the slot
  }
}

abstract class HeapMapState<K, V> implements MapState<K, V> {
  protected readonly table: EntryTable
  readonly #slot: number

  constructor(table: EntryTable, slot: number) {
    this.table = table
    this.#slot = slot
  }

  /** The pairs of the current key; none or undefined if it has none. */
  protected abstract pairs(): StateMap<K, V> | undefined

  /** For writes. */
  protected abstract obtainPairs(): StateMap<K, V>

  get(key: K): V | undefined {
    const pairs = this.pairs()
    if (pairs !== undefined) return pairs.get(key)
    this.table.requireKey()
    return undefined
  }

  has(key: K): boolean {
    const pairs = this.pairs()
    if (pairs !== undefined) return pairs.has(key)
    this.table.requireKey()
    return false
  }

  put(key: K, value: V): void {
    this.obtainPairs().put(key, value)
  }

  remove(key: K): void {
    const pairs = this.pairs()
    if (pairs === undefined) this.table.requireKey()
    else if (pairs.remove(key) === 0) this.clear()
  }

  entries(): Iterable<readonly [K, V]> {
    const pairs = this.pairs()
    if (pairs !== undefined) return pairs.entries()
    this.table.requireKey()
    return NOTHING
  }

  size(): number {
    const pairs = this.pairs()
    if (pairs !== undefined) return pairs.size
    this.table.requireKey()
    return 0
  }

  clear(): void {
    clearSlot(this.table, this.#slot)
  }
}

/** The first map state of an operator: no object stands between the entry and its pairs. */
export class HeapOwnPairs<K, V> extends HeapMapState<K, V> {
  constructor(table: EntryTable) {
    super(table, PAIRS_SLOT)
  }

  protected override pairs(): StateMap<K, V> | undefined {
    return this.table.current as StateMap<K, V> | undefined // only this class puts pairs into the entry itself
  }

  protected override obtainPairs(): StateMap<K, V> {
    return this.table.obtain() as StateMap<K, V> // likewise
  }
}

/** Every further one. */
export class HeapSlotPairs<K, V> extends HeapMapState<K, V> {
  readonly #slot: number

  constructor(table: EntryTable, slot: number) {
    super(table, slot)
    this.#slot = slot
  }

  protected override pairs(): StateMap<K, V> | undefined {
    return this.table.current?.contentOf(this.#slot) as StateMap<K, V> | undefined // only this class fills the slot
  }

  protected override obtainPairs(): StateMap<K, V> {
    const known = this.pairs()
    if (known !== undefined) return known
    const pairs = new StateMap<K, V>()
    this.table.obtain().setContent(this.#slot, pairs)
    return pairs
  }
}

export function clearSlot(table: EntryTable, slot: number): void {
  const entry = table.current
  if (entry === undefined) {
    table.requireKey()
    return
  }
  entry.setContent(slot, undefined)
  table.dropIfEmpty(entry)
}

export function isMaker<T>(value: T | (() => T) | undefined): value is () => T {
  return typeof value === 'function'
}
