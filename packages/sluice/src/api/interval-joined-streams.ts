import { parseBound, type JoinInterval } from '../operators/interval-bounds.ts'
import { intervalJoinOperator, type IntervalJoinContext } from '../operators/interval-join.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import { refusePromise, userError } from '../operators/user-error.ts'
import type { Key } from '../stream/key-groups.ts'
import type { TwoKeys } from './connected-streams.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import type { RecordType } from './record-type.ts'
import { attachBehindBoth, type TwoInputs } from './two-inputs.ts'

/**
 * A function for each pair of an interval join.
 *
 * @example
 * const slow: ProcessJoinFunction<Order, Payment, string, string> = {
 *   onMatch(order, payment, ctx) {
 *     if (ctx.rightTimestamp - ctx.leftTimestamp > 60_000) ctx.emit(order.id)
 *   },
 * }
 */
export interface ProcessJoinFunction<L, R, K extends Key, O> {
  /** The type of what `ctx.emit` takes; without it the output's type is unknown. */
  readonly emits?: RecordType<O>
  /** Called for each pair, when the second of the two comes. `emit` stamps the greater timestamp of both. Synchronous. */
  onMatch(left: L, right: R, ctx: IntervalJoinContext<K, O>): void
}

/** Two streams with keys of one type, waiting for how far their records may be from each other. Made by `keyed.intervalJoin(other)`. */
export class IntervalJoin<L, R, K extends Key> {
  readonly #keys: TwoKeys<L, R, K>
  readonly #inputs: TwoInputs

  constructor(keys: TwoKeys<L, R, K>, inputs: TwoInputs) {
    this.#keys = keys
    this.#inputs = inputs
  }

  /**
   * Joins records of equal keys with `left + lower <= right <= left + upper` in event time. Both bounds belong to it unless they are made exclusive.
   *
   * @param lower a duration such as `'5m'`, or `'-5m'` for right records that come before the left one
   * @param upper a duration that is not smaller
   * @throws CFG1002 when one is no duration; GRA1005, from `apply` and `process`, when nothing could be within the interval
   * @example orders.keyBy((order) => order.id).intervalJoin(payments.keyBy((payment) => payment.orderId)).between('-5m', '1h')
   */
  between(lower: string, upper: string): IntervalJoined<L, R, K> {
    const lowerMs = parseBound(lower, 'lower bound of an interval join')
    const upperMs = parseBound(upper, 'upper bound of an interval join')
    const interval: JoinInterval = { lowerMs, upperMs, lowerBound: 'inclusive', upperBound: 'inclusive' }
    return new IntervalJoined(this.#keys, this.#inputs, { interval })
  }
}

interface IntervalSettings {
  readonly interval: JoinInterval
  readonly leftLateTag?: string
  readonly rightLateTag?: string
}

/** An interval join, waiting for what to do with the pairs. Immutable. */
export class IntervalJoined<L, R, K extends Key> {
  readonly #keys: TwoKeys<L, R, K>
  readonly #inputs: TwoInputs
  readonly #settings: IntervalSettings

  constructor(keys: TwoKeys<L, R, K>, inputs: TwoInputs, settings: IntervalSettings) {
    this.#keys = keys
    this.#inputs = inputs
    this.#settings = settings
  }

  /** Leaves out right records exactly `lower` away. */
  lowerBoundExclusive(): IntervalJoined<L, R, K> {
    return this.#with({ interval: { ...this.#settings.interval, lowerBound: 'exclusive' } })
  }

  /** Leaves out right records exactly `upper` away. */
  upperBoundExclusive(): IntervalJoined<L, R, K> {
    return this.#with({ interval: { ...this.#settings.interval, upperBound: 'exclusive' } })
  }

  /** Sends late records of the first stream to a side output; without it they are dropped. `lateRecords` counts them in both cases. */
  sideOutputLeftLateData(tag: OutputTag<L>): IntervalJoined<L, R, K> {
    return this.#with({ leftLateTag: tag.name })
  }

  /** Sends late records of the second stream to a side output; without it they are dropped. `lateRecords` counts them in both cases. */
  sideOutputRightLateData(tag: OutputTag<R>): IntervalJoined<L, R, K> {
    return this.#with({ rightLateTag: tag.name })
  }

  /**
   * One record for each pair, with the greater timestamp of both. Needs `.uid(…)`.
   *
   * @throws GRA1005 when nothing could be within the interval, or a bound is out of its limits
   * @example paidOrders.between('0ms', '1h').apply((order, payment) => ({ ...order, paidMs: payment.timeMs }))
   */
  apply<O>(join: (left: L, right: R) => O): SingleOutputStreamOperator<O> {
    return this.process<O>({
      onMatch(left, right, ctx) {
        let joined: O
        try {
          joined = join(left, right)
        } catch (cause) {
          throw userError(ctx.info, 'join function', cause, { kind: 'record', key: ctx.key })
        }
        refusePromise(ctx.info, 'join function', joined)
        ctx.emit(joined)
      },
    })
  }

  /**
   * Calls a function for each pair. Needs `.uid(…)`.
   *
   * @throws GRA1005 when nothing could be within the interval, or a bound is out of its limits
   * @example
   * paidOrders.between('0ms', '1h').process({
   *   emits: recordType<{ id: string; waitedMs: number }>(),
   *   onMatch(order, payment, ctx) {
   *     ctx.emit({ id: order.id, waitedMs: ctx.rightTimestamp - ctx.leftTimestamp })
   *   },
   * })
   */
  process<O = unknown>(definition: ProcessJoinFunction<L, R, K, O>): SingleOutputStreamOperator<O> {
    const keys = this.#keys
    const operator = intervalJoinOperator<L, R, K, O>({
      leftKey: (value) => keys.firstKey(value),
      rightKey: (value) => keys.secondKey(value),
      onMatch: (left, right, ctx) => definition.onMatch(left, right, ctx),
      ...this.#settings,
    })
    return attachBehindBoth(this.#inputs, operator)
  }

  #with(change: Partial<IntervalSettings>): IntervalJoined<L, R, K> {
    return new IntervalJoined(this.#keys, this.#inputs, { ...this.#settings, ...change })
  }
}
