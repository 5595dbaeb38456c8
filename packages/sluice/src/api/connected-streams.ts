import { coFlatMapOperator } from '../operators/co-flat-map.ts'
import { keyedCoProcessOperator } from '../operators/co-keyed-process.ts'
import { coMapOperator } from '../operators/co-map.ts'
import { type CoProcessContext, coProcessOperator } from '../operators/co-process.ts'
import type { Collector } from '../operators/flat-map.ts'
import type { NoOperatorState } from '../operators/function-context.ts'
import type { KeyedProcessContext } from '../operators/keyed-context.ts'
import type { OperatorStateDeclarations } from '../operators/user-operator-states.ts'
import type { StateDeclarations } from '../operators/user-states.ts'
import type { Key } from '../stream/key-groups.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import type { NoState } from './keyed-stream.ts'
import type { AnyProcessFunction } from './process-function.ts'
import { byKey } from './stream-origin.ts'
import { attachBehindBoth, type TwoInputs } from './two-inputs.ts'

/**
 * A function for each of two streams.
 *
 * @example
 * orders.connect(shipments).process({
 *   emits: recordType<string>(),
 *   onFirst(order, ctx) {
 *     ctx.emit(`order ${order.id}`)
 *   },
 *   onSecond(shipment, ctx) {
 *     ctx.emit(`shipment of ${shipment.orderId}`)
 *   },
 * })
 */
export interface CoProcessFunction<
  A,
  B,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends AnyProcessFunction<O, OS> {
  /** Called for every record of the first stream. Synchronous. `ctx` is one object for all calls: do not keep it. */
  onFirst(value: A, ctx: CoProcessContext<O, OS>): void
  /** Called for every record of the second stream. */
  onSecond(value: B, ctx: CoProcessContext<O, OS>): void
}

/**
 * A function for each of two streams, with state and timers per key that both share.
 *
 * @example
 * orders.connect(payments).keyBy((order) => order.id, (payment) => payment.orderId).process({
 *   emits: recordType<PaidOrder>(),
 *   state: { order: valueState<Order>('order'), payment: valueState<Payment>('payment') },
 *   onFirst(order, ctx) {
 *     const payment = ctx.state.payment.value()
 *     if (payment === undefined) ctx.state.order.update(order)
 *     else ctx.emit({ order, payment })
 *   },
 *   onSecond(payment, ctx) {
 *     const order = ctx.state.order.value()
 *     if (order === undefined) ctx.state.payment.update(payment)
 *     else ctx.emit({ order, payment })
 *   },
 * }).uid('payments-of-orders')
 */
export interface KeyedCoProcessFunction<
  A,
  B,
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends AnyProcessFunction<O, OS> {
  /** Every state that the functions use, by the name under which `ctx.state` shows it. */
  readonly state?: S
  /** Called for every record of the first stream, with its key current. Synchronous. `ctx` is one object for all calls: do not keep it. */
  onFirst(value: A, ctx: KeyedProcessContext<K, S, O, OS>): void
  /** Called for every record of the second stream, with its key current. */
  onSecond(value: B, ctx: KeyedProcessContext<K, S, O, OS>): void
  /** Called when a timer is due, with the timer's key current. */
  onTimer?(timestampMs: number, ctx: KeyedProcessContext<K, S, O, OS>): void
}

/** Two streams, each with its own type, as the inputs of one operator. Their records come in no particular order between them. */
export class ConnectedStreams<A, B> {
  readonly #inputs: TwoInputs

  constructor(inputs: TwoInputs) {
    this.#inputs = inputs
  }

  /**
   * One record out for each record in; a function for each stream.
   *
   * @example clicks.connect(searches).map((click) => click.page, (search) => search.text)
   */
  map<O, P = O>(mapFirst: (value: A) => O, mapSecond: (value: B) => P): SingleOutputStreamOperator<O | P> {
    return attachBehindBoth(this.#inputs, coMapOperator<A, B, O | P>(mapFirst, mapSecond))
  }

  /**
   * Any number of records out for each record in; a function for each stream.
   *
   * @example
   * words.connect(lines).flatMap<string>(
   *   (word, out) => out(word),
   *   (line, out) => line.split(' ').forEach((word) => out(word)),
   * )
   */
  flatMap<O>(
    flatMapFirst: (value: A, out: Collector<O>) => void,
    flatMapSecond: (value: B, out: Collector<O>) => void,
  ): SingleOutputStreamOperator<O> {
    return attachBehindBoth(this.#inputs, coFlatMapOperator(flatMapFirst, flatMapSecond))
  }

  /**
   * A function for each stream, with side outputs, the watermark and operator state. State and timers per key need `keyBy` first. Needs `.uid(…)` when
   * it declares operator state.
   *
   * @throws GRA1006 when two operator states share a name
   */
  process<O = unknown, OS extends OperatorStateDeclarations = NoOperatorState>(
    definition: CoProcessFunction<A, B, O, OS>,
  ): SingleOutputStreamOperator<O> {
    const { emits: _emits, ...functions } = definition
    return attachBehindBoth(this.#inputs, coProcessOperator<A, B, O, OS>(functions))
  }

  /**
   * Brings the records of both streams with one key to one subtask, where they share state.
   *
   * @param firstKey as of `DataStream.keyBy`
   * @param secondKey a key of the same type
   * @example orders.connect(payments).keyBy((order) => order.id, (payment) => payment.orderId)
   */
  keyBy<K extends Key>(firstKey: (value: A) => K, secondKey: (value: B) => NoInfer<K>): KeyedConnectedStreams<A, B, K> {
    const { first, second, attach } = this.#inputs
    const inputs = { first: byKey(first, firstKey), second: byKey(second, secondKey), attach }
    return new KeyedConnectedStreams({ firstKey, secondKey }, inputs)
  }
}

/** Methods, so that streams of subtypes can be connected as their supertypes. */
export interface TwoKeys<A, B, K extends Key> {
  firstKey(value: A): K
  secondKey(value: B): K
}

/**
 * Two streams with keys of one type as the inputs of one operator: records of both with one key meet in one subtask.
 *
 * @example
 * orders
 *   .connect(payments)
 *   .keyBy((order) => order.id, (payment) => payment.orderId)
 *   .map((order) => order.price, (payment) => -payment.amount)
 */
export class KeyedConnectedStreams<A, B, K extends Key> {
  readonly #keys: TwoKeys<A, B, K>
  readonly #inputs: TwoInputs

  constructor(keys: TwoKeys<A, B, K>, inputs: TwoInputs) {
    this.#keys = keys
    this.#inputs = inputs
  }

  /** As `ConnectedStreams.map`, with the records of one key in one subtask. */
  map<O, P = O>(mapFirst: (value: A) => O, mapSecond: (value: B) => P): SingleOutputStreamOperator<O | P> {
    return new ConnectedStreams<A, B>(this.#inputs).map(mapFirst, mapSecond)
  }

  /** As `ConnectedStreams.flatMap`, with the records of one key in one subtask. */
  flatMap<O>(
    flatMapFirst: (value: A, out: Collector<O>) => void,
    flatMapSecond: (value: B, out: Collector<O>) => void,
  ): SingleOutputStreamOperator<O> {
    return new ConnectedStreams<A, B>(this.#inputs).flatMap(flatMapFirst, flatMapSecond)
  }

  /**
   * Runs a function for each stream, with state and timers per key. Needs `.uid(…)`.
   *
   * @throws GRA1006 when two states share a name
   */
  process<O = unknown, S extends StateDeclarations = NoState, OS extends OperatorStateDeclarations = NoOperatorState>(
    definition: KeyedCoProcessFunction<A, B, K, S, O, OS>,
  ): SingleOutputStreamOperator<O> {
    const { emits: _emits, ...functions } = definition
    const state = definition.state ?? ({} as S) // without declarations S is NoState
    const operator = keyedCoProcessOperator<A, B, K, S, O, OS>({ ...functions, ...this.#keys, state })
    return attachBehindBoth(this.#inputs, operator)
  }
}
