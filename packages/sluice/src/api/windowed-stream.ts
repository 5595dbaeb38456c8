import { parseDuration } from '../base/duration.ts'
import type { Key } from '../stream/key-groups.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import { checkEvictor, CountEvictor, type Evictor } from '../operators/evictors.ts'
import { reduceAggregate } from '../operators/reduce-aggregate.ts'
import { CountTrigger, PurgingTrigger, type Trigger } from '../operators/triggers.ts'
import type { StateDeclarations } from '../operators/user-states.ts'
import type { AggregateFunction, TimeWindow, WindowProcess, WindowSettings } from '../operators/window-definition.ts'
import { windowOperator } from '../operators/windows.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import type { AttachOperator, NoState } from './keyed-stream.ts'
import type { RecordType } from './record-type.ts'

/** What a window emits when no function says otherwise. Times are milliseconds since 1970 (UTC). */
export interface WindowResult<K extends Key, R> {
  readonly key: K
  /** First millisecond of the window. */
  readonly windowStart: number
  /** First millisecond behind the window. */
  readonly windowEnd: number
  readonly result: R
}

/** Makes the record that leaves a window. */
export type WindowFunction<K extends Key, R, O> = (key: K, window: TimeWindow, result: R) => O

/**
 * A function over windows that keeps state and emits what it likes. `In` is all records of the window in order of arrival, or what they were
 * aggregated to.
 *
 * @example
 * const busiest = orders.keyBy((order) => order.shop).window(TumblingEventTimeWindows.of('1h')).process({
 *   emits: recordType<{ shop: string; top: Order }>(),
 *   state: { best: valueState<number>('best', 0) },
 *   process(shop, elements, ctx) {
 *     for (const top of elements) {
 *       if (top.price <= ctx.state.best.value()) continue
 *       ctx.state.best.update(top.price)
 *       ctx.emit({ shop, top })
 *     }
 *   },
 * }).uid('best-orders')
 */
export interface ProcessWindowFunction<
  In,
  K extends Key,
  S extends StateDeclarations,
  W extends StateDeclarations,
  O,
> extends WindowProcess<In, K, S, W, O> {
  /** The type of what `ctx.emit` takes; without it the output's type is unknown. */
  readonly emits?: RecordType<O>
}

/** Windows per key, waiting for what to compute over each. Immutable. */
export class WindowedStream<T, K extends Key> {
  readonly #attach: AttachOperator
  /** Without their types: a stream of a subtype must stay a stream of its supertype. */
  readonly #settings: object

  constructor(attach: AttachOperator, settings: WindowSettings<T, K>) {
    this.#attach = attach
    this.#settings = settings
  }

  /**
   * Says when a window gives a result, instead of the assigner's default.
   *
   * @example orders.keyBy((order) => order.shop).window(GlobalWindows.create()).trigger(PurgingTrigger.of(CountTrigger.of(100)))
   */
  trigger(trigger: Trigger<T>): WindowedStream<T, K> {
    return this.#with({ trigger })
  }

  /**
   * Says which records a window forgets when it fires. It keeps all its records then, also for `aggregate` and `reduce`, which are computed anew at
   * each firing.
   *
   * @throws GRA1005 when an evictor of your own has neither of its functions
   * @example orders.keyBy((order) => order.shop).window(TumblingEventTimeWindows.of('1h')).evictor(CountEvictor.of(10))
   */
  evictor(evictor: Evictor<T>): WindowedStream<T, K> {
    return this.#with({ evictor: checkEvictor(evictor) })
  }

  /**
   * Keeps windows for this long behind their end: a record that comes late, but within it, makes its window fire again at once. Only windows in event
   * time can be late.
   *
   * @param lateness a duration such as `'5m'`; default `'0ms'`
   * @throws CFG1002 when it is no duration
   * @example orders.keyBy((order) => order.shop).window(TumblingEventTimeWindows.of('1h')).allowedLateness('5m')
   */
  allowedLateness(lateness: string): WindowedStream<T, K> {
    return this.#with({ allowedLatenessMs: parseDuration(lateness, 'allowed lateness') })
  }

  /**
   * Sends records that are too late to a side output; without it they are dropped. `lateRecords` counts them in both cases. Read it with
   * `getSideOutput(tag)` on the result of `aggregate`, `reduce` or `process`.
   *
   * @example orders.keyBy((order) => order.shop).window(TumblingEventTimeWindows.of('1h')).sideOutputLateData(outputTag<Order>('late-orders'))
   */
  sideOutputLateData(tag: OutputTag<T>): WindowedStream<T, K> {
    return this.#with({ lateTag: tag.name })
  }

  /**
   * Aggregates each window as its records come: only the accumulator is kept. Needs `.uid(…)`.
   *
   * @param windowFunction makes the record that leaves; default `{ key, windowStart, windowEnd, result }`; an object with `process` also has
   *   states, the watermark and side outputs
   * @throws GRA1005 when the windows, trigger and aggregate do not go together, GRA1006 when two states share a name
   * @example windows.aggregate(average((order) => order.price), (shop, window, price) => ({ shop, hour: window.start, price }))
   */
  aggregate<A, R>(aggregate: AggregateFunction<T, A, R>): SingleOutputStreamOperator<WindowResult<K, R>>
  aggregate<A, R, O>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: WindowFunction<K, R, O>,
  ): SingleOutputStreamOperator<O>
  aggregate<A, R, O = unknown, S extends StateDeclarations = NoState, W extends StateDeclarations = NoState>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: ProcessWindowFunction<R, K, S, W, O>,
  ): SingleOutputStreamOperator<O>
  aggregate<A, R>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: unknown = windowResult, // the overloads say what it is
  ): SingleOutputStreamOperator<unknown> {
    return this.#incremental(aggregate, windowFunction)
  }

  /**
   * Folds the records of each window into one. Needs `.uid(…)`.
   *
   * @param reduce gives the two records as one; must not change them, and must be associative. In order of arrival, except that parts of windows that overlap
   *   and of sessions that join are put together in order of time
   * @param windowFunction as of `aggregate`
   * @throws GRA1005 when the windows and the trigger do not go together, GRA1006 when two states share a name
   * @example windows.reduce((dearest, order) => (order.price > dearest.price ? order : dearest))
   */
  reduce(reduce: (reduced: T, value: T) => T): SingleOutputStreamOperator<WindowResult<K, T>>
  reduce<O>(reduce: (reduced: T, value: T) => T, windowFunction: WindowFunction<K, T, O>): SingleOutputStreamOperator<O>
  reduce<O = unknown, S extends StateDeclarations = NoState, W extends StateDeclarations = NoState>(
    reduce: (reduced: T, value: T) => T,
    windowFunction: ProcessWindowFunction<T, K, S, W, O>,
  ): SingleOutputStreamOperator<O>
  reduce(
    reduce: (reduced: T, value: T) => T,
    windowFunction: unknown = windowResult, // the overloads say what it is
  ): SingleOutputStreamOperator<unknown> {
    return this.#incremental(reduceAggregate(reduce), windowFunction)
  }

  /**
   * Runs a function over all records of each window, which are kept for it. Needs `.uid(…)`. Where the result can be computed record by record,
   * `aggregate` costs far less.
   *
   * @throws GRA1005 when the windows and the trigger do not go together, or windows that merge have a `windowState`; GRA1006 when two states
   *   share a name
   * @example
   * windows.process({
   *   emits: recordType<{ shop: string; median: number }>(),
   *   process(shop, orders, ctx) {
   *     ctx.emit({ shop, median: medianOf(orders.map((order) => order.price)) })
   *   },
   * })
   */
  process<O = unknown, S extends StateDeclarations = NoState, W extends StateDeclarations = NoState>(
    windowFunction: ProcessWindowFunction<readonly T[], K, S, W, O>,
  ): SingleOutputStreamOperator<O> {
    return this.#attach(windowOperator({ ...this.#settings, process: windowFunction }))
  }

  #incremental<A, R>(
    aggregate: AggregateFunction<T, A, R>,
    windowFunction: unknown,
  ): SingleOutputStreamOperator<unknown> {
    const applied = typeof windowFunction === 'function' ? { resultOf: windowFunction } : { process: windowFunction }
    return this.#attach(windowOperator({ ...this.#settings, aggregate, ...applied }))
  }

  #with(change: object): WindowedStream<T, K> {
    const settings = { ...this.#settings, ...change } as WindowSettings<T, K> // as the constructor got them
    return new WindowedStream<T, K>(this.#attach, settings)
  }
}

/** Windows over every `size` records; with a `slide` over the last `size`, every `slide` records. `windows` are global. */
export function countWindows<T, K extends Key>(
  windows: WindowedStream<T, K>,
  size: number,
  slide: number | undefined,
): WindowedStream<T, K> {
  return slide === undefined
    ? windows.trigger(PurgingTrigger.of(CountTrigger.of(size)))
    : windows.trigger(CountTrigger.of(slide)).evictor(CountEvictor.of(size))
}

function windowResult<K extends Key, R>(key: K, window: TimeWindow, result: R): WindowResult<K, R> {
  return { key, windowStart: window.start, windowEnd: window.end, result }
}
