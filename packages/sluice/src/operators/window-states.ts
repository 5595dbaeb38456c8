/**
 * States of the window that is current: those of a trigger and those of the window's function.
 *
 * Owns: what is in the slots of an entry for each kind of state. Does not own: which window is current (`WindowCursor`).
 *
 * U1 A state has one place among the slots, by order of declaration.
 * U2 They live and go with the window, so they need no time to live.
 */
import { EngineError } from '../base/errors.ts'
import { assert, present } from '../base/assert.ts'
import { recordOf } from '../base/record-of.ts'
import { ofItsKind, type StateAggregate, type StateDescriptor } from '../state/descriptors.ts'
import { FoldingAggregatingState, FoldingReducingState } from '../state/folding-states.ts'
import { isMaker } from '../state/heap-states.ts'
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
  const declared = Object.entries(declarations)
  return recordOf<StateHandles<S>>(
    declared.map(([name, descriptor], index) => [name, openState(descriptor, cursor, firstPlace + index)]),
  )
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
    return slotOf(this.#cursor.window, this.#place)
  }

  set(content: C | undefined): void {
    setSlot(this.#cursor.window, this.#place, content)
  }
}

function openState(declared: StateDescriptor, cursor: WindowCursor, place: number): unknown {
  const descriptor = ofItsKind(declared)
  switch (descriptor.kind) {
    case 'value':
      return new WindowValueState(new Slot(cursor, place), descriptor.defaultValue)
    case 'list':
      return new WindowListState(new Slot<unknown[]>(cursor, place))
    case 'map':
      return new WindowMapState(new Slot<Map<unknown, unknown>>(cursor, place))
    case 'reducing':
      return new FoldingReducingState(valueOf(cursor, place), descriptor)
    case 'aggregating':
      return new FoldingAggregatingState(valueOf(cursor, place), descriptor)
  }
}

function valueOf(cursor: WindowCursor, place: number): WindowValueState<unknown> {
  return new WindowValueState(new Slot(cursor, place), undefined)
}

class WindowValueState<T> implements ValueState<T> {
  readonly #slot: Slot<T>
  readonly #defaultValue: T | (() => T) | undefined

  constructor(slot: Slot<T>, defaultValue: T | (() => T) | undefined) {
    this.#slot = slot
    this.#defaultValue = defaultValue
  }

  value(): T | undefined {
    const value = this.#slot.get()
    if (value !== undefined) return value
    const absent = this.#defaultValue
    return isMaker(absent) ? absent() : absent
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
  declared: StateDescriptor,
  first: unknown,
  second: unknown,
  combine: Combine | undefined,
): unknown {
  const descriptor = ofItsKind(declared)
  switch (descriptor.kind) {
    case 'value':
      return combine?.(first, second)
    case 'list':
      return [...listIn(first), ...listIn(second)]
    case 'map':
      return new Map([...mapIn(first), ...mapIn(second)])
    case 'reducing':
      return (combine ?? descriptor.reduce)(first, second)
    case 'aggregating':
      return (combine ?? mergeOf(descriptor.aggregate))?.(first, second)
  }
}

/** The `merge` of an aggregate that has one: every `AggregateFunction` of a window may. */
function mergeOf(
  aggregate: StateAggregate<unknown, unknown, unknown> & { readonly merge?: Combine },
): Combine | undefined {
  return aggregate.merge === undefined ? undefined : (first, second) => aggregate.merge?.(first, second)
}

function listIn(content: unknown): readonly unknown[] {
  assert(Array.isArray(content), 'the place of a list state holds a list')
  return content
}

function mapIn(content: unknown): ReadonlyMap<unknown, unknown> {
  assert(content instanceof Map, 'the place of a map state holds a map')
  return content
}
