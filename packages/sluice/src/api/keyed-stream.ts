import type { Key } from '../stream/key-groups.ts'
import type { KeyedProcessContext } from '../operators/keyed-context.ts'
import { keyedProcessOperator } from '../operators/keyed-process.ts'
import type { StateDeclarations } from '../operators/user-states.ts'
import { keyedReduceOperator } from '../operators/keyed-reduce.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import type { WindowAssigner } from '../operators/window-assigners.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import type { RecordType } from './record-type.ts'
import { WindowedStream } from './windowed-stream.ts'

/** Adds an operator behind the keyed edges of a stream. */
export type AttachOperator = <O>(operator: OperatorSpec) => SingleOutputStreamOperator<O>

/** A method, so that a stream of a subtype is a stream of its supertype. */
export interface KeySelection<T, K extends Key> {
  keySelector(value: T): K
}

export type NoState = Readonly<Record<string, never>>

/**
 * A function with state and timers per key.
 *
 * @example
 * const alerts = payments.keyBy((payment) => payment.card).process({
 *   emits: recordType<Alert>(),
 *   state: { count: valueState<number>('count') },
 *   onRecord(payment, ctx) {
 *     const count = (ctx.state.count.value() ?? 0) + 1
 *     ctx.state.count.update(count)
 *     if (count === 1) ctx.registerEventTimeTimer(ctx.timestamp + 60_000)
 *     if (count > 3) ctx.emit({ card: ctx.key, count })
 *   },
 *   onTimer(timestampMs, ctx) {
 *     ctx.state.count.clear()
 *   },
 * }).uid('alerts-by-card')
 */
export interface KeyedProcessFunction<T, K extends Key, S extends StateDeclarations, O> {
  /** The type of what `ctx.emit` takes; without it the output's type is unknown. */
  readonly emits?: RecordType<O>
  /** Every state that the function uses, by the name under which `ctx.state` shows it. */
  readonly state?: S
  /** Called for every record, with its key current. Synchronous. `ctx` is one object for all calls: do not keep it. */
  onRecord(value: T, ctx: KeyedProcessContext<K, S, O>): void
  /** Called when a timer is due, with the timer's key current. */
  onTimer?(timestampMs: number, ctx: KeyedProcessContext<K, S, O>): void
}

/** A stream whose records of one key are together in one subtask. */
export class KeyedStream<T, K extends Key> {
  readonly #selection: KeySelection<T, K>
  readonly #attach: AttachOperator

  constructor(selection: KeySelection<T, K>, attach: AttachOperator) {
    this.#selection = selection
    this.#attach = attach
  }

  /**
   * Runs a function with state and timers per key. Needs `.uid(…)`.
   *
   * @throws GRA1006 when two states share a name
   */
  process<O = unknown, S extends StateDeclarations = NoState>(
    definition: KeyedProcessFunction<T, K, S, O>,
  ): SingleOutputStreamOperator<O> {
    const { emits: _emits, ...functions } = definition
    const state = definition.state ?? ({} as S) // without declarations S is NoState
    return this.#attach(keyedProcessOperator<T, K, S, O>({ ...functions, ...this.#selection, state }))
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
   * Groups the records of each key by event time.
   *
   * @example flights.keyBy((flight) => flight.origin).window(TumblingEventTimeWindows.of('1h'))
   */
  window(assigner: WindowAssigner): WindowedStream<T, K> {
    return new WindowedStream(this.#attach, { ...this.#selection, assigner, allowedLatenessMs: 0, lateTag: undefined })
  }
}
