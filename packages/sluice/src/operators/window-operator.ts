/**
 * Windows of one size, tumbling and sliding: aggregates records per key and window, and emits when time passes the window's end. Sliding windows whose
 * aggregates can be merged are made of panes (pane-windows.ts).
 *
 * Owns: the accumulators by window, the timers of each window. Does not own: the clock and when timers fire (keyed-operator.ts).
 * Sessions are in session-window-operator.ts; the rules are in docs/spec/windows.md.
 *
 * V1 A window exists in state from its first record until its cleanup time, end - 1 + lateness.
 * V2 Its timers are registered when it comes into being, never per record: one to fire at end - 1, one to clean up if lateness keeps it longer.
 * V3 A record is added to exactly those of its windows whose cleanup time is ahead of the watermark.
 * V4 A record that comes behind the end of a window that still exists fires it again, with everything it holds.
 */
import { present } from '../base/assert.ts'
import { mapState } from '../state/descriptors.ts'
import type { MapState, TimerNamespace } from '../state/keyed-state.ts'
import type { Key } from '../stream/key-groups.ts'
import { Aggregation } from './aggregation.ts'
import { checkTimestamp } from './event-time.ts'
import { selectKey } from './key-selection.ts'
import { keyedOperator, type KeyedLogic } from './keyed-operator.ts'
import { LateRecords } from './late-records.ts'
import type { OperatorSpec } from './operator.ts'
import { PANE_STATES, PaneWindows } from './pane-windows.ts'
import type { SlidingWindows, TumblingWindows } from './window-assigners.ts'
import { checkLateness, type WindowFunctions } from './window-definition.ts'
import { windowIndex } from './window-index.ts'
import { openInTime, type WindowRuntime } from './windowing-time.ts'

/**
 * Aggregates the records of each key and window, in windows of one size.
 *
 * @throws GRA1005 when the lateness is out of its limits
 */
export function alignedWindowOperator<T, A>(
  definition: WindowFunctions<T, A>,
  assigner: TumblingWindows | SlidingWindows,
): OperatorSpec {
  const time = assigner.time ?? 'event'
  const allowedLatenessMs = time === 'event' ? checkLateness(definition) : 0
  const own = { ...definition, allowedLatenessMs }
  const layout = { assigner: { ...assigner }, allowedLatenessMs }
  if (assigner.kind === 'sliding' && assigner.slideMs < assigner.sizeMs && definition.aggregate.merge !== undefined) {
    return keyedOperator({
      kind: 'pane-window',
      layout: { states: [...PANE_STATES], ...layout },
      open: (runtime) => openInTime(time, runtime, (inTime) => new PaneWindows(own, assigner, inTime)),
    })
  }
  return keyedOperator({
    kind: 'window',
    layout: { states: [{ name: 'windows', kind: 'map' }], ...layout },
    open: (runtime) => openInTime(time, runtime, (inTime) => new AlignedWindows(own, assigner, inTime)),
  })
}

class AlignedWindows<T, A> implements KeyedLogic {
  readonly #sizeMs: number
  readonly #slideMs: number
  readonly #offsetMs: number
  readonly #latenessMs: number
  readonly #keySelector: (value: T) => Key
  readonly #runtime: WindowRuntime
  readonly #aggregation: Aggregation<T, A>
  readonly #late: LateRecords
  /** Accumulators of the current key by number of the window, which is small where a start is not: window n starts at offset + n * slide. */
  readonly #windows: MapState<number, A>
  /** The window of a recent record, where no record is in two: most are in the same one, and then nothing has to be computed. */
  #recentIndex = 0
  #recentStart = Number.POSITIVE_INFINITY
  #recentEnd = Number.NEGATIVE_INFINITY

  constructor(definition: WindowFunctions<T, A>, assigner: TumblingWindows | SlidingWindows, runtime: WindowRuntime) {
    this.#sizeMs = assigner.sizeMs
    this.#slideMs = assigner.kind === 'sliding' ? assigner.slideMs : assigner.sizeMs
    this.#offsetMs = assigner.offsetMs
    this.#latenessMs = definition.allowedLatenessMs ?? 0
    this.#keySelector = definition.keySelector
    this.#runtime = runtime
    this.#aggregation = new Aggregation(definition, runtime.context.info)
    this.#late = new LateRecords(runtime.context, definition.lateTag)
    this.#windows = runtime.keyed.mapState(mapState<number, A>('windows'))
  }

  onRecord(value: T, timestamp: number): void {
    const { context, keyed, clock } = this.#runtime
    checkTimestamp(context.info, timestamp)
    const key = selectKey(this.#keySelector, value, context.info)
    if (timestamp >= this.#recentStart && timestamp < this.#recentEnd && clock.watermark < this.#recentEnd - 1) {
      keyed.setCurrentKey(key)
      this.#accumulate(this.#recentIndex, value)
    } else this.#addToWindows(key, value, timestamp)
  }

  onEventTimer(timestampMs: number, key: Key, namespace: TimerNamespace): void {
    const index = Number(namespace)
    const maxTimestamp = this.#startOf(index) + this.#sizeMs - 1
    const accumulator = present(this.#windows.get(index), 'the window of a timer')
    if (timestampMs === maxTimestamp + this.#latenessMs) this.#windows.remove(index)
    if (timestampMs === maxTimestamp) this.#fire(key, index, accumulator)
  }

  onProcessingTimer(): void {}

  #addToWindows(key: Key, value: T, timestamp: number): void {
    const { keyed, clock } = this.#runtime
    // a window of the record still takes it when it starts behind this moment (V3)
    const openBehind = Math.max(timestamp, clock.watermark - this.#latenessMs + 1) - this.#sizeMs
    let index = windowIndex(timestamp, this.#offsetMs, this.#slideMs)
    if (this.#startOf(index) <= openBehind) return this.#onNoWindow(value, timestamp)
    if (this.#slideMs >= this.#sizeMs) this.#remember(index)
    keyed.setCurrentKey(key)
    const last = index
    for (; this.#startOf(index) > openBehind; index--) this.#accumulate(index, value)
    if (this.#hasEnded(index + 1)) this.#fireAgain(key, last, index + 1)
  }

  /** V4, in all of its windows first: a firing that throws takes the record from none of them. */
  #fireAgain(key: Key, last: number, first: number): void {
    for (let index = last; index >= first; index--) {
      if (this.#hasEnded(index))
        this.#fire(key, index, present(this.#windows.get(index), 'a window that took a record'))
    }
  }

  #hasEnded(index: number): boolean {
    return this.#startOf(index) + this.#sizeMs - 1 <= this.#runtime.clock.watermark
  }

  #remember(index: number): void {
    this.#recentIndex = index
    this.#recentStart = this.#startOf(index)
    this.#recentEnd = this.#recentStart + this.#sizeMs
  }

  #accumulate(index: number, value: T): A {
    const windows = this.#windows
    const before = windows.get(index)
    if (before === undefined) return this.#begin(index, value)
    const accumulator = this.#aggregation.add(value, before)
    if (accumulator !== before) windows.put(index, accumulator)
    return accumulator
  }

  #begin(index: number, value: T): A {
    const accumulator = this.#aggregation.first(value)
    this.#windows.put(index, accumulator)
    this.#registerTimers(index)
    return accumulator
  }

  /** V2 */
  #registerTimers(index: number): void {
    const { timers, clock } = this.#runtime
    const maxTimestamp = this.#startOf(index) + this.#sizeMs - 1
    if (maxTimestamp > clock.watermark) timers.register(maxTimestamp, index)
    if (this.#latenessMs > 0) timers.register(maxTimestamp + this.#latenessMs, index)
  }

  #fire(key: Key, index: number, accumulator: A): void {
    const start = this.#startOf(index)
    const end = start + this.#sizeMs
    const result = this.#aggregation.result(key, { start, end }, accumulator)
    this.#runtime.context.output.onRecord(result, end - 1)
  }

  #onNoWindow(value: T, timestamp: number): void {
    if (timestamp + this.#latenessMs <= this.#runtime.clock.watermark) this.#late.onLate(value, timestamp)
    else this.#late.onOutside()
  }

  #startOf(index: number): number {
    return index * this.#slideMs + this.#offsetMs
  }
}
