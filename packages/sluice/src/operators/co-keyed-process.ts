/** A user function for each of two inputs with keys of one type: both see the same state and timers of a key. What they see: keyed-context.ts. */
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Key } from '../stream/key-groups.ts'
import { callTimer, KeyedInput } from './co-keyed-input.ts'
import type { NoOperatorState } from './function-context.ts'
import { type LifecycleFunctions, type LifecycleHooks, lifecycleOf } from './function-lifecycle.ts'
import { KeyedContext, type KeyedProcessContext } from './keyed-context.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec, RecordReceiver } from './operator.ts'
import { layoutOfOperatorStates, type OperatorStateDeclarations, OperatorStates } from './user-operator-states.ts'
import { layoutOfStates, type StateDeclarations } from './user-states.ts'

export interface KeyedCoProcessDefinition<
  A,
  B,
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends LifecycleFunctions<O, OS> {
  readonly firstKey: (value: A) => K
  readonly secondKey: (value: B) => K
  readonly state: S
  readonly operatorState?: OS | undefined
  readonly onFirst: (value: A, context: KeyedProcessContext<K, S, O, OS>) => void
  readonly onSecond: (value: B, context: KeyedProcessContext<K, S, O, OS>) => void
  readonly onTimer?: ((timestampMs: number, context: KeyedProcessContext<K, S, O, OS>) => void) | undefined
}

/**
 * A function for each of two inputs, with state and timers per key that both share.
 *
 * @throws GRA1006 when two states, or two operator states, have the same name
 * @example
 * const paid = keyedCoProcessOperator({
 *   firstKey: (order: Order) => order.id,
 *   secondKey: (payment: Payment) => payment.orderId,
 *   state: { order: valueState<Order>('order') },
 *   onFirst: (order, ctx) => ctx.state.order.update(order),
 *   onSecond: (_payment, ctx) => ctx.emit(ctx.state.order.value()),
 * })
 */
export function keyedCoProcessOperator<
  A,
  B,
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
>(definition: KeyedCoProcessDefinition<A, B, K, S, O, OS>): OperatorSpec {
  const { state, operatorState } = definition
  return keyedOperator({
    kind: 'keyed-co-process',
    inputCount: 2,
    layout: {
      states: layoutOfStates(state),
      ...(operatorState === undefined ? {} : { operatorStates: layoutOfOperatorStates(operatorState) }),
    },
    open: (runtime) => new KeyedCoProcess(definition, runtime),
  })
}

class KeyedCoProcess<
  A,
  B,
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations,
> implements KeyedLogic {
  readonly #definition: KeyedCoProcessDefinition<A, B, K, S, O, OS>
  readonly #runtime: KeyedRuntime
  readonly #states: OperatorStates<OS>
  readonly #user: KeyedContext<K, S, O, OS>
  readonly #firstInput: KeyedInput<A>
  readonly secondInput: RecordReceiver
  readonly lifecycle: LifecycleHooks

  constructor(definition: KeyedCoProcessDefinition<A, B, K, S, O, OS>, runtime: KeyedRuntime) {
    const { state, firstKey, secondKey, onTimer } = definition
    const states = new OperatorStates(definition.operatorState, runtime.context)
    const timers = onTimer === undefined ? 'unhandled' : 'handled'
    const user = new KeyedContext<K, S, O, OS>({ state, timers }, runtime, states)
    this.#definition = definition
    this.#runtime = runtime
    this.#user = user
    this.#states = states
    this.lifecycle = lifecycleOf(definition, user)
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

  operatorState(): OperatorStateItems {
    return this.#states.snapshot()
  }
}
