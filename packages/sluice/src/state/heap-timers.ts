/**
 * Timers of one kind of time on the heap.
 *
 * Owns: keeping the queue in step with the timers in the entries. The timers themselves are a slot of the entry, so the snapshot of an
 * entry holds them and they are covered by its copy-on-write.
 *
 * T1 A timer is removed before it fires: cutting `advance` between two timers neither loses nor repeats one.
 * T2 Timers fire in order of timestamp; those of one timestamp in no particular order.
 */
import { present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { Key } from '../stream/key-groups.ts'
import type { Entry } from './entry.ts'
import type { EntryTable } from './entry-table.ts'
import type { TimerNamespace, TimerService } from './keyed-state.ts'
import { TimerQueue } from './timer-queue.ts'
import { type TimerSet, forEachTimer, hasTimer, namespaceAt, timerSetOf, withTimer, withoutTimer } from './timer-set.ts'
import type { Advance, Turn } from './turn.ts'

export class HeapTimers implements TimerService {
  readonly #table: EntryTable
  readonly #slot: number
  readonly #queue = new TimerQueue<Entry>()

  constructor(table: EntryTable, slot: number) {
    this.#table = table
    this.#slot = slot
  }

  register(timestampMs: number, namespace: TimerNamespace = 0): void {
    const timers = this.#timersOf(this.#table.current)
    if (timers !== undefined && hasTimer(timers, timestampMs, namespace)) return
    checkTimer(timestampMs, namespace)
    const entry = this.#table.obtain()
    entry.setContent(
      this.#slot,
      timers === undefined ? timerSetOf(timestampMs, namespace) : withTimer(timers, timestampMs, namespace),
    )
    this.#queue.add(timestampMs, entry)
  }

  remove(timestampMs: number, namespace: TimerNamespace = 0): void {
    const entry = this.#table.current
    const timers = this.#timersOf(entry)
    if (entry === undefined || timers === undefined) this.#table.requireKey()
    else if (hasTimer(timers, timestampMs, namespace)) {
      this.#remove(entry, timers, timestampMs, namespace)
      this.#table.dropIfEmpty(entry)
    }
  }

  earliestMs(): number | undefined {
    return this.#queue.earliestMs()
  }

  advance(
    untilMs: number,
    turn: Turn,
    fire: (timestampMs: number, key: Key, namespace: TimerNamespace) => void,
  ): Advance {
    for (;;) {
      const timestampMs = this.#queue.earliestMs()
      const isDone = timestampMs === undefined || timestampMs > untilMs
      if (isDone || turn.isOver()) {
        this.#table.leave()
        return isDone ? 'done' : 'more'
      }
      const entry = present(this.#queue.ownerAt(timestampMs), 'the owner of a queued timer')
      this.#table.enter(entry)
      const namespace = this.#takeAt(entry, timestampMs)
      fire(timestampMs, entry.key, namespace)
      this.#table.dropIfEmpty(entry)
    }
  }

  /** Queues the timers of a restored entry. */
  addRestored(entry: Entry): void {
    const timers = this.#timersOf(entry)
    if (timers !== undefined) forEachTimer(timers, (timestampMs) => this.#queue.add(timestampMs, entry))
  }

  /** Removes one timer of this time from the entry and returns its namespace. */
  #takeAt(entry: Entry, timestampMs: number): TimerNamespace {
    const timers = present(this.#timersOf(entry), 'the timer set of a queued entry')
    const namespace = present(namespaceAt(timers, timestampMs), 'a queued timer')
    this.#remove(entry, timers, timestampMs, namespace)
    return namespace
  }

  #remove(entry: Entry, timers: TimerSet, timestampMs: number, namespace: TimerNamespace): void {
    const left = withoutTimer(timers, timestampMs, namespace)
    entry.setContent(this.#slot, left)
    if (left === undefined || namespaceAt(left, timestampMs) === undefined) this.#queue.remove(timestampMs, entry)
  }

  #timersOf(entry: Entry | undefined): TimerSet | undefined {
    return entry?.contentOf(this.#slot) as TimerSet | undefined // only this class and the restore fill the slot
  }
}

function checkTimer(timestampMs: number, namespace: TimerNamespace): void {
  if (!Number.isSafeInteger(timestampMs)) {
    throw new EngineError(
      'TIM1001',
      `a timer was registered for ${String(timestampMs)}, which is not a whole number of milliseconds. It was not registered, and the task stops. ` +
        'Compute timer times with whole milliseconds from the timestamp of the record or the current watermark.',
    )
  }
  if (typeof namespace !== 'number' || Number.isSafeInteger(namespace)) return
  throw new EngineError(
    'TIM1001',
    `the timer namespace ${namespace} is not a safe integer. The timer was not registered, and the task stops. Use a safe integer or a string as namespace.`,
  )
}
