/**
 * Keyed state and timers as objects on the heap of the thread.
 *
 * Owns: putting the parts together. One entry per key holds its states and timers (entry-table.ts); snapshots encode entries in slices
 * between batches, and one that is touched before its turn is encoded first (heap-snapshot.ts). Bytes: docs/spec/state.md.
 * Called by: operators, through keyed-state.ts; the chain that hosts them for restore and snapshot.
 *
 * A subtask holds at most 2^24 keys (the limit of a `Map`), and in practice what fits into the memory of its thread.
 */
import { assert, present } from '../base/assert.ts'
import type { Key, KeyGroupRange } from '../stream/key-groups.ts'
import { splitChunks, corruptChunk } from './chunk-format.ts'
import { readChunk } from './chunk-reader.ts'
import { DeclaredStates } from './declared-states.ts'
import type { AggregatingStateDescriptor, ReducingStateDescriptor, StateDescriptor } from './descriptors.ts'
import { type Entry, EVENT_TIMERS_SLOT, PAIRS_SLOT, PROCESSING_TIMERS_SLOT } from './entry.ts'
import { EntryTable } from './entry-table.ts'
import { ExpiredEntries } from './expired-entries.ts'
import { convertEntry } from './converted-content.ts'
import { type ExpiringPlace, ExpiringListState, ExpiringMapState, ExpiringValueState } from './expiring-states.ts'
import { Expiry, type StateClock } from './expiry.ts'
import { FoldingAggregatingState, FoldingReducingState } from './folding-states.ts'
import { HeapSnapshot } from './heap-snapshot.ts'
import { HeapListState, HeapOwnPairs, HeapSlotPairs, HeapValueState } from './heap-states.ts'
import { HeapTimers } from './heap-timers.ts'
import type {
  AggregatingState,
  KeyedSnapshot,
  KeyedStateBackend,
  ListState,
  MapState,
  ReducingState,
  ValueState,
} from './keyed-state.ts'
import type { TimeToLive } from './time-to-live.ts'

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
  readonly #expired: ExpiredEntries
  #clock: StateClock | undefined

  constructor({ uid, keyGroups, maxParallelism, states }: HeapBackendOptions) {
    assert(keyGroups.first >= 0, 'a range of key groups starts at 0 or above', { first: keyGroups.first })
    assert(keyGroups.last < maxParallelism, 'a range of key groups ends below max parallelism', {
      last: keyGroups.last,
      maxParallelism,
    })
    this.keyGroups = keyGroups
    this.maxParallelism = maxParallelism
    this.#uid = uid
    this.#states = new DeclaredStates(uid, states, (from, to) => {
      for (const entry of this.#table.values()) convertEntry(entry, from, to.slot)
    })
    this.#table = new EntryTable({ uid, keyGroups, maxParallelism, states: this.#states })
    this.#expired = new ExpiredEntries(this.#table)
    this.eventTimers = new HeapTimers(this.#table, EVENT_TIMERS_SLOT)
    this.processingTimers = new HeapTimers(this.#table, PROCESSING_TIMERS_SLOT)
  }

  valueState<T>(descriptor: StateDescriptor<'value', T>): ValueState<T> {
    return this.#valueState<T>(descriptor, descriptor)
  }

  listState<T>(descriptor: StateDescriptor<'list', T>): ListState<T> {
    const { slot } = this.#states.declare(descriptor)
    return descriptor.ttl === undefined
      ? new HeapListState(this.#table, slot)
      : new ExpiringListState(this.#place(slot, descriptor.ttl))
  }

  mapState<K, V>(descriptor: StateDescriptor<'map', V, K>): MapState<K, V> {
    const { slot } = this.#states.declare(descriptor)
    if (descriptor.ttl !== undefined) return new ExpiringMapState(this.#place(slot, descriptor.ttl))
    return slot === PAIRS_SLOT ? new HeapOwnPairs(this.#table) : new HeapSlotPairs(this.#table, slot)
  }

  reducingState<T>(descriptor: ReducingStateDescriptor<T>): ReducingState<T> {
    return new FoldingReducingState(this.#valueState<T>(descriptor, {}), descriptor)
  }

  aggregatingState<T, A, R>(descriptor: AggregatingStateDescriptor<T, A, R>): AggregatingState<T, R> {
    return new FoldingAggregatingState(this.#valueState<A>(descriptor, {}), descriptor)
  }

  useClock(clock: StateClock): void {
    this.#clock = clock
  }

  removeExpired(entries: number): void {
    this.#expired.look(entries)
  }

  setCurrentKey(key: Key): void {
    this.#table.setCurrentKey(key)
  }

  leaveKey(): void {
    this.#table.leave()
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

  visitKeys(stateName: string, visit: (key: Key) => void): void {
    const state = this.#states.all.find(({ name }) => name === stateName)
    assert(state !== undefined, 'the keys of a declared state are visited', { stateName })
    this.#table.visit(state.slot, { prepare: this.#expired.purgeOf(state.slot), visit })
  }

  restore(chunk: Uint8Array): void {
    for (const one of splitChunks(chunk)) {
      readChunk(one, this.#readerOptions(), (entry) => this.#addRestored(entry))
    }
  }

  beginSnapshot(): KeyedSnapshot {
    const description = { uid: this.#uid, maxParallelism: this.maxParallelism, states: this.#states.all }
    return new HeapSnapshot(this.#table, {
      keyGroups: this.keyGroups,
      description,
      expired: this.#expired.atCut(),
    })
  }

  #valueState<T>(declared: StateDescriptor, value: Pick<StateDescriptor<'value', T>, 'defaultValue'>): ValueState<T> {
    const { slot } = this.#states.declare(declared)
    return declared.ttl === undefined
      ? new HeapValueState(this.#table, slot, value)
      : new ExpiringValueState(this.#place(slot, declared.ttl), value)
  }

  #place(slot: number, ttl: TimeToLive): ExpiringPlace {
    const expiry = new Expiry(ttl, present(this.#clock, 'the clock of states with a time to live'))
    return { table: this.#table, slot, expiry, expired: this.#expired }
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
