/** A user function for the records of a stream and one for those of a broadcast stream, without keys. */
import {
  BroadcastStates,
  layoutOfBroadcastStates,
  type BroadcastDeclarations,
  type BroadcastHandles,
  type ReadOnlyBroadcastHandles,
} from './broadcast-state.ts'
import { CoInput } from './co-input.ts'
import { coOperator, type CoLogic } from './co-operator.ts'
import type { CoProcessContext } from './co-process.ts'
import { type FunctionRuntime, type NoOperatorState, UserContext } from './function-context.ts'
import { type LifecycleFunctions, type LifecycleHooks, lifecycleOf } from './function-lifecycle.ts'
import type { OperatorSpec } from './operator.ts'
import { refuseKeyed } from './refuse-keyed.ts'
import { layoutOfOperatorStates, type OperatorStateDeclarations, OperatorStates } from './user-operator-states.ts'

/** What the function of the broadcast stream works with. One object serves all calls: do not keep it. */
export interface BroadcastContext<
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends CoProcessContext<O, OS> {
  readonly broadcastState: BroadcastHandles<B>
}

/** What the function of the other stream works with. One object serves all calls: do not keep it. */
export interface ReadOnlyBroadcastContext<
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends CoProcessContext<O, OS> {
  readonly broadcastState: ReadOnlyBroadcastHandles<B>
}

export interface BroadcastProcessDefinition<
  A,
  T,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends LifecycleFunctions<O, OS> {
  readonly broadcastState: B
  readonly operatorState?: OS | undefined
  readonly onRecord: (value: A, context: ReadOnlyBroadcastContext<B, O, OS>) => void
  readonly onBroadcast: (value: T, context: BroadcastContext<B, O, OS>) => void
}

/**
 * A function for records and one for broadcast records, which keep what they say in broadcast state.
 *
 * @throws GRA1006 when two broadcast states, or two operator states, have the same name, STA1003 when it declares state per key or `onTimer`
 * @example
 * const shown = broadcastProcessOperator({
 *   broadcastState: { hidden: mapState<string, boolean>('hidden') },
 *   onRecord(line: string, ctx) {
 *     if (!ctx.broadcastState.hidden.has(line)) ctx.emit(line)
 *   },
 *   onBroadcast: (word: string, ctx) => ctx.broadcastState.hidden.put(word, true),
 * })
 */
export function broadcastProcessOperator<
  A,
  T,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
>(definition: BroadcastProcessDefinition<A, T, B, O, OS>): OperatorSpec {
  refuseKeyed(definition)
  const { broadcastState, operatorState } = definition
  return coOperator({
    kind: 'broadcast-process',
    stateful: true,
    layout: {
      broadcastStates: layoutOfBroadcastStates(broadcastState),
      ...(operatorState === undefined ? {} : { operatorStates: layoutOfOperatorStates(operatorState) }),
    },
    open: (runtime) => new BroadcastProcess(definition, runtime),
  })
}

class BroadcastProcess<
  A,
  T,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations,
> implements CoLogic {
  readonly first: CoInput<A>
  readonly second: CoInput<T>
  readonly lifecycle: LifecycleHooks
  readonly #broadcastStates: BroadcastStates<B>
  readonly #states: OperatorStates<OS>

  constructor(definition: BroadcastProcessDefinition<A, T, B, O, OS>, runtime: FunctionRuntime) {
    const broadcastStates = new BroadcastStates(definition.broadcastState, runtime.context)
    const states = new OperatorStates(definition.operatorState, runtime.context)
    const user = new BroadcastFunctionContext<B, O, OS>(broadcastStates.handles, runtime, states)
    this.#broadcastStates = broadcastStates
    this.#states = states
    this.lifecycle = lifecycleOf(definition, user)
    this.first = new CoInput((value: A) => definition.onRecord(value, user), 'onRecord function', user, runtime)
    const call = (value: T): unknown => broadcastStates.whileWritable(() => definition.onBroadcast(value, user))
    this.second = new CoInput(call, 'onBroadcast function', user, runtime)
  }

  operatorState() {
    return [...this.#broadcastStates.snapshot(), ...this.#states.snapshot()]
  }
}

class BroadcastFunctionContext<B extends BroadcastDeclarations, O, OS extends OperatorStateDeclarations>
  extends UserContext<O, OS>
  implements BroadcastContext<B, O, OS>
{
  readonly broadcastState: BroadcastHandles<B>

  constructor(broadcastState: BroadcastHandles<B>, runtime: FunctionRuntime, states: OperatorStates<OS>) {
    super(runtime, states)
    this.broadcastState = broadcastState
  }
}
