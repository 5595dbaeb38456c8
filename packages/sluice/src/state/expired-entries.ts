/**
 * Removes what has expired from the entries of one operator.
 *
 * Owns: which entries are looked at when nobody uses them. Does not own: what has expired (expiry.ts), removing what is read (expiring-states.ts).
 *
 * X1 What puts something new into a state looks at a bounded number of entries, once for each time that a key is current, and goes on where it
 *    stopped: with keys that never come back, the entries stay in proportion to those that have not expired.
 * X2 The entry of the current key is left alone (a function may hold what is in it), and so is one that a running cut still needs.
 * X3 What had expired at a cut is not in its snapshot, whenever the entry is encoded.
 */
import type { Key } from '../stream/key-groups.ts'
import type { Entry } from './entry.ts'
import type { EntryTable } from './entry-table.ts'

/** A state with a time to live. */
export interface ExpiringSlot {
  readonly slot: number
  /** False: only reads and cuts remove what has expired. */
  readonly isSwept: boolean
  nowMs(): number
  /** Removes what has expired by then from the slot of an entry; true when that left the slot without content. */
  purge(entry: Entry, nowMs: number): boolean
}

/** With the time of a look or a cut. */
interface TimedSlot {
  readonly state: ExpiringSlot
  nowMs: number
}

/** Asked for each entry of a cut before it is encoded. */
export interface CutPurge {
  /** Removes what had expired at the cut; true when nothing is left of the entry. */
  empties(entry: Entry): boolean
}

export class ExpiredEntries {
  readonly #table: EntryTable
  readonly #states: ExpiringSlot[] = []
  readonly #swept: TimedSlot[] = []
  #lookedFor: Key | undefined
  #walk: Iterator<Entry> | undefined

  constructor(table: EntryTable) {
    this.#table = table
  }

  add(state: ExpiringSlot): void {
    this.#states.push(state)
    if (state.isSwept) this.#swept.push({ state, nowMs: 0 })
  }

  /** Removes from one slot of an entry what had expired when this was asked for; nothing where the state has no time to live. */
  purgeOf(slot: number): (entry: Entry) => void {
    const state = this.#states.find((one) => one.slot === slot)
    if (state === undefined) return () => {}
    const nowMs = state.nowMs()
    return (entry) => {
      if (state.purge(entry, nowMs)) this.#table.dropIfEmpty(entry)
    }
  }

  /** Looks at the next entries when the current key is another one than the last time. */
  lookOnce(count: number): void {
    const { key } = this.#table
    if (key === this.#lookedFor) return
    this.#lookedFor = key
    this.look(count)
  }

  /** Looks at the next entries; ends early at the end of the table. */
  look(count: number): void {
    if (this.#swept.length === 0) return
    for (const slot of this.#swept) slot.nowMs = slot.state.nowMs()
    for (let left = count; left > 0; left--) {
      const entry = this.#next()
      if (entry === undefined) return
      if (entry !== this.#table.current && !this.#table.isAwaitingCut(entry)) this.#purge(entry) // X2
    }
  }

  /** With the time of now; undefined where no state has a time to live. */
  atCut(): CutPurge | undefined {
    if (this.#states.length === 0) return undefined
    const slots = this.#states.map((state) => ({ state, nowMs: state.nowMs() })) // X3
    return {
      empties: (entry) => {
        for (const { state, nowMs } of slots) state.purge(entry, nowMs)
        this.#table.dropIfEmpty(entry)
        return entry.isEmpty()
      },
    }
  }

  #purge(entry: Entry): void {
    let isChanged = false
    for (const { state, nowMs } of this.#swept) if (state.purge(entry, nowMs)) isChanged = true
    if (isChanged) this.#table.dropIfEmpty(entry)
  }

  #next(): Entry | undefined {
    this.#walk ??= this.#table.values()
    const step = this.#walk.next()
    if (step.done !== true) return step.value
    this.#walk = undefined
    return undefined
  }
}
