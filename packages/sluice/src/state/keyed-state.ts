/**
 * Keyed state and timers as operators see them.
 *
 * Owns: the interfaces every backend implements. All states and timers of one key of one operator live together (an entry),
 * so one lookup per record finds them all, and a snapshot takes them together.
 *
 * K1 A state is read and written only while a key is current; otherwise STA1001. No key is current after `beginSnapshot`, `advance` and `leaveKey`.
 * K2 A key without any state value and timer has no entry: clearing the last one frees it.
 * K3 Between `beginSnapshot` and the end of its slices, an entry is encoded before it changes for the first time. Making its key current is
 *    what counts as changing it: after that its values may be changed in place until another key is current.
 * K4 Reads are synchronous.
 * K5 What has expired (time-to-live.ts) is in no snapshot, as time was at the cut: it never comes back.
 */
import type { Key, KeyGroupRange } from '../stream/key-groups.ts'
import type { AggregatingStateDescriptor, ReducingStateDescriptor, StateDescriptor } from './descriptors.ts'
import type { StateClock } from './expiry.ts'
import type { Advance, Turn } from './turn.ts'

/** One value of the current key. */
export interface ValueState<T> {
  /** The current key's value, or the declared default, or undefined. */
  value(): T | undefined
  /** Sets the value. */
  update(value: T): void
  /** Forgets the value; `value()` gives the default again. */
  clear(): void
}

/** A list of the current key. */
export interface ListState<T> {
  /** The live list of the current key: do not change it, do not keep it. */
  get(): readonly T[]
  /** Appends a value. */
  add(value: T): void
  /** Replaces all values. */
  update(values: readonly T[]): void
  /** Forgets all values. */
  clear(): void
}

/** A map of the current key. */
export interface MapState<K, V> {
  /** The value of an entry; undefined when there is none. */
  get(key: K): V | undefined
  /** Whether there is an entry. */
  has(key: K): boolean
  /** Sets the value of an entry. */
  put(key: K, value: V): void
  /** Forgets an entry; nothing happens when there is none. */
  remove(key: K): void
  /** All entries. */
  entries(): Iterable<readonly [K, V]>
  /** How many entries there are. */
  size(): number
  /** Forgets all entries. */
  clear(): void
}

/** Values folded into one. */
export interface ReducingState<T> {
  /** Everything that was added, reduced to one value; undefined when nothing was. */
  get(): T | undefined
  /** Folds a value into what there is. */
  add(value: T): void
  /** Forgets everything that was added. */
  clear(): void
}

/** Values added to an accumulator. */
export interface AggregatingState<T, R> {
  /** The result of everything that was added; undefined when nothing was. */
  get(): R | undefined
  /** Adds a value to the accumulator. */
  add(value: T): void
  /** Forgets everything that was added. */
  clear(): void
}

/** Timers of one kind of time. A timer is (timestamp, key, namespace); registering it twice is one timer. */
export interface TimerService {
  /** Registers for the current key. `namespace` is 0 where the operator has none; it must be a safe integer or a string. */
  register(timestampMs: number, namespace?: TimerNamespace): void
  remove(timestampMs: number, namespace?: TimerNamespace): void
  /** Smallest registered timestamp, or undefined. */
  earliestMs(): number | undefined
  /**
   * Removes and fires every timer with timestamp <= `untilMs`, in order of timestamp, including ones registered meanwhile; the
   * timer's key is current while `fire` runs. Ends early with `more` when the turn is over.
   */
  advance(
    untilMs: number,
    turn: Turn,
    fire: (timestampMs: number, key: Key, namespace: TimerNamespace) => void,
  ): Advance
}

export type TimerNamespace = number | string

export interface KeyedStateBackend {
  readonly keyGroups: KeyGroupRange
  readonly maxParallelism: number
  /** Declares a state; once per name, before the first key is set. The same object serves every key. */
  valueState<T>(descriptor: StateDescriptor<'value', T>): ValueState<T>
  listState<T>(descriptor: StateDescriptor<'list', T>): ListState<T>
  mapState<K, V>(descriptor: StateDescriptor<'map', V, K>): MapState<K, V>
  reducingState<T>(descriptor: ReducingStateDescriptor<T>): ReducingState<T>
  aggregatingState<T, A, R>(descriptor: AggregatingStateDescriptor<T, A, R>): AggregatingState<T, R>
  /** The time that states declared from here on count with; needed by those with a time to live. */
  useClock(clock: StateClock): void
  readonly eventTimers: TimerService
  readonly processingTimers: TimerService
  /** Makes `key` current. The hot call of every keyed operator. */
  setCurrentKey(key: Key): void
  /** No key is current any more: what still reads or writes belongs to no record. */
  leaveKey(): void
  currentKey(): Key | undefined
  /** Keys with an entry. */
  keyCount(): number
  /**
   * Looks at that many entries, where it stopped the last time, and removes what has expired. States do so themselves when they are used: this is for
   * time that passes without records.
   */
  removeExpired(entries: number): void
  /** All keys with an entry, in no particular order. */
  keys(): Iterable<Key>
  /**
   * Visits each key that has a value of the state when this is called, once, in no particular order, and passes over what has expired; the key is
   * current meanwhile, and none is afterwards. The visitor may change and clear the state of the key; it must not begin a snapshot.
   */
  visitKeys(stateName: string, visit: (key: Key) => void): void
  /**
   * Restores entries from one chunk, or from several one after the other; before the first key, before or after the states are declared.
   * Chunks of foreign key groups are skipped. CKP1003, SER1002 for bytes that are none of ours, STA1002 for states that do not fit.
   */
  restore(chunk: Uint8Array): void
  /** The cut, in constant time. At most one snapshot at a time. */
  beginSnapshot(): KeyedSnapshot
}

/** A cut of the keyed state that is encoded a few entries at a time between batches. */
export interface KeyedSnapshot {
  /**
   * Encodes up to `entries` more entries. `done` when every entry of the cut has been encoded. Throws SER1001 for a value that cannot be
   * encoded, also for one that a record touched since the last slice: the snapshot has failed then, the backend goes on.
   */
  encodeSlice(entries: number): 'more' | 'done'
  /** Entries encoded so far, by slices and by first touches. */
  encodedCount(): number
  /** Chunks that are complete so far, handed out once; after `done` the rest. Each is self-delimiting and belongs to one key group. */
  takeChunks(): readonly KeyGroupChunk[]
  /** Ends the snapshot, finished or not. Idempotent. */
  release(): void
}

export interface KeyGroupChunk {
  readonly keyGroup: number
  readonly bytes: Uint8Array
  readonly entryCount: number
}
