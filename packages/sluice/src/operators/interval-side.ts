/** One input of an interval join: keeps its records and meets those of the other one. Rules: interval-join.ts. */
import type { ValueState } from '../state/keyed-state.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { checkTimestamp } from './event-time.ts'
import type { InclusiveInterval } from './interval-bounds.ts'
import { dropUntil, insertByTime, placeFrom, timeAt, type IntervalBuffer } from './interval-buffer.ts'
import { selectKey } from './key-selection.ts'
import type { KeyedRuntime } from './keyed-operator.ts'
import type { Counter, RecordReceiver } from './operator.ts'

export interface SideDefinition<T, U> {
  readonly keySelector: (value: T) => Key
  /** Where the records of the other side are that belong to one of this side, seen from this one. */
  readonly interval: InclusiveInterval
  readonly lateTag: string | undefined
  readonly timerNamespace: number
  readonly own: ValueState<IntervalBuffer<T>>
  readonly other: ValueState<IntervalBuffer<U>>
  readonly onPair: (own: T, other: U, ownTimestamp: number, otherTimestamp: number) => void
}

/** Later than any clean-up time. */
const NO_TIMER = MAX_WATERMARK

export class IntervalSide<T, U> implements RecordReceiver {
  readonly #definition: SideDefinition<T, U>
  readonly #runtime: KeyedRuntime
  readonly #late: RecordReceiver | undefined
  readonly #lateCount: Counter
  /** A record is kept this long behind its own time. */
  readonly #keptMs: number

  constructor(definition: SideDefinition<T, U>, runtime: KeyedRuntime) {
    const { lateTag, interval } = definition
    this.#definition = definition
    this.#runtime = runtime
    this.#late = lateTag === undefined ? undefined : runtime.context.sideOutput(lateTag)
    this.#lateCount = runtime.context.counter('lateRecords')
    this.#keptMs = Math.max(0, interval.upperMs)
  }

  onRecord(value: T, timestamp: number): void {
    const { context, keyed, clock } = this.#runtime
    checkTimestamp(context.info, timestamp)
    const key = selectKey(this.#definition.keySelector, value, context.info)
    if (timestamp < clock.watermark) {
      this.#lateCount.add(1)
      this.#late?.onRecord(value, timestamp)
      return
    }
    keyed.setCurrentKey(key)
    this.#meet(value, timestamp)
    this.#keep(value, timestamp) // L5
  }

  /** The key of the timer is current. */
  onTimer(timestampMs: number): void {
    const { own } = this.#definition
    const buffer = own.value()
    if (buffer === undefined || buffer.timerAt !== timestampMs) return // L4
    dropUntil(buffer, this.#runtime.clock.watermark - this.#keptMs)
    const [earliest] = buffer.times
    if (earliest === undefined) {
      own.clear()
      return
    }
    buffer.timerAt = NO_TIMER
    this.#arm(buffer, earliest)
    own.update(buffer)
  }

  #keep(value: T, timestamp: number): void {
    const { own } = this.#definition
    const buffer = own.value() ?? { timerAt: NO_TIMER, times: [], values: [] }
    insertByTime(buffer, value, timestamp)
    own.update(buffer)
    this.#arm(buffer, timestamp)
  }

  #arm(buffer: IntervalBuffer<T>, timestamp: number): void {
    // a record at the watermark stays until the next one: a watermark that a restarted source repeats is none
    const cleanupAt = Math.max(timestamp + this.#keptMs, this.#runtime.clock.watermark + 1)
    if (cleanupAt >= buffer.timerAt) return
    buffer.timerAt = cleanupAt
    this.#runtime.keyed.eventTimers.register(cleanupAt, this.#definition.timerNamespace)
  }

  #meet(value: T, timestamp: number): void {
    const { other, interval, onPair } = this.#definition
    const buffer = other.value()
    if (buffer === undefined) return
    const { times, values } = buffer
    const last = timestamp + interval.upperMs
    for (let place = placeFrom(times, timestamp + interval.lowerMs); place < times.length; place++) {
      const otherTimestamp = timeAt(times, place)
      if (otherTimestamp > last) return
      onPair(value, values[place] as U, timestamp, otherTimestamp) // both arrays have the same length
    }
  }
}
