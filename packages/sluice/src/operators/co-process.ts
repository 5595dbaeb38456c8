/** A user function for each of two inputs, without keys: operator state, but no state per key and no timers. What it sees: function-context.ts. */
import { CoInput } from './co-input.ts'
import { coOperator, type CoLogic } from './co-operator.ts'
import { type EmittingContext, type FunctionRuntime, type NoOperatorState, UserContext } from './function-context.ts'
import { type LifecycleFunctions, type LifecycleHooks, lifecycleOf } from './function-lifecycle.ts'
import type { OperatorSpec } from './operator.ts'
import { refuseKeyed } from './refuse-keyed.ts'
import { declaredOperatorStates, type OperatorStateDeclarations, OperatorStates } from './user-operator-states.ts'

/** What a function of two inputs without keys works with. Its watermark is the smaller one of both. One object serves all calls: do not keep it. */
export type CoProcessContext<O, OS extends OperatorStateDeclarations = NoOperatorState> = EmittingContext<O, OS>

export interface CoProcessDefinition<
  A,
  B,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends LifecycleFunctions<O, OS> {
  readonly operatorState?: OS | undefined
  readonly onFirst: (value: A, context: CoProcessContext<O, OS>) => void
  readonly onSecond: (value: B, context: CoProcessContext<O, OS>) => void
}

/**
 * A function for each of two inputs, without keys. Stateful only with operator state.
 *
 * @throws GRA1006 when two operator states have the same name, STA1003 when it declares state per key or `onTimer`
 * @example
 * const ids = coProcessOperator<Order, Payment, string>({
 *   onFirst: (order, ctx) => ctx.emit(order.id),
 *   onSecond: (payment, ctx) => ctx.emit(payment.orderId),
 * })
 */
export function coProcessOperator<A, B, O, OS extends OperatorStateDeclarations = NoOperatorState>(
  definition: CoProcessDefinition<A, B, O, OS>,
): OperatorSpec {
  refuseKeyed(definition)
  const { operatorState } = definition
  return coOperator({
    kind: 'co-process',
    stateful: operatorState !== undefined && Object.keys(operatorState).length > 0,
    layout: declaredOperatorStates(operatorState),
    open: (runtime) => new CoProcess(definition, runtime),
  })
}

class CoProcess<A, B, O, OS extends OperatorStateDeclarations> implements CoLogic {
  readonly first: CoInput<A>
  readonly second: CoInput<B>
  readonly lifecycle: LifecycleHooks
  readonly #states: OperatorStates<OS>

  constructor(definition: CoProcessDefinition<A, B, O, OS>, runtime: FunctionRuntime) {
    const states = new OperatorStates(definition.operatorState, runtime.context)
    const user = new UserContext<O, OS>(runtime, states)
    this.#states = states
    this.lifecycle = lifecycleOf(definition, user)
    this.first = new CoInput((value: A) => definition.onFirst(value, user), 'onFirst function', user, runtime)
    this.second = new CoInput((value: B) => definition.onSecond(value, user), 'onSecond function', user, runtime)
  }

  operatorState() {
    return this.#states.snapshot()
  }
}
