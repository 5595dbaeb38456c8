/**
 * Keyed state and timers as objects on the heap of the thread.
 *
 * Owns: putting the parts together. One entry per key holds its states and timers (entry-table.ts); snapshots encode entries in slices
 * between batches, and one that is touched before its turn is encoded first (heap-snapshot.ts). Bytes: docs/spec/state.md.
 * Called by: operators, through keyed-state.ts; the chain that hosts them for restore and snapshot.
 *
 * A subtask holds at most 2^24 keys (the limit of a `Map`), and in practice what fits into the memory of its thread.
 */
import { assert } from '../base/assert.ts'
import type { Key, KeyGroupRange } from '../stream/key-groups.ts'
import { splitChunks, corruptChunk } from './chunk-format.ts'
import { readChunk } from './chunk-reader.ts'
import { DeclaredStates } from './declared-states.ts'
import type { StateDescriptor } from './descriptors.ts'
import { type Entry, EVENT_TIMERS_SLOT, PAIRS_SLOT, PROCESSING_TIMERS_SLOT } from './entry.ts'
import { EntryTable } from './entry-table.ts'
import { HeapSnapshot } from './heap-snapshot.ts'
import { HeapListState, HeapOwnPairs, HeapSlotPairs, HeapValueState } from './heap-states.ts'
import { HeapTimers } from './heap-timers.ts'
import type { KeyedSnapshot, KeyedStateBackend, ListState, MapState, ValueState } from './keyed-state.ts'

export interface HeapBackendOptions {
  /** Of the operator; it is written into every chunk and compared at restore. */
  readonly uid: string
  /** The key groups of this subtask. */
  readonly keyGroups: KeyGroupRange
  readonly maxParallelism: number
  /**
   * All states of the operator, if they are known already: then a snapshot with another state is refused at `restore`, else with the
   * first key. They are still declared by `valueState` and so on.
   */
  readonly states?: readonly StateDescriptor[]
}

export function createHeapBackend(options: HeapBackendOptions): KeyedStateBackend {
  return new HeapBackend(options)
}

class HeapBackend implements KeyedStateBackend {
  readonly keyGroups: KeyGroupRange
  readonly maxParallelism: number
  readonly eventTimers: HeapTimers
  readonly processingTimers: HeapTimers
  readonly #uid: string
  readonly #states: DeclaredStates
  readonly #table: EntryTable

  constructor({ uid, keyGroups, maxParallelism, states }: HeapBackendOptions) {
    assert(keyGroups.first >= 0, 'a range of key groups starts at 0 or above', { first: keyGroups.first })
    assert(keyGroups.last < maxParallelism, 'a range of key groups ends below max parallelism', {
      last: keyGroups.last,
      maxParallelism,
    })
    this.keyGroups = keyGroups
    this.maxParallelism = maxParallelism
    this.#uid = uid
    this.#states = new DeclaredStates(uid, states)
    this.#table = new EntryTable({ uid, keyGroups, maxParallelism, states: this.#states })
    this.eventTimers = new HeapTimers(this.#table, EVENT_TIMERS_SLOT)
    this.processingTimers = new HeapTimers(this.#table, PROCESSING_TIMERS_SLOT)
  }

  valueState<T>(descriptor: StateDescriptor<'value', T>): ValueState<T> {
    return new HeapValueState(this.#table, this.#states.declare(descriptor).slot, descriptor)
  }

  listState<T>(descriptor: StateDescriptor<'list', T>): ListState<T> {
    return new HeapListState(this.#table, this.#states.declare(descriptor).slot)
  }

  mapState<K, V>(descriptor: StateDescriptor<'map', V, K>): MapState<K, V> {
    const { slot } = this.#states.declare(descriptor)
    return slot === PAIRS_SLOT ? new HeapOwnPairs(this.#table) : new HeapSlotPairs(this.#table, slot)
  }

  setCurrentKey(key: Key): void {
    this.#table.setCurrentKey(key)
  }

  currentKey(): Key | undefined {
    return this.#table.key
  }

  keyCount(): number {
    return this.#table.size
  }

  keys(): Iterable<Key> {
    return this.#table.keys()
  }

  restore(chunk: Uint8Array): void {
    for (const one of splitChunks(chunk)) {
      readChunk(one, this.#readerOptions(), (entry) => this.#addRestored(entry))
    }
  }

  beginSnapshot(): KeyedSnapshot {
    const description = { uid: this.#uid, maxParallelism: this.maxParallelism, states: this.#states.all }
    return new HeapSnapshot(this.#table, this.keyGroups, description)
  }

  #readerOptions() {
    return { uid: this.#uid, maxParallelism: this.maxParallelism, keyGroups: this.keyGroups, states: this.#states }
  }

  #addRestored(entry: Entry): void {
    if (entry.isEmpty()) return
    if (!this.#table.addRestored(entry))
      throw corruptChunk(`key ${JSON.stringify(String(entry.key))} is in it twice`, this.#uid)
    this.eventTimers.addRestored(entry)
    this.processingTimers.addRestored(entry)
  }
}
