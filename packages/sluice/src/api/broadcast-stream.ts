import { keyedBroadcastProcessOperator } from '../operators/broadcast-keyed-process.ts'
import type { KeyedBroadcastContext, KeyedReadOnlyBroadcastContext } from '../operators/broadcast-keyed-process.ts'
import { broadcastProcessOperator } from '../operators/broadcast-process.ts'
import type { BroadcastContext, ReadOnlyBroadcastContext } from '../operators/broadcast-process.ts'
import type { BroadcastDeclarations } from '../operators/broadcast-state.ts'
import type { NoOperatorState } from '../operators/function-context.ts'
import type { OperatorStateDeclarations } from '../operators/user-operator-states.ts'
import type { StateDeclarations } from '../operators/user-states.ts'
import type { Key } from '../stream/key-groups.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import type { StreamOrigin } from './stream-origin.ts'
import type { KeySelection, NoState } from './keyed-stream.ts'
import type { AnyProcessFunction } from './process-function.ts'
import { attachBehindBoth, type TwoInputs } from './two-inputs.ts'

/** What a broadcast stream is made of. */
export interface BroadcastParts<B extends BroadcastDeclarations> {
  readonly origin: StreamOrigin
  readonly states: B
}

let readParts: <T, B extends BroadcastDeclarations>(stream: BroadcastStream<T, B>) => BroadcastParts<B>

/**
 * A stream whose records go to every subtask of the operator that it is connected to, where they change broadcast state. Made by
 * `stream.broadcast({ … })`, used by `connect`.
 *
 * @example const rules = limits.broadcast({ limits: mapState<string, number>('limits') })
 */
export class BroadcastStream<T, B extends BroadcastDeclarations> {
  readonly #parts: BroadcastParts<B>
  /** Only for the type checker. */
  declare readonly types?: { readonly value: T }

  static {
    readParts = (stream) => stream.#parts
  }

  constructor(parts: BroadcastParts<B>) {
    this.#parts = parts
  }
}

/** Not a method of the stream, so that users do not meet it. */
export function partsOf<T, B extends BroadcastDeclarations>(stream: BroadcastStream<T, B>): BroadcastParts<B> {
  return readParts(stream)
}

/**
 * A function for a stream, and one for the broadcast stream that it is connected to.
 *
 * @example
 * lines.connect(words.broadcast({ hidden: mapState<string, boolean>('hidden') })).process({
 *   emits: recordType<string>(),
 *   onRecord(line, ctx) {
 *     if (!ctx.broadcastState.hidden.has(line)) ctx.emit(line)
 *   },
 *   onBroadcast(word, ctx) {
 *     ctx.broadcastState.hidden.put(word, true)
 *   },
 * }).uid('shown-lines')
 */
export interface BroadcastProcessFunction<
  A,
  T,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends AnyProcessFunction<O, OS> {
  /** Called for every record of the stream, in one subtask. Reads broadcast state, and must not change it (STA1010). */
  onRecord(value: A, ctx: ReadOnlyBroadcastContext<B, O, OS>): void
  /**
   * Called for every record of the broadcast stream, in every subtask. It must do the same in all of them: what it emits, each of them emits.
   * `ctx` is one object for all calls: do not keep it.
   */
  onBroadcast(value: T, ctx: BroadcastContext<B, O, OS>): void
}

/**
 * A function with state and timers per key for a stream, and one for the broadcast stream that it is connected to.
 *
 * @example
 * payments.keyBy((payment) => payment.card).connect(limits.broadcast({ limits: mapState<string, number>('limits') })).process({
 *   emits: recordType<Payment>(),
 *   state: { spent: valueState<number>('spent', 0) },
 *   onRecord(payment, ctx) {
 *     const spent = ctx.state.spent.value() + payment.amount
 *     ctx.state.spent.update(spent)
 *     if (spent > (ctx.broadcastState.limits.get(payment.country) ?? 1000)) ctx.emit(payment)
 *   },
 *   onBroadcast(limit, ctx) {
 *     ctx.broadcastState.limits.put(limit.country, limit.amount)
 *     if (limit.startsAnew) ctx.applyToKeyedState('spent', (card, spent) => spent.clear())
 *   },
 * }).uid('over-limit')
 */
export interface KeyedBroadcastProcessFunction<
  A,
  T,
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends AnyProcessFunction<O, OS> {
  /** Every state per key that the functions use, by the name under which `ctx.state` shows it. */
  readonly state?: S
  /** Called for every record of the stream, with its key current. Reads broadcast state, and must not change it (STA1010). */
  onRecord(value: A, ctx: KeyedReadOnlyBroadcastContext<K, S, B, O, OS>): void
  /**
   * Called for every record of the broadcast stream, in every subtask, with no key current. It must do the same in all of them.
   * `ctx` is one object for all calls: do not keep it.
   */
  onBroadcast(value: T, ctx: KeyedBroadcastContext<K, S, B, O, OS>): void
  /** Called when a timer is due, with the timer's key current. */
  onTimer?(timestampMs: number, ctx: KeyedReadOnlyBroadcastContext<K, S, B, O, OS>): void
}

/** A stream and a broadcast stream as the inputs of one operator. */
export class BroadcastConnectedStream<A, T, B extends BroadcastDeclarations> {
  readonly #states: B
  readonly #inputs: TwoInputs
  /** Only for the type checker. */
  declare readonly types?: { readonly record: A; readonly broadcast: T }

  constructor(states: B, inputs: TwoInputs) {
    this.#states = states
    this.#inputs = inputs
  }

  /**
   * Runs a function for each of the two. Needs `.uid(…)`.
   *
   * @throws GRA1006 when two broadcast states share a name, STA1003 when one has a time to live
   * @example
   * lines
   *   .connect(words.broadcast({ hidden: mapState<string, boolean>('hidden') }))
   *   .process({
   *     emits: recordType<string>(),
   *     onRecord(line, ctx) {
   *       if (!ctx.broadcastState.hidden.has(line)) ctx.emit(line)
   *     },
   *     onBroadcast: (word, ctx) => ctx.broadcastState.hidden.put(word, true),
   *   })
   *   .uid('shown-lines')
   */
  process<O = unknown, OS extends OperatorStateDeclarations = NoOperatorState>(
    definition: BroadcastProcessFunction<A, T, B, O, OS>,
  ): SingleOutputStreamOperator<O> {
    const { emits: _emits, ...functions } = definition
    const operator = broadcastProcessOperator<A, T, B, O, OS>({ ...functions, broadcastState: this.#states })
    return attachBehindBoth(this.#inputs, operator)
  }
}

/** A stream with keys and a broadcast stream as the inputs of one operator. */
export class KeyedBroadcastConnectedStream<A, T, K extends Key, B extends BroadcastDeclarations> {
  readonly #selection: KeySelection<A, K>
  readonly #states: B
  readonly #inputs: TwoInputs
  /** Only for the type checker. */
  declare readonly types?: { readonly broadcast: T }

  constructor(selection: KeySelection<A, K>, states: B, inputs: TwoInputs) {
    this.#selection = selection
    this.#states = states
    this.#inputs = inputs
  }

  /**
   * Runs a function for each of the two, with state and timers per key. Needs `.uid(…)`.
   *
   * @throws GRA1006 when two states share a name, STA1003 when a broadcast state has a time to live
   * @example
   * payments
   *   .keyBy((payment) => payment.card)
   *   .connect(limits.broadcast({ limits: mapState<string, number>('limits') }))
   *   .process({
   *     emits: recordType<Payment>(),
   *     onRecord(payment, ctx) {
   *       if (payment.amount > (ctx.broadcastState.limits.get(payment.country) ?? 1000)) ctx.emit(payment)
   *     },
   *     onBroadcast: (limit, ctx) => ctx.broadcastState.limits.put(limit.country, limit.amount),
   *   })
   *   .uid('over-limit')
   */
  process<O = unknown, S extends StateDeclarations = NoState, OS extends OperatorStateDeclarations = NoOperatorState>(
    definition: KeyedBroadcastProcessFunction<A, T, K, S, B, O, OS>,
  ): SingleOutputStreamOperator<O> {
    const { emits: _emits, ...functions } = definition
    const state = definition.state ?? ({} as S) // without declarations S is NoState
    const operator = keyedBroadcastProcessOperator<A, T, K, S, B, O, OS>({
      ...functions,
      ...this.#selection,
      state,
      broadcastState: this.#states,
    })
    return attachBehindBoth(this.#inputs, operator)
  }
}
