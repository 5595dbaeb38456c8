import type { Key } from '../stream/key-groups.ts'
import { StateMap } from './state-map.ts'

/** Slots of an entry that hold its timers; the states follow in order of declaration. */
export const EVENT_TIMERS_SLOT = 0
export const PROCESSING_TIMERS_SLOT = 1
export const FIRST_STATE_SLOT = 2
/** The first map state has no slot among the others: its pairs are the entry's own. */
export const PAIRS_SLOT = -1
const SECOND_STATE_SLOT = 3
const INLINE_SLOTS = 4

/**
 * All states and timers of one key. The slots nearly every operator needs are fields: an array would put two more cache misses
 * between a record and its state. A slot without content is undefined. What every record of a window looks at, the pairs of the first
 * map state, comes first: it shares a cache line.
 */
export class Entry extends StateMap<unknown, unknown> {
  #firstState: unknown
  /** The last cut that does not need this entry (any more): see entry-table.ts, E4. */
  version: number
  readonly key: Key
  /** Kept, so that nothing on the hot path hashes. */
  readonly keyGroup: number
  #eventTimers: unknown
  #processingTimers: unknown
  #secondState: unknown
  #more: unknown[] | undefined

  constructor(key: Key, keyGroup: number, version: number) {
    super()
    this.key = key
    this.keyGroup = keyGroup
    this.version = version
  }

  contentOf(slot: number): unknown {
    if (slot === FIRST_STATE_SLOT) return this.#firstState
    if (slot === EVENT_TIMERS_SLOT) return this.#eventTimers
    if (slot === SECOND_STATE_SLOT) return this.#secondState
    if (slot === PROCESSING_TIMERS_SLOT) return this.#processingTimers
    if (slot === PAIRS_SLOT) return this.size === 0 ? undefined : this
    const index = slot - INLINE_SLOTS
    return this.#more === undefined || index >= this.#more.length ? undefined : this.#more[index]
  }

  /** For who alone fills the slot, and so knows what it holds. */
  contentAs<Content>(slot: number): Content | undefined {
    return this.contentOf(slot) as Content | undefined // the caller's promise
  }

  /** The pairs are changed in place, and only emptied here. */
  setContent(slot: number, content: unknown): void {
    if (slot === FIRST_STATE_SLOT) this.#firstState = content
    else if (slot === EVENT_TIMERS_SLOT) this.#eventTimers = content
    else if (slot === SECOND_STATE_SLOT) this.#secondState = content
    else if (slot === PROCESSING_TIMERS_SLOT) this.#processingTimers = content
    else if (slot === PAIRS_SLOT) this.removeAll()
    else this.#setMore(slot - INLINE_SLOTS, content)
  }

  isEmpty(): boolean {
    return (
      this.size === 0 &&
      this.#firstState === undefined &&
      this.#eventTimers === undefined &&
      this.#secondState === undefined &&
      this.#processingTimers === undefined &&
      (this.#more === undefined || this.#more.every((content) => content === undefined))
    )
  }

  #setMore(index: number, content: unknown): void {
    if (this.#more === undefined) {
      if (content === undefined) return
      this.#more = []
    }
    while (this.#more.length <= index) this.#more.push(undefined)
    this.#more[index] = content
  }
}
