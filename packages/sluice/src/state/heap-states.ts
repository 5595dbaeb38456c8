/** Value, list and map state on the heap. One object serves all keys: it looks at the current entry. */
import type { StateDescriptor } from './descriptors.ts'
import type { EntryTable } from './entry-table.ts'
import type { ListState, MapState, ValueState } from './keyed-state.ts'
import { StateMap } from './state-map.ts'

const NOTHING: readonly never[] = Object.freeze([])

export class HeapValueState<T> implements ValueState<T> {
  readonly #table: EntryTable
  readonly #slot: number
  readonly #defaultValue: T | (() => T) | undefined

  constructor(table: EntryTable, slot: number, descriptor: StateDescriptor<'value', T>) {
    this.#table = table
    this.#slot = slot
    this.#defaultValue = descriptor.defaultValue
  }

  value(): T | undefined {
    const entry = this.#table.current
    if (entry === undefined) return this.#absent()
    const value = entry.get(this.#slot) as T | undefined // only update() fills the slot
    return value === undefined ? this.#absent() : value
  }

  update(value: T): void {
    if (value === undefined) this.clear()
    else this.#table.obtain().set(this.#slot, value)
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
    if (list === undefined) this.#table.obtain().set(this.#slot, [value])
    else list.push(value)
  }

  update(values: readonly T[]): void {
    if (values.length === 0) this.clear()
    else this.#table.obtain().set(this.#slot, values.slice())
  }

  clear(): void {
    clearSlot(this.#table, this.#slot)
  }

  #list(): T[] | undefined {
    return this.#table.current?.get(this.#slot) as T[] | undefined // only this class fills the slot
  }
}

export class HeapMapState<K, V> implements MapState<K, V> {
  readonly #table: EntryTable
  readonly #slot: number

  constructor(table: EntryTable, slot: number) {
    this.#table = table
    this.#slot = slot
  }

  get(key: K): V | undefined {
    const map = this.#map()
    if (map !== undefined) return map.get(key)
    this.#table.requireKey()
    return undefined
  }

  has(key: K): boolean {
    const map = this.#map()
    if (map !== undefined) return map.has(key)
    this.#table.requireKey()
    return false
  }

  put(key: K, value: V): void {
    const map = this.#map()
    if (map === undefined) this.#table.obtain().set(this.#slot, new StateMap(key, value))
    else map.put(key, value)
  }

  remove(key: K): void {
    const map = this.#map()
    if (map === undefined) this.#table.requireKey()
    else if (map.remove(key) === 0) this.clear()
  }

  entries(): Iterable<readonly [K, V]> {
    const map = this.#map()
    if (map !== undefined) return map.entries()
    this.#table.requireKey()
    return NOTHING
  }

  size(): number {
    const map = this.#map()
    if (map !== undefined) return map.size
    this.#table.requireKey()
    return 0
  }

  clear(): void {
    clearSlot(this.#table, this.#slot)
  }

  #map(): StateMap<K, V> | undefined {
    return this.#table.current?.get(this.#slot) as StateMap<K, V> | undefined // only this class fills the slot
  }
}

function clearSlot(table: EntryTable, slot: number): void {
  const entry = table.current
  if (entry === undefined) {
    table.requireKey()
    return
  }
  entry.set(slot, undefined)
  table.dropIfEmpty(entry)
}

function isMaker<T>(value: T | (() => T) | undefined): value is () => T {
  return typeof value === 'function'
}
