import type { Key } from '../stream/key-groups.ts'
import type { BroadcastDeclarations } from '../operators/broadcast-state.ts'
import type { NoOperatorState } from '../operators/function-context.ts'
import { type Comparable, keyedAggregationOperator, type Ties } from '../operators/keyed-aggregation.ts'
import { keyedProcessOperator } from '../operators/keyed-process.ts'
import type { OperatorStateDeclarations } from '../operators/user-operator-states.ts'
import type { StateDeclarations } from '../operators/user-states.ts'
import { keyedReduceOperator } from '../operators/keyed-reduce.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import { GlobalWindows, type WindowAssigner } from '../operators/window-assigners.ts'
import { type BroadcastStream, KeyedBroadcastConnectedStream, partsOf } from './broadcast-stream.ts'
import { KeyedConnectedStreams, type TwoKeys } from './connected-streams.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import { IntervalJoin } from './interval-joined-streams.ts'
import type { KeyedProcessFunction } from './process-function.ts'
import { type AttachableOrigin, twoInputs } from './two-inputs.ts'
import { countWindows, WindowedStream } from './windowed-stream.ts'

/** Adds an operator behind the keyed edges of a stream. */
export type AttachOperator = <O>(operator: OperatorSpec) => SingleOutputStreamOperator<O>

/** A method, so that a stream of a subtype is a stream of its supertype. */
export interface KeySelection<T, K extends Key> {
  keySelector(value: T): K
}

export type NoState = Readonly<Record<string, never>>

/** Names of the fields of T that hold a V. The keys of a mapped type, so that a stream of a subtype is a stream of its supertype. */
export type FieldOf<T, V> = keyof { readonly [Name in keyof T as T[Name] extends V ? Name : never]: Name } & string

/** What `minBy` and `maxBy` compare: a field, or what a function gives. */
export type ComparedBy<T> = FieldOf<T, Comparable> | ((value: T) => Comparable)

/** A stream whose records of one key are together in one subtask. */
export class KeyedStream<T, K extends Key> {
  readonly #selection: KeySelection<T, K>
  readonly #attach: AttachOperator
  readonly #input: AttachableOrigin

  constructor(selection: KeySelection<T, K>, attach: AttachOperator, input: AttachableOrigin) {
    this.#selection = selection
    this.#attach = attach
    this.#input = input
  }

  /**
   * Runs a function with state and timers per key. Needs `.uid(…)`.
   *
   * @throws GRA1006 when two states share a name
   * @example
   * payments
   *   .keyBy((payment) => payment.card)
   *   .process({
   *     emits: recordType<{ card: string; count: number }>(),
   *     state: { count: valueState<number>('count', 0) },
   *     onRecord(_payment, ctx) {
   *       ctx.state.count.update(ctx.state.count.value() + 1)
   *       ctx.emit({ card: ctx.key, count: ctx.state.count.value() })
   *     },
   *   })
   *   .uid('payments-by-card')
   */
  process<O = unknown, S extends StateDeclarations = NoState, OS extends OperatorStateDeclarations = NoOperatorState>(
    definition: KeyedProcessFunction<T, K, S, O, OS>,
  ): SingleOutputStreamOperator<O> {
    const { emits: _emits, ...functions } = definition
    const state = definition.state ?? ({} as S) // without declarations S is NoState
    return this.#attach(keyedProcessOperator<T, K, S, O, OS>({ ...functions, ...this.#selection, state }))
  }

  /**
   * This stream and another with keys of the same type as the inputs of one operator, where they share state; or this stream and a broadcast stream,
   * whose records every subtask gets.
   *
   * @throws GRA1020 when the other stream belongs to another job
   * @example
   * orders
   *   .keyBy((order) => order.id)
   *   .connect(payments.keyBy((payment) => payment.orderId))
   *   .process({
   *     emits: recordType<Order>(),
   *     state: { order: valueState<Order>('order') },
   *     onFirst: (order, ctx) => ctx.state.order.update(order),
   *     onSecond(_payment, ctx) {
   *       const order = ctx.state.order.value()
   *       if (order !== undefined) ctx.emit(order)
   *     },
   *   })
   *   .uid('paid-orders')
   * @example payments.keyBy((payment) => payment.card).connect(limits.broadcast({ limits: mapState<string, number>('limits') }))
   */
  connect<U>(other: KeyedStream<U, K>): KeyedConnectedStreams<T, U, K>
  connect<U, B extends BroadcastDeclarations>(other: BroadcastStream<U, B>): KeyedBroadcastConnectedStream<T, U, K, B>
  connect<U, B extends BroadcastDeclarations>(
    other: KeyedStream<U, K> | BroadcastStream<U, B>,
  ): KeyedConnectedStreams<T, U, K> | KeyedBroadcastConnectedStream<T, U, K, B> {
    if (other instanceof KeyedStream)
      return new KeyedConnectedStreams<T, U, K>(this.#keysWith(other), twoInputs(this.#input, other.#input.origin))
    const { origin, states } = partsOf(other)
    return new KeyedBroadcastConnectedStream<T, U, K, B>(this.#selection, states, twoInputs(this.#input, origin))
  }

  /**
   * Joins records of two streams with equal keys whose event times are within an interval of each other.
   *
   * @throws GRA1020 when the other stream belongs to another job
   * @example orders.keyBy((order) => order.id).intervalJoin(payments.keyBy((payment) => payment.orderId)).between('0ms', '1h')
   */
  intervalJoin<U>(other: KeyedStream<U, K>): IntervalJoin<T, U, K> {
    return new IntervalJoin<T, U, K>(this.#keysWith(other), twoInputs(this.#input, other.#input.origin))
  }

  #keysWith<U>(other: KeyedStream<U, K>): TwoKeys<T, U, K> {
    const first = this.#selection
    const second = other.#selection
    return { firstKey: (value: T) => first.keySelector(value), secondKey: (value: U) => second.keySelector(value) }
  }

  /**
   * Folds the records of each key into one, and emits it after every record. Needs `.uid(…)`.
   *
   * @example sales.keyBy((sale) => sale.shop).reduce((total, sale) => ({ ...sale, amount: total.amount + sale.amount })).uid('totals')
   */
  reduce(reduce: (reduced: T, value: T) => T): SingleOutputStreamOperator<T> {
    return this.#attach(keyedReduceOperator<T, K>({ ...this.#selection, reduce }))
  }

  /**
   * Adds up a field per key, and emits after every record the first one of its key with the sum so far in that field. Needs `.uid(…)`.
   *
   * @param field holds numbers or bigints; anything else fails the record (TSK1001 while the job runs)
   * @example sales.keyBy((sale) => sale.shop).sum('amount').uid('totals')
   */
  sum(field: FieldOf<T, number> | FieldOf<T, bigint>): SingleOutputStreamOperator<T> {
    return this.#attach(keyedAggregationOperator({ ...this.#selection, kind: 'sum', of: field }))
  }

  /**
   * The smallest value of a field per key so far: emits the first record of the key with that value in the field. `minBy` gives the
   * record that has it. Needs `.uid(…)`.
   *
   * @param field holds numbers, bigints or strings; anything else fails the record (TSK1001 while the job runs)
   * @example offers.keyBy((offer) => offer.item).min('price').uid('lowest-prices')
   */
  min(field: FieldOf<T, Comparable>): SingleOutputStreamOperator<T> {
    return this.#attach(keyedAggregationOperator({ ...this.#selection, kind: 'min', of: field }))
  }

  /**
   * The greatest value of a field per key so far: emits the first record of the key with that value in the field. Needs `.uid(…)`.
   *
   * @param field holds numbers, bigints or strings; anything else fails the record (TSK1001 while the job runs)
   * @example bids.keyBy((bid) => bid.auction).max('price').uid('highest-prices')
   */
  max(field: FieldOf<T, Comparable>): SingleOutputStreamOperator<T> {
    return this.#attach(keyedAggregationOperator({ ...this.#selection, kind: 'max', of: field }))
  }

  /**
   * The record with the smallest value per key so far, emitted after every record. Needs `.uid(…)`.
   *
   * @param of a field, or a function that gives a number, bigint or string; anything else fails the record (TSK1001 while the job runs)
   * @param options `ties`: which of several records with that value; default `'first'`
   * @example offers.keyBy((offer) => offer.item).minBy('price').uid('lowest-offers')
   */
  minBy(of: ComparedBy<T>, options: { readonly ties?: Ties } = {}): SingleOutputStreamOperator<T> {
    return this.#attach(keyedAggregationOperator({ ...this.#selection, kind: 'min-by', of, ties: options.ties }))
  }

  /**
   * The record with the greatest value per key so far, emitted after every record. Needs `.uid(…)`.
   *
   * @param of a field, or a function that gives a number, bigint or string; anything else fails the record (TSK1001 while the job runs)
   * @param options `ties`: which of several records with that value; default `'first'`
   * @example bids.keyBy((bid) => bid.auction).maxBy((bid) => bid.price, { ties: 'last' }).uid('highest-bids')
   */
  maxBy(of: ComparedBy<T>, options: { readonly ties?: Ties } = {}): SingleOutputStreamOperator<T> {
    return this.#attach(keyedAggregationOperator({ ...this.#selection, kind: 'max-by', of, ties: options.ties }))
  }

  /**
   * Groups the records of each key into windows.
   *
   * @example flights.keyBy((flight) => flight.origin).window(TumblingEventTimeWindows.of('1h'))
   */
  window(assigner: WindowAssigner<T>): WindowedStream<T, K> {
    return new WindowedStream<T, K>(this.#attach, { ...this.#selection, assigner })
  }

  /**
   * Groups the records of each key by their number: every `size` records give a result, over these; with a `slide`, every `slide` records give one, over
   * the last `size`.
   *
   * @param size records, a whole number from 1
   * @param slide records, a whole number from 1; default: `size`, and nothing is kept behind a result
   * @throws GRA1005 when one of them is none
   * @example bids.keyBy((bid) => bid.auction).countWindow(100).aggregate(average((bid) => bid.price)).uid('average-bids')
   */
  countWindow(size: number, slide?: number): WindowedStream<T, K> {
    return countWindows(this.window(GlobalWindows.create()), size, slide)
  }
}
