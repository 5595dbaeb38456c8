import type { CoGroupedRecord } from '../operators/co-group-definition.ts'
import { checkEvictor, type Evictor } from '../operators/evictors.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import type { Trigger } from '../operators/triggers.ts'
import type { WindowAssigner } from '../operators/window-assigners.ts'
import type { TimeWindow } from '../operators/window-definition.ts'
import { windowJoinOperator } from '../operators/window-join.ts'
import type { Key } from '../stream/key-groups.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import {
  attachByKeys,
  keySelectors,
  latenessOf,
  typedWindows,
  withChange,
  type EqualKeys,
  type ErasedWindows,
  type LeftKey,
} from './two-input-windows.ts'
import type { TwoInputs } from './two-inputs.ts'

/**
 * Makes one record of two that have the same key and window.
 *
 * @example const paid: JoinFunction<Order, Payment, string, Paid> = (order, payment) => ({ ...order, paidMs: payment.timeMs })
 */
export type JoinFunction<L, R, K extends Key, O> = (left: L, right: R, key: K, window: TimeWindow) => O

/** Two streams whose records with one key and window are joined. Made by `stream.join(other)`. */
export class JoinedStreams<L, R> {
  readonly #inputs: TwoInputs

  constructor(inputs: TwoInputs) {
    this.#inputs = inputs
  }

  /**
   * The key of the first stream's records: a string, finite number, boolean or bigint (KEY1001 while the job runs otherwise).
   *
   * @example orders.join(payments).where((order) => order.id).equalTo((payment) => payment.orderId)
   */
  where<K extends Key>(leftKey: (value: L) => K): JoinWhere<L, R, K> {
    return new JoinWhere(this.#inputs, { leftKey })
  }
}

/**
 * A join that still needs the key of the second stream.
 *
 * @example orders.join(payments).where((order) => order.id).equalTo((payment) => payment.orderId)
 */
export class JoinWhere<L, R, K extends Key> {
  readonly #inputs: TwoInputs
  readonly #left: LeftKey<L, K>

  constructor(inputs: TwoInputs, left: LeftKey<L, K>) {
    this.#inputs = inputs
    this.#left = left
  }

  /** The key of the second stream's records, of the same type as that of the first. */
  equalTo(rightKey: (value: R) => K): JoinEqualTo<L, R, K> {
    return new JoinEqualTo({ inputs: this.#inputs, ...this.#left, rightKey })
  }
}

/** A join that still needs windows. */
export class JoinEqualTo<L, R, K extends Key> {
  readonly #keys: EqualKeys<L, R, K>

  constructor(keys: EqualKeys<L, R, K>) {
    this.#keys = keys
  }

  /**
   * The windows, the same for both streams. An assigner that looks at records gets them as `CoGroupedRecord`.
   *
   * @example orders.join(payments).where((order) => order.id).equalTo((payment) => payment.orderId).window(TumblingEventTimeWindows.of('1h'))
   */
  window(assigner: WindowAssigner<CoGroupedRecord<L, R>>): WindowedJoin<L, R, K> {
    return new WindowedJoin(this.#keys, { assigner })
  }
}

/** A join with windows, waiting for the function. Immutable. */
export class WindowedJoin<L, R, K extends Key> {
  readonly #keys: EqualKeys<L, R, K>
  readonly #windows: ErasedWindows

  constructor(keys: EqualKeys<L, R, K>, windows: ErasedWindows) {
    this.#keys = keys
    this.#windows = windows
  }

  /**
   * Says when a window joins its records, instead of the assigner's default. Records of both streams count.
   *
   * @example
   * orders.join(payments).where((order) => order.id).equalTo((payment) => payment.orderId)
   *   .window(GlobalWindows.create()).trigger(PurgingTrigger.of(CountTrigger.of(100)))
   */
  trigger(trigger: Trigger<CoGroupedRecord<L, R>>): WindowedJoin<L, R, K> {
    return new WindowedJoin(this.#keys, withChange<L, R, K>(this.#windows, { trigger }))
  }

  /**
   * Says which records a window forgets when it fires. It sees the records of both streams in order of arrival.
   *
   * @throws GRA1005 when an evictor of your own has neither of its functions
   */
  evictor(evictor: Evictor<CoGroupedRecord<L, R>>): WindowedJoin<L, R, K> {
    return new WindowedJoin(this.#keys, withChange<L, R, K>(this.#windows, { evictor: checkEvictor(evictor) }))
  }

  /**
   * Keeps windows for this long behind their end: a record that comes late, but within it, makes its window give all its pairs again.
   *
   * @param lateness a duration such as `'5m'`; default `'0ms'`
   * @throws CFG1002 when it is no duration
   */
  allowedLateness(lateness: string): WindowedJoin<L, R, K> {
    return new WindowedJoin(this.#keys, withChange<L, R, K>(this.#windows, latenessOf(lateness)))
  }

  /** Sends records of either stream that are too late to a side output; without it they are dropped. `lateRecords` counts them in both cases. */
  sideOutputLateData(tag: OutputTag<CoGroupedRecord<L, R>>): WindowedJoin<L, R, K> {
    return new WindowedJoin(this.#keys, withChange<L, R, K>(this.#windows, { lateTag: tag.name }))
  }

  /**
   * Joins each record of the first stream with each of the second in the same window with the same key. Results have the last millisecond of the
   * window as timestamp. Records without a partner give nothing: use `coGroup` where they should. Needs `.uid(…)`.
   *
   * @throws GRA1005 when the windows, trigger and evictor do not go together or are out of their limits
   * @example
   * orders
   *   .join(payments)
   *   .where((order) => order.id)
   *   .equalTo((payment) => payment.orderId)
   *   .window(TumblingEventTimeWindows.of('1h'))
   *   .apply((order, payment) => ({ ...order, paidMs: payment.timeMs }))
   *   .uid('paid-orders')
   */
  apply<O>(join: JoinFunction<L, R, K, O>): SingleOutputStreamOperator<O> {
    const windows = typedWindows<L, R, K>(this.#windows)
    return attachByKeys(this.#keys, windowJoinOperator({ ...keySelectors(this.#keys), ...windows, join }))
  }
}
