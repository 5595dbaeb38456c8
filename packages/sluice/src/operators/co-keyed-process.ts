/** A user function for each of two inputs with keys of one type: both see the same state and timers of a key. What they see: keyed-context.ts. */
import type { Key } from '../stream/key-groups.ts'
import { callTimer, KeyedInput } from './co-keyed-input.ts'
import { KeyedContext, type KeyedProcessContext } from './keyed-context.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec, RecordReceiver } from './operator.ts'
import { layoutOfStates, type StateDeclarations } from './user-states.ts'

export interface KeyedCoProcessDefinition<A, B, K extends Key, S extends StateDeclarations, O> {
  readonly firstKey: (value: A) => K
  readonly secondKey: (value: B) => K
  readonly state: S
  readonly onFirst: (value: A, context: KeyedProcessContext<K, S, O>) => void
  readonly onSecond: (value: B, context: KeyedProcessContext<K, S, O>) => void
  readonly onTimer?: ((timestampMs: number, context: KeyedProcessContext<K, S, O>) => void) | undefined
}

/**
 * A function for each of two inputs, with state and timers per key that both share.
 *
 * @throws GRA1006 when two states have the same name
 * @example
 * const paid = keyedCoProcessOperator({
 *   firstKey: (order: Order) => order.id,
 *   secondKey: (payment: Payment) => payment.orderId,
 *   state: { order: valueState<Order>('order') },
 *   onFirst: (order, ctx) => ctx.state.order.update(order),
 *   onSecond: (_payment, ctx) => ctx.emit(ctx.state.order.value()),
 * })
 */
export function keyedCoProcessOperator<A, B, K extends Key, S extends StateDeclarations, O>(
  definition: KeyedCoProcessDefinition<A, B, K, S, O>,
): OperatorSpec {
  return keyedOperator({
    kind: 'keyed-co-process',
    inputCount: 2,
    layout: { states: layoutOfStates(definition.state) },
    open: (runtime) => new KeyedCoProcess(definition, runtime),
  })
}

class KeyedCoProcess<A, B, K extends Key, S extends StateDeclarations, O> implements KeyedLogic {
  readonly #definition: KeyedCoProcessDefinition<A, B, K, S, O>
  readonly #runtime: KeyedRuntime
  readonly #user: KeyedContext<K, S, O>
  readonly #firstInput: KeyedInput<A>
  readonly secondInput: RecordReceiver

  constructor(definition: KeyedCoProcessDefinition<A, B, K, S, O>, runtime: KeyedRuntime) {
    const { state, firstKey, secondKey, onTimer } = definition
    const user = new KeyedContext<K, S, O>({ state, timers: onTimer === undefined ? 'unhandled' : 'handled' }, runtime)
    this.#definition = definition
    this.#runtime = runtime
    this.#user = user
    const first = {
      keySelector: firstKey,
      call: (value: A) => definition.onFirst(value, user),
      what: 'onFirst function',
    }
    const second = {
      keySelector: secondKey,
      call: (value: B) => definition.onSecond(value, user),
      what: 'onSecond function',
    }
    this.#firstInput = new KeyedInput(first, runtime, user)
    this.secondInput = new KeyedInput(second, runtime, user)
  }

  onRecord(value: A, timestamp: number): void {
    this.#firstInput.onRecord(value, timestamp)
  }

  onEventTimer(timestampMs: number, key: Key): void {
    callTimer(this.#runtime, this.#user, { timestampMs, key, timeDomain: 'event' }, this.#definition)
  }

  onProcessingTimer(timestampMs: number, key: Key): void {
    callTimer(this.#runtime, this.#user, { timestampMs, key, timeDomain: 'processing' }, this.#definition)
  }
}
