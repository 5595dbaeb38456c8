/**
 * States of the window that is current: those of a trigger and those of the window's function.
 *
 * Owns: what is in the slots of an entry for each kind of state. Does not own: which window is current (`WindowCursor`).
 *
 * U1 A state has one place among the slots, by order of declaration.
 * U2 They live and go with the window, so they need no time to live.
 */
import { EngineError } from '../base/errors.ts'
import { present } from '../base/assert.ts'
import type { AggregatingStateDescriptor, ReducingStateDescriptor, StateDescriptor } from '../state/descriptors.ts'
import { FoldingAggregatingState, FoldingReducingState } from '../state/folding-states.ts'
import type { ListState, MapState, ValueState } from '../state/keyed-state.ts'
import type { StateDeclarations, StateHandles } from './user-states.ts'
import { setSlot, slotOf, type WindowEntry } from './window-entry.ts'

/** Which window the states show. */
export class WindowCursor {
  #window: WindowEntry | undefined

  enter(window: WindowEntry): void {
    this.#window = window
  }

  get window(): WindowEntry {
    return present(this.#window, 'the window whose states are used')
  }
}

/** Handles for the declared states; `firstPlace` is that of the first one. */
export function openWindowStates<S extends StateDeclarations>(
  declarations: S,
  cursor: WindowCursor,
  firstPlace: number,
): StateHandles<S> {
  const handles = Object.entries(declarations).map(([name, descriptor], index) => [
    name,
    openState(descriptor, cursor, firstPlace + index),
  ])
  return Object.freeze(Object.fromEntries(handles)) as StateHandles<S> // made name by name from the same declarations
}

/** @throws GRA1005 when one of them has a time to live */
export function checkWindowStates(declarations: StateDeclarations, what: string): void {
  const expiring = Object.values(declarations).find(({ ttl }) => ttl !== undefined)
  if (expiring === undefined) return
  throw new EngineError(
    'GRA1005',
    `state "${expiring.name}" of ${what} has a time to live. The job was not built, because such a state lives as long as its window. ` +
      'Leave the time to live out, or keep the state per key.',
  )
}

/** One place among the slots of the current window. */
class Slot<C> {
  readonly #cursor: WindowCursor
  readonly #place: number

  constructor(cursor: WindowCursor, place: number) {
    this.#cursor = cursor
    this.#place = place
  }

  get(): C | undefined {
    return slotOf(this.#cursor.window, this.#place) as C | undefined // only the state that has this slot fills it
  }

  set(content: C | undefined): void {
    setSlot(this.#cursor.window, this.#place, content)
  }
}

function openState(descriptor: StateDescriptor, cursor: WindowCursor, place: number): unknown {
  switch (descriptor.kind) {
    case 'value':
      return new WindowValueState(new Slot(cursor, place), descriptor.defaultValue)
    case 'list':
      return new WindowListState(new Slot<unknown[]>(cursor, place))
    case 'map':
      return new WindowMapState(new Slot<Map<unknown, unknown>>(cursor, place))
    case 'reducing':
      return new FoldingReducingState(valueOf(cursor, place), descriptor as AnyReducing) // by its kind
    case 'aggregating':
      return new FoldingAggregatingState(valueOf(cursor, place), descriptor as AnyAggregating) // by its kind
  }
}

function valueOf(cursor: WindowCursor, place: number): WindowValueState<unknown> {
  return new WindowValueState(new Slot(cursor, place), undefined)
}

type AnyReducing = ReducingStateDescriptor<unknown>
type AnyAggregating = AggregatingStateDescriptor<unknown, unknown, unknown>

class WindowValueState<T> implements ValueState<T> {
  readonly #slot: Slot<T>
  readonly #defaultValue: unknown

  constructor(slot: Slot<T>, defaultValue: unknown) {
    this.#slot = slot
    this.#defaultValue = defaultValue
  }

  value(): T | undefined {
    const value = this.#slot.get()
    if (value !== undefined) return value
    const absent = this.#defaultValue
    return (typeof absent === 'function' ? absent() : absent) as T | undefined // declared with this state
  }

  update(value: T): void {
    this.#slot.set(value)
  }

  clear(): void {
    this.#slot.set(undefined)
  }
}

const NOTHING: readonly never[] = Object.freeze([])

class WindowListState<T> implements ListState<T> {
  readonly #slot: Slot<T[]>

  constructor(slot: Slot<T[]>) {
    this.#slot = slot
  }

  get(): readonly T[] {
    return this.#slot.get() ?? NOTHING
  }

  add(value: T): void {
    const list = this.#slot.get()
    if (list === undefined) this.#slot.set([value])
    else list.push(value)
  }

  update(values: readonly T[]): void {
    this.#slot.set(values.length === 0 ? undefined : values.slice())
  }

  clear(): void {
    this.#slot.set(undefined)
  }
}

class WindowMapState<K, V> implements MapState<K, V> {
  readonly #slot: Slot<Map<K, V>>

  constructor(slot: Slot<Map<K, V>>) {
    this.#slot = slot
  }

  get(key: K): V | undefined {
    return this.#slot.get()?.get(key)
  }

  has(key: K): boolean {
    return this.#slot.get()?.has(key) === true
  }

  put(key: K, value: V): void {
    const map = this.#slot.get()
    if (map === undefined) this.#slot.set(new Map([[key, value]]))
    else map.set(key, value)
  }

  remove(key: K): void {
    const map = this.#slot.get()
    map?.delete(key)
    if (map?.size === 0) this.clear()
  }

  entries(): Iterable<readonly [K, V]> {
    return this.#slot.get()?.entries() ?? NOTHING
  }

  size(): number {
    return this.#slot.get()?.size ?? 0
  }

  clear(): void {
    this.#slot.set(undefined)
  }
}

/** Joins what two windows hold of one state. `combine` is for values. */
export type Combine = (first: unknown, second: unknown) => unknown

/** Both contents as one; the first may be changed. Undefined when the kind of state cannot be joined. */
export function mergedContent(
  descriptor: StateDescriptor,
  first: unknown,
  second: unknown,
  combine: Combine | undefined,
): unknown {
  switch (descriptor.kind) {
    case 'value':
      return combine?.(first, second)
    case 'list':
      return [...(first as readonly unknown[]), ...(second as readonly unknown[])] // what a list state holds
    case 'map':
      return new Map([...(first as Map<unknown, unknown>), ...(second as Map<unknown, unknown>)]) // what a map state holds
    case 'reducing':
    case 'aggregating':
      return (combine ?? mergeOf(descriptor))?.(first, second)
  }
}

function mergeOf(descriptor: StateDescriptor): Combine | undefined {
  const functions = descriptor as { readonly reduce?: Combine; readonly aggregate?: { readonly merge?: Combine } } // by its kind
  const { reduce, aggregate } = functions
  return reduce ?? (aggregate?.merge === undefined ? undefined : (first, second) => aggregate.merge?.(first, second))
}
