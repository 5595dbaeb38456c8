/**
 * Sliding windows of an aggregate that can merge: a record is added to one pane, and windows are merged from panes.
 *
 * Owns: the panes of each key, its one timer, when windows fire. Does not own: the arithmetic (pane-grid.ts), merging (pane-folds.ts).
 * The rules are in docs/spec/windows.md, "Panes".
 *
 * E1 A pane is open until the watermark reaches the end of the first window that it is in, and in the list from then on. Open panes are a map
 *    state of their own, so a record costs what one of a tumbling window does.
 * E2 The key's one timer is due at the end of the next window that has a record; when there is none, at the cleanup of the last. It is
 *    registered when a pane comes into being, and when it was due; never per record.
 * E3 A pane in the list is dropped when the last window that it is in is cleaned up. So all records of a pane are in every window that is still to
 *    fire: there is nothing that one of them took and another did not.
 * E4 A record that comes behind the ends of windows that still exist fires each of them again, the last one first.
 */
import { assert, present } from '../base/assert.ts'
import { mapState, valueState } from '../state/descriptors.ts'
import type { MapState, ValueState } from '../state/keyed-state.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { Aggregation } from './aggregation.ts'
import { checkTimestamp } from './event-time.ts'
import { selectKey } from './key-selection.ts'
import type { KeyedLogic } from './keyed-operator.ts'
import { LateRecords } from './late-records.ts'
import { PaneFolding } from './pane-folds.ts'
import { PaneGrid, type SlidingShape } from './pane-grid.ts'
import { dropFirstPane, FOLDS, insertPane, newPaneList, paneAt, type PaneList, placeOf } from './pane-list.ts'
import type { WindowFunctions } from './window-definition.ts'
import type { WindowRuntime } from './windowing-time.ts'

/** Names and kinds of the states, for the layout. */
export const PANE_STATES = [
  { name: 'open-panes', kind: 'map' },
  { name: 'panes', kind: 'value' },
] as const

/** Windows of one key that fire one after the other when the watermark goes on by more than one. */
const DEADLINES_PER_TIMER_MAX = 16

/** Later than any deadline. */
const NO_DEADLINE = MAX_WATERMARK

export class PaneWindows<T, A> implements KeyedLogic {
  readonly #grid: PaneGrid
  readonly #latenessMs: number
  readonly #keySelector: (value: T) => Key
  readonly #runtime: WindowRuntime
  readonly #aggregation: Aggregation<T, A>
  readonly #folding: PaneFolding<A>
  readonly #late: LateRecords
  /** Accumulators by number of the pane. */
  readonly #open: MapState<number, A>
  readonly #list: ValueState<PaneList<A>>
  /** When the key whose timer is running has something to do next. */
  #nextAt = NO_DEADLINE
  /** The open pane of a recent record: most are in the same one, and then nothing has to be computed. */
  #recentPane = 0
  #recentStart = Number.POSITIVE_INFINITY
  #recentEnd = Number.NEGATIVE_INFINITY
  /** The watermark that ends it. */
  #recentClosesAt = Number.NEGATIVE_INFINITY

  constructor(definition: WindowFunctions<T, A>, shape: SlidingShape, runtime: WindowRuntime) {
    this.#grid = new PaneGrid(shape)
    this.#latenessMs = definition.allowedLatenessMs ?? 0
    this.#keySelector = definition.keySelector
    this.#runtime = runtime
    this.#aggregation = new Aggregation(definition, runtime.context.info)
    this.#folding = new PaneFolding(this.#grid, this.#aggregation)
    this.#late = new LateRecords(runtime.context, definition.lateTag)
    this.#open = runtime.keyed.mapState(mapState<number, A>(PANE_STATES[0].name))
    this.#list = runtime.keyed.valueState(valueState<PaneList<A>>(PANE_STATES[1].name))
  }

  onRecord(value: T, timestamp: number): void {
    const { context, keyed, clock } = this.#runtime
    checkTimestamp(context.info, timestamp)
    const key = selectKey(this.#keySelector, value, context.info)
    if (timestamp >= this.#recentStart && timestamp < this.#recentEnd && clock.watermark < this.#recentClosesAt) {
      keyed.setCurrentKey(key)
      this.#addToOpen(this.#recentPane, value)
    } else this.#addToPane(key, value, timestamp)
  }

  onEventTimer(timestampMs: number, key: Key): void {
    const list = present(this.#list.value(), 'the panes of a timer')
    const until = Math.min(this.#runtime.clock.watermark, NO_DEADLINE - 1)
    list.timerAt = NO_DEADLINE
    this.#nextAt = timestampMs
    try {
      let handled = 0
      do this.#onDeadline(list, key, this.#nextAt)
      while (this.#nextAt <= until && ++handled < DEADLINES_PER_TIMER_MAX)
    } finally {
      // also when a function throws: whoever goes on without the result goes on with the windows to come
      if (this.#nextAt < NO_DEADLINE) this.#arm(list, this.#nextAt)
      else this.#list.clear()
    }
  }

  onProcessingTimer(): void {}

  #addToPane(key: Key, value: T, timestamp: number): void {
    const { keyed, clock } = this.#runtime
    const pane = this.#grid.paneAt(timestamp)
    const closesAt = this.#closesAt(pane)
    if (closesAt > clock.watermark) {
      this.#remember(pane, closesAt)
      keyed.setCurrentKey(key)
      this.#addToOpen(pane, value)
    } else if (this.#dropsAt(pane) > clock.watermark) {
      keyed.setCurrentKey(key)
      this.#addToList(key, pane, value)
    } else this.#late.onLate(value, timestamp)
  }

  #remember(pane: number, closesAt: number): void {
    this.#recentPane = pane
    this.#recentStart = this.#grid.startOfPane(pane)
    this.#recentEnd = this.#grid.startOfPane(pane + 1)
    this.#recentClosesAt = closesAt
  }

  #addToOpen(pane: number, value: T): void {
    const open = this.#open
    const before = open.get(pane)
    if (before === undefined) {
      open.put(pane, this.#aggregation.first(value))
      this.#arm(this.#obtainList(), this.#closesAt(pane))
      return
    }
    const accumulator = this.#aggregation.add(value, before)
    if (accumulator !== before) open.put(pane, accumulator)
  }

  /** For a record behind the watermark whose windows have not all gone. */
  #addToList(key: Key, pane: number, value: T): void {
    const known = this.#list.value()
    const list = known ?? newPaneList<A>(NO_DEADLINE)
    const place = placeOf(list, pane)
    const before = paneAt(list, place) === pane ? list.accumulators[place] : undefined
    if (before === undefined) insertPane(list, place, pane, this.#aggregation.first(value))
    else list.accumulators[place] = this.#aggregation.add(value, before)
    if (known === undefined) this.#list.update(list) // not when the record was refused: a key without panes has no state
    this.#folding.invalidate(list, place)
    const next = this.#grid.lastWindowEndedAt(this.#runtime.clock.watermark) + 1
    const isIn = next <= this.#grid.lastWindowOf(pane)
    this.#arm(list, isIn ? this.#grid.maxTimestampOfWindow(next) : this.#dropsAt(pane))
    if (this.#latenessMs > 0) this.#fireAgain(key, list, pane)
  }

  /** E4 */
  #fireAgain(key: Key, list: PaneList<A>, pane: number): void {
    const { watermark } = this.#runtime.clock
    const kept = this.#grid.lastWindowEndedAt(watermark - this.#latenessMs) + 1
    const first = Math.max(this.#grid.firstWindowOf(pane), kept)
    const last = Math.min(this.#grid.lastWindowOf(pane), this.#grid.lastWindowEndedAt(watermark))
    const accumulators = this.#folding.accumulatorsOfEarlier(list, first, last)
    for (let window = last; window >= first; window--) {
      this.#emit(key, window, present(accumulators[window - first], 'what a window holds that took a record'))
    }
  }

  /** The end of a window, or the cleanup of the last one. Leaves the next deadline in `#nextAt`. */
  #onDeadline(list: PaneList<A>, key: Key, timestampMs: number): void {
    const window = this.#grid.lastWindowEndedAt(timestampMs)
    let accumulator: A | undefined
    try {
      this.#close(list, this.#grid.lastPaneOf(window))
      const isEnd = this.#grid.maxTimestampOfWindow(window) === timestampMs
      if (isEnd) accumulator = this.#folding.accumulatorOf(list, window)
    } finally {
      this.#drop(list, timestampMs)
      this.#nextAt = this.#deadlineBehind(list, window)
    }
    assert(this.#nextAt > timestampMs, 'what a key has to do next is ahead of what it did')
    if (accumulator !== undefined) this.#emit(key, window, accumulator)
  }

  /** Moves panes that a window has ended on to the list (E1): its last one, and the one before where windows end within slides. */
  #close(list: PaneList<A>, lastPane: number): void {
    if (this.#grid.panesPerSlide === 2) this.#closePane(list, lastPane - 1)
    this.#closePane(list, lastPane)
  }

  #closePane(list: PaneList<A>, pane: number): void {
    const accumulator = this.#open.get(pane)
    if (accumulator === undefined) return
    this.#open.remove(pane)
    const place = placeOf(list, pane)
    // one that is there already: only after a restore to an earlier wall time
    const known = paneAt(list, place) === pane ? list.accumulators[place] : undefined
    if (known === undefined) insertPane(list, place, pane, accumulator)
    else list.accumulators[place] = this.#aggregation.merge(known, accumulator)
    this.#folding.invalidate(list, place)
  }

  /** E3 */
  #drop(list: PaneList<A>, timestampMs: number): void {
    for (;;) {
      const pane = paneAt(list, list.droppedCount)
      if (pane === undefined || this.#dropsAt(pane) > timestampMs) return
      dropFirstPane(list)
    }
  }

  /** When there is something to do for the key again, behind the end of `window` (E2). */
  #deadlineBehind(list: PaneList<A>, window: number): number {
    const next = window + 1
    const pane = paneAt(list, placeOf(list, this.#grid.firstPaneOf(next)))
    const first = pane === undefined ? undefined : Math.max(next, this.#grid.firstWindowOf(pane))
    return first === next ? this.#grid.maxTimestampOfWindow(next) : this.#deadlineFurtherOn(list, first)
  }

  /** The window that comes next has no pane of the list; `first` is the first one that has. */
  #deadlineFurtherOn(list: PaneList<A>, first: number | undefined): number {
    let deadline = first === undefined ? NO_DEADLINE : this.#grid.maxTimestampOfWindow(first)
    for (const [pane] of this.#open.entries()) deadline = Math.min(deadline, this.#closesAt(pane))
    const last = list.numbers.length > list.droppedCount ? list.numbers.at(-1) : undefined
    if (first !== undefined || last === undefined) return deadline
    list[FOLDS] = undefined
    return Math.min(deadline, this.#dropsAt(last))
  }

  #arm(list: PaneList<A>, deadline: number): void {
    if (deadline >= list.timerAt) return
    const { timers } = this.#runtime
    if (list.timerAt < NO_DEADLINE) timers.remove(list.timerAt)
    list.timerAt = deadline
    timers.register(deadline)
  }

  #obtainList(): PaneList<A> {
    const known = this.#list.value()
    if (known !== undefined) return known
    const list = newPaneList<A>(NO_DEADLINE)
    this.#list.update(list)
    return list
  }

  #emit(key: Key, window: number, accumulator: A): void {
    const end = this.#grid.endOfWindow(window)
    const result = this.#aggregation.result(key, { start: this.#grid.startOfWindow(window), end }, accumulator)
    this.#runtime.context.output.onRecord(result, end - 1)
  }

  /** The end of the first window that the pane is in. */
  #closesAt(pane: number): number {
    return this.#grid.maxTimestampOfWindow(this.#grid.firstWindowOf(pane))
  }

  /** The cleanup of the last window that the pane is in. */
  #dropsAt(pane: number): number {
    return this.#grid.maxTimestampOfWindow(this.#grid.lastWindowOf(pane)) + this.#latenessMs
  }
}
