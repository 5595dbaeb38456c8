import { parseDuration } from '../base/duration.ts'
import type { Key } from '../stream/key-groups.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import { reduceAggregate } from '../operators/reduce-aggregate.ts'
import type { WindowAssigner } from '../operators/window-assigners.ts'
import type { AggregateFunction, TimeWindow } from '../operators/window-definition.ts'
import { windowOperator } from '../operators/window-operator.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import type { AttachOperator, KeySelection } from './keyed-stream.ts'

/** What a window emits when no function says otherwise. Times are milliseconds since 1970 (UTC). */
export interface WindowResult<K extends Key, R> {
  readonly key: K
  readonly windowStart: number
  /** First millisecond behind the window. */
  readonly windowEnd: number
  readonly result: R
}

/** Makes the record that leaves a window. */
export type WindowFunction<K extends Key, R, O> = (key: K, window: TimeWindow, result: R) => O

interface WindowSettings<T, K extends Key> extends KeySelection<T, K> {
  readonly assigner: WindowAssigner
  readonly allowedLatenessMs: number
  readonly lateTag: string | undefined
}

/** Windows per key, waiting for what to compute over each. Immutable. */
export class WindowedStream<T, K extends Key> {
  readonly #attach: AttachOperator
  readonly #settings: WindowSettings<T, K>

  constructor(attach: AttachOperator, settings: WindowSettings<T, K>) {
    this.#attach = attach
    this.#settings = settings
  }

  /**
   * Keeps windows for this long behind their end: a record that comes late, but within it, makes its window fire again at once.
   *
   * @param lateness a duration such as `'5m'`; default `'0ms'`
   * @throws CFG1002 when it is no duration
   */
  allowedLateness(lateness: string): WindowedStream<T, K> {
    return this.#with({ allowedLatenessMs: parseDuration(lateness, 'allowed lateness') })
  }

  /**
   * Sends records that are too late to a side output; without it they are dropped. `lateRecords` counts them in both cases. Read it with
   * `getSideOutput(tag)` on the result of `aggregate` or `reduce`.
   */
  sideOutputLateData(tag: OutputTag<T>): WindowedStream<T, K> {
    return this.#with({ lateTag: tag.name })
  }

  /**
   * Aggregates each window as its records come: only the accumulator is kept. Needs `.uid(…)`.
   *
   * @param windowFunction makes the record that leaves; default `{ key, windowStart, windowEnd, result }`
   * @example .aggregate(average((flight) => flight.delay), (origin, window, delay) => ({ origin, hour: window.start, delay }))
   */
  aggregate<A, R>(aggregate: AggregateFunction<T, A, R>): SingleOutputStreamOperator<WindowResult<K, R>>
  aggregate<A, R, O>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: WindowFunction<K, R, O>,
  ): SingleOutputStreamOperator<O>
  aggregate<A, R>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: WindowFunction<K, R, unknown> = windowResult,
  ): SingleOutputStreamOperator<unknown> {
    return this.#attach(windowOperator({ ...this.#settings, aggregate, resultOf: windowFunction }))
  }

  /**
   * Folds the records of each window into one. Needs `.uid(…)`.
   *
   * @param windowFunction makes the record that leaves; default `{ key, windowStart, windowEnd, result }`
   */
  reduce(reduce: (reduced: T, value: T) => T): SingleOutputStreamOperator<WindowResult<K, T>>
  reduce<O>(reduce: (reduced: T, value: T) => T, windowFunction: WindowFunction<K, T, O>): SingleOutputStreamOperator<O>
  reduce(
    reduce: (reduced: T, value: T) => T,
    windowFunction: WindowFunction<K, T, unknown> = windowResult,
  ): SingleOutputStreamOperator<unknown> {
    return this.aggregate(reduceAggregate(reduce), windowFunction)
  }

  #with(change: Partial<WindowSettings<T, K>>): WindowedStream<T, K> {
    return new WindowedStream(this.#attach, { ...this.#settings, ...change })
  }
}

function windowResult<K extends Key, R>(key: K, window: TimeWindow, result: R): WindowResult<K, R> {
  return { key, windowStart: window.start, windowEnd: window.end, result }
}
