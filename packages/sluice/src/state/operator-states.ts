/**
 * Operator state on the heap of the thread: one object for each state of a subtask.
 *
 * A cut copies what is in the state, not the objects in it: they are encoded before the operator goes on (`Operator.snapshot`).
 */
import { assert } from '../base/assert.ts'
import type { MapState } from './keyed-state.ts'

/** A list of this subtask. */
export interface OperatorListState<T> {
  /** The live list: do not change it, do not keep it. */
  get(): readonly T[]
  /** Appends an element. */
  add(value: T): void
  /** Replaces all elements. */
  update(values: readonly T[]): void
  /** Forgets all elements. */
  clear(): void
}

export class HeapOperatorList implements OperatorListState<unknown> {
  #values: unknown[]

  constructor(items: readonly unknown[]) {
    this.#values = items.slice()
  }

  get(): readonly unknown[] {
    return this.#values
  }

  add(value: unknown): void {
    this.#values.push(value)
  }

  update(values: readonly unknown[]): void {
    this.#values = values.slice()
  }

  clear(): void {
    this.#values = []
  }

  /** Of a cut. */
  items(): readonly unknown[] {
    return this.#values.slice()
  }
}

/** A map of this subtask, in order of insertion. */
export interface BroadcastState<K, V> extends MapState<K, V> {}

export class HeapBroadcastState implements BroadcastState<unknown, unknown> {
  readonly #pairs: Map<unknown, unknown>

  constructor(items: readonly unknown[]) {
    this.#pairs = new Map(items.map(pairOf))
  }

  get(key: unknown): unknown {
    return this.#pairs.get(key)
  }

  has(key: unknown): boolean {
    return this.#pairs.has(key)
  }

  put(key: unknown, value: unknown): void {
    this.#pairs.set(key, value)
  }

  remove(key: unknown): void {
    this.#pairs.delete(key)
  }

  entries(): Iterable<readonly [unknown, unknown]> {
    return this.#pairs.entries()
  }

  size(): number {
    return this.#pairs.size
  }

  clear(): void {
    this.#pairs.clear()
  }

  /** Of a cut. */
  items(): readonly unknown[] {
    return [...this.#pairs]
  }
}

/** Of what `items` gave. */
function pairOf(item: unknown): readonly [unknown, unknown] {
  assert(Array.isArray(item) && item.length === 2, 'an item of a broadcast state is a pair')
  return [item[0], item[1]]
}
