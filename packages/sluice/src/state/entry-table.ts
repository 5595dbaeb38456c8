/**
 * The entries of one operator, one per key, and which of them is current.
 *
 * Owns: which entries there are, the current key, and when an entry must be encoded for a running snapshot. Does not own: what is in
 * the slots of an entry (heap-states.ts, heap-timers.ts), bytes (heap-snapshot.ts).
 *
 * E1 An entry is made by the first write of its key, never by a read.
 * E2 An entry without any slot filled is not in the table (K2).
 * E3 While a cut runs, whoever changes an entry made it current first, and making it current encodes it if the cut still needs it (K3).
 * E4 `version` of an entry is the last cut that needs it no more: the cut at its creation, or the last one it was encoded for.
 */
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { type Key, type KeyGroupRange, keyGroupOf } from '../stream/key-groups.ts'
import type { DeclaredStates } from './declared-states.ts'
import { Entry } from './entry.ts'

/** Told about an entry of the cut that is about to change. */
export interface CutObserver {
  beforeChange(entry: Entry): void
}

/** For each entry, which is current. */
export interface EntryVisitor {
  /** May take content away: what is left without any is not visited. */
  prepare(entry: Entry): void
  visit(key: Key): void
}

/** No cut runs: no entry is older. */
const NO_CUT = 0
/** Before the first key every entry takes the slow way once. */
const NOT_SEALED = Number.POSITIVE_INFINITY

export interface EntryTableOptions {
  readonly uid: string
  readonly keyGroups: KeyGroupRange
  readonly maxParallelism: number
  readonly states: DeclaredStates
}

export class EntryTable {
  readonly #uid: string
  readonly #keyGroups: KeyGroupRange
  readonly #maxParallelism: number
  readonly #states: DeclaredStates
  readonly #entries = new Map<Key, Entry>()
  #key: Key | undefined
  #current: Entry | undefined
  #cut = 0
  /** Entries with a smaller version must be encoded before they change. */
  #pendingCut = NOT_SEALED
  #observer: CutObserver | undefined

  constructor(options: EntryTableOptions) {
    this.#uid = options.uid
    this.#keyGroups = options.keyGroups
    this.#maxParallelism = options.maxParallelism
    this.#states = options.states
  }

  get size(): number {
    return this.#entries.size
  }

  get key(): Key | undefined {
    return this.#key
  }

  /** Entry of the current key, if it has one. */
  get current(): Entry | undefined {
    return this.#current
  }

  keys(): Iterable<Key> {
    return this.#entries.keys()
  }

  values(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** Visits the entries that have content in a slot now and still when it is their turn, one after the other as the current one. */
  visit(slot: number, visitor: EntryVisitor): void {
    const filled: Entry[] = []
    for (const entry of this.#entries.values()) if (entry.contentOf(slot) !== undefined) filled.push(entry)
    for (const entry of filled) {
      if (this.#entries.get(entry.key) !== entry) continue // what a visitor did before has removed it
      this.enter(entry)
      visitor.prepare(entry)
      if (entry.contentOf(slot) !== undefined) visitor.visit(entry.key)
    }
    this.leave()
  }

  setCurrentKey(key: Key): void {
    if (key === this.#key) return
    const entry = this.#entries.get(key)
    this.#key = key
    this.#current = entry
    // without a cut nothing but the states of the entry is looked at
    if (this.#pendingCut !== NO_CUT && entry !== undefined && entry.version < this.#pendingCut) this.#touch(entry)
  }

  /** Makes the key of this entry current. */
  enter(entry: Entry): void {
    this.#key = entry.key
    this.#current = entry
    if (entry.version < this.#pendingCut) this.#touch(entry)
  }

  /** No key is current. */
  leave(): void {
    this.#key = undefined
    this.#current = undefined
  }

  /** Entry of the current key, made if there is none yet. For writes. */
  obtain(): Entry {
    return this.#current ?? this.#create()
  }

  /** Whether a running cut needs the entry as it is; true for all before the first key. */
  isAwaitingCut(entry: Entry): boolean {
    return entry.version < this.#pendingCut
  }

  requireKey(): Key {
    if (this.#key === undefined) throw this.#noKey()
    return this.#key
  }

  /** Frees an entry that lost its last content (E2). */
  dropIfEmpty(entry: Entry): void {
    if (!entry.isEmpty()) return
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
    if (this.#current === entry) this.#current = undefined
  }

  /** Takes an entry from a snapshot; false when its key has one already. */
  addRestored(entry: Entry): boolean {
    assert(this.#pendingCut === NOT_SEALED, 'state is restored before the first key', { operator: this.#uid })
    const sizeBefore = this.#entries.size
    return this.#entries.set(entry.key, entry).size > sizeBefore
  }

  /** From here every entry of now is encoded before it changes. Returns the number of the cut. */
  beginCut(observer: CutObserver): number {
    this.#seal()
    assert(this.#observer === undefined, 'one snapshot at a time', { operator: this.#uid })
    // The current entry was made current before the cut: E3 needs that to happen again.
    this.leave()
    this.#observer = observer
    this.#pendingCut = ++this.#cut
    return this.#cut
  }

  endCut(): void {
    this.#observer = undefined
    this.#pendingCut = NO_CUT
  }

  #touch(entry: Entry): void {
    this.#seal()
    if (entry.version < this.#pendingCut) this.#observer?.beforeChange(entry)
  }

  #create(): Entry {
    const key = this.requireKey()
    this.#seal()
    const keyGroup = keyGroupOf(key, this.#maxParallelism)
    const { first, last } = this.#keyGroups
    assert(keyGroup >= first && keyGroup <= last, 'a key belongs to the subtask it is sent to', {
      key,
      keyGroup,
      first,
      last,
    })
    const entry = new Entry(key, keyGroup, this.#cut)
    this.#entries.set(key, entry)
    this.#current = entry
    return entry
  }

  #seal(): void {
    if (this.#pendingCut !== NOT_SEALED) return
    this.#states.seal()
    this.#pendingCut = NO_CUT
  }

  #noKey(): EngineError {
    return new EngineError(
      'STA1001',
      `state or a timer of operator "${this.#uid}" was used while no key is current. The task stops, because it is not known whose state is meant. ` +
        'Use state and timers only while onRecord or onTimer runs, not in open or onEnd, and not in a promise or callback that goes on when they have returned.',
      { context: { operator: this.#uid } },
    )
  }
}
