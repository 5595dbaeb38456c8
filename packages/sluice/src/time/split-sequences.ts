/**
 * Which splits of one reader wait for their turn, and whether one of them may bring records from any time (W3a).
 *
 * Splits of one sequence are in order of event time and are read one after the other, in that order. So one that waits behind a split of
 * its sequence that is being read is no danger: its records come later in time than those.
 */

/** A split that will be read; without a sequence it is one of its own. */
export interface AssignedSplit {
  readonly id: string
  readonly sequence?: string
}

interface Sequence {
  readonly name: string | undefined
  unreadCount: number
  openCount: number
}

export class SplitSequences {
  /** Those that have a name and splits that are not finished. */
  readonly #named = new Map<string, Sequence>()
  /** By split. */
  readonly #unread = new Map<string, Sequence>()
  /** By split. */
  readonly #open = new Map<string, Sequence>()
  /** Those with splits of which none is being read. */
  readonly #waiting = new Set<Sequence>()

  assigned({ id, sequence: name }: AssignedSplit): void {
    if (this.#unread.has(id) || this.#open.has(id)) return
    const sequence = this.#sequence(name)
    this.#unread.set(id, sequence)
    sequence.unreadCount++
    this.#settle(sequence)
  }

  /** Reading begins, maybe of a split that was never announced. */
  opened(id: string): void {
    if (this.#open.has(id)) return
    const sequence = this.#unread.get(id) ?? this.#sequence(undefined)
    if (this.#unread.delete(id)) sequence.unreadCount--
    this.#open.set(id, sequence)
    sequence.openCount++
    this.#settle(sequence)
  }

  /** The split is finished, read or not. */
  removed(id: string): void {
    const sequence = this.#unread.get(id) ?? this.#open.get(id)
    if (sequence === undefined) return
    if (this.#unread.delete(id)) sequence.unreadCount--
    if (this.#open.delete(id)) sequence.openCount--
    this.#settle(sequence)
  }

  /** Whether a split waits that no split of its sequence stands in for. */
  isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  hasUnread(): boolean {
    return this.#unread.size > 0
  }

  #sequence(name: string | undefined): Sequence {
    const known = name === undefined ? undefined : this.#named.get(name)
    if (known !== undefined) return known
    const sequence = { name, unreadCount: 0, openCount: 0 }
    if (name !== undefined) this.#named.set(name, sequence)
    return sequence
  }

  #settle(sequence: Sequence): void {
    if (sequence.openCount === 0 && sequence.unreadCount > 0) this.#waiting.add(sequence)
    else this.#waiting.delete(sequence)
    const isOver = sequence.openCount + sequence.unreadCount === 0
    if (isOver && sequence.name !== undefined) this.#named.delete(sequence.name)
  }
}
