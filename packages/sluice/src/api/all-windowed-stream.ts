import type { OutputTag } from '../operators/output-tag.ts'
import type { Evictor } from '../operators/evictors.ts'
import { reduceAggregate } from '../operators/reduce-aggregate.ts'
import type { Trigger } from '../operators/triggers.ts'
import type { StateDeclarations } from '../operators/user-states.ts'
import type {
  AggregateFunction,
  ClearWindowContext,
  ProcessWindowContext,
  TimeWindow,
} from '../operators/window-definition.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import type { NoState } from './keyed-stream.ts'
import type { RecordType } from './record-type.ts'
import type { ProcessWindowFunction, WindowedStream } from './windowed-stream.ts'

/** What a window over a whole stream emits when no function says otherwise. Times are milliseconds since 1970 (UTC). */
export interface AllWindowResult<R> {
  /** First millisecond of the window. */
  readonly windowStart: number
  /** First millisecond behind the window. */
  readonly windowEnd: number
  readonly result: R
}

/** Makes the record that leaves a window over a whole stream. */
export type AllWindowFunction<R, O> = (window: TimeWindow, result: R) => O

/** Under which the records of a stream without keys are kept. */
export type AllKey = 'all'
const ALL: AllKey = 'all'

/** What a function over windows of a whole stream works with. One object serves all calls: do not keep it. */
export type ProcessAllWindowContext<S extends StateDeclarations, W extends StateDeclarations, O> = ProcessWindowContext<
  AllKey,
  S,
  W,
  O
>

/**
 * A function over windows of a whole stream that keeps state and emits what it likes.
 *
 * @example
 * orders.windowAll(TumblingEventTimeWindows.of('1h')).process({
 *   emits: recordType<{ hour: number; greatest: number }>(),
 *   process(orders, ctx) {
 *     ctx.emit({ hour: ctx.window.start, greatest: Math.max(...orders.map((order) => order.price)) })
 *   },
 * })
 */
export interface ProcessAllWindowFunction<In, S extends StateDeclarations, W extends StateDeclarations, O> {
  /** The type of what `ctx.emit` takes; without it the output's type is unknown. */
  readonly emits?: RecordType<O>
  /** States shared by all windows. They stay when a window goes. */
  readonly state?: S
  /** States of each window. They are freed with it. */
  readonly windowState?: W
  /** Called at each firing of a window. Synchronous. `ctx` is one object for all calls: do not keep it. */
  process(input: In, ctx: ProcessAllWindowContext<S, W, O>): void
  /** Called when a window goes, before its `windowState` is freed. */
  clear?(ctx: ClearWindowContext<AllKey, S, W>): void
}

/** Windows over all records of a stream, computed in one subtask. Immutable. */
export class AllWindowedStream<T> {
  readonly #windows: WindowedStream<T, AllKey>

  constructor(windows: WindowedStream<T, AllKey>) {
    this.#windows = windows
  }

  /** As `trigger` of windows per key. */
  trigger(trigger: Trigger<T>): AllWindowedStream<T> {
    return new AllWindowedStream(this.#windows.trigger(trigger))
  }

  /**
   * As `evictor` of windows per key.
   *
   * @throws GRA1005 when an evictor of your own has neither of its functions
   */
  evictor(evictor: Evictor<T>): AllWindowedStream<T> {
    return new AllWindowedStream(this.#windows.evictor(evictor))
  }

  /**
   * Keeps windows for this long behind their end, for records that come late.
   *
   * @param lateness a duration such as `'5m'`; default `'0ms'`
   * @throws CFG1002 when it is no duration
   */
  allowedLateness(lateness: string): AllWindowedStream<T> {
    return new AllWindowedStream(this.#windows.allowedLateness(lateness))
  }

  /** Sends records that are too late to a side output instead of dropping them. */
  sideOutputLateData(tag: OutputTag<T>): AllWindowedStream<T> {
    return new AllWindowedStream(this.#windows.sideOutputLateData(tag))
  }

  /**
   * Aggregates each window as its records come. Needs `.uid(…)`.
   *
   * @param windowFunction makes the record that leaves; default `{ windowStart, windowEnd, result }`
   * @throws GRA1005 when the windows, trigger and aggregate do not go together, GRA1006 when two states share a name
   * @example flights.windowAll(TumblingEventTimeWindows.of('1h')).aggregate(count()).uid('flights-per-hour')
   */
  aggregate<A, R>(aggregate: AggregateFunction<T, A, R>): SingleOutputStreamOperator<AllWindowResult<R>>
  aggregate<A, R, O>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: AllWindowFunction<R, O>,
  ): SingleOutputStreamOperator<O>
  aggregate<A, R, O = unknown, S extends StateDeclarations = NoState, W extends StateDeclarations = NoState>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: ProcessAllWindowFunction<R, S, W, O>,
  ): SingleOutputStreamOperator<O>
  aggregate<A, R>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: unknown = allWindowResult, // the overloads say what it is
  ): SingleOutputStreamOperator<unknown> {
    return isFunction<R>(windowFunction)
      ? this.#windows.aggregate(aggregate, (_key, window, result) => windowFunction(window, result))
      : this.#windows.aggregate(aggregate, withKey(windowFunction as AnyProcess<R>)) // see the overloads
  }

  /**
   * Folds the records of each window into one. Needs `.uid(…)`.
   *
   * @param reduce gives the two records as one; must not change them, and must be associative. In order of arrival, except that parts of windows that overlap
   *   and of sessions that join are put together in order of time
   * @throws GRA1005 when the windows and the trigger do not go together, GRA1006 when two states share a name
   * @example bids.windowAll(TumblingEventTimeWindows.of('10s')).reduce((best, bid) => (bid.price > best.price ? bid : best)).uid('best-bids')
   */
  reduce(reduce: (reduced: T, value: T) => T): SingleOutputStreamOperator<AllWindowResult<T>>
  reduce<O>(reduce: (reduced: T, value: T) => T, windowFunction: AllWindowFunction<T, O>): SingleOutputStreamOperator<O>
  reduce<O = unknown, S extends StateDeclarations = NoState, W extends StateDeclarations = NoState>(
    reduce: (reduced: T, value: T) => T,
    windowFunction: ProcessAllWindowFunction<T, S, W, O>,
  ): SingleOutputStreamOperator<O>
  reduce(
    reduce: (reduced: T, value: T) => T,
    windowFunction: unknown = allWindowResult, // the overloads say what it is
  ): SingleOutputStreamOperator<unknown> {
    return this.aggregate(reduceAggregate(reduce), windowFunction as AllWindowFunction<T, unknown>) // or the other kind
  }

  /**
   * Runs a function over all records of each window, which are kept for it. Needs `.uid(…)`.
   *
   * @throws GRA1005 when the windows and the trigger do not go together, GRA1006 when two states share a name
   */
  process<O = unknown, S extends StateDeclarations = NoState, W extends StateDeclarations = NoState>(
    windowFunction: ProcessAllWindowFunction<readonly T[], S, W, O>,
  ): SingleOutputStreamOperator<O> {
    return this.#windows.process(withKey(windowFunction))
  }
}

type AnyProcess<In> = ProcessAllWindowFunction<In, StateDeclarations, StateDeclarations, unknown>

function isFunction<R>(windowFunction: unknown): windowFunction is AllWindowFunction<R, unknown> {
  return typeof windowFunction === 'function'
}

function withKey<In, S extends StateDeclarations, W extends StateDeclarations, O>(
  windowFunction: ProcessAllWindowFunction<In, S, W, O>,
): ProcessWindowFunction<In, AllKey, S, W, O> {
  const { state, windowState } = windowFunction
  const clear = windowFunction.clear === undefined ? undefined : windowFunction.clear.bind(windowFunction)
  return {
    ...(state === undefined ? {} : { state }),
    ...(windowState === undefined ? {} : { windowState }),
    ...(clear === undefined ? {} : { clear }),
    process: (_key, input, ctx) => windowFunction.process(input, ctx),
  }
}

function allWindowResult<R>(window: TimeWindow, result: R): AllWindowResult<R> {
  return { windowStart: window.start, windowEnd: window.end, result }
}

/** Brings all records together. */
export function keyOfAll(): AllKey {
  return ALL
}
