/** A user function for the records of a stream and one for those of a broadcast stream, without keys. */
import {
  BroadcastStates,
  layoutOfBroadcastStates,
  type BroadcastDeclarations,
  type BroadcastHandles,
  type ReadOnlyBroadcastHandles,
} from './broadcast-state.ts'
import { CoContext, CoInput, type CoProcessContext, type CoRuntime } from './co-context.ts'
import { coOperator, type CoLogic } from './co-operator.ts'
import type { OperatorSpec } from './operator.ts'

/** What the function of the broadcast stream works with. One object serves all calls: do not keep it. */
export interface BroadcastContext<B extends BroadcastDeclarations, O> extends CoProcessContext<O> {
  readonly broadcastState: BroadcastHandles<B>
}

/** What the function of the other stream works with. One object serves all calls: do not keep it. */
export interface ReadOnlyBroadcastContext<B extends BroadcastDeclarations, O> extends CoProcessContext<O> {
  readonly broadcastState: ReadOnlyBroadcastHandles<B>
}

export interface BroadcastProcessDefinition<A, T, B extends BroadcastDeclarations, O> {
  readonly broadcastState: B
  readonly onRecord: (value: A, context: ReadOnlyBroadcastContext<B, O>) => void
  readonly onBroadcast: (value: T, context: BroadcastContext<B, O>) => void
}

/**
 * A function for records and one for broadcast records, which keep what they say in broadcast state.
 *
 * @throws GRA1006 when two states have the same name
 * @example
 * const shown = broadcastProcessOperator({
 *   broadcastState: { hidden: mapState<string, boolean>('hidden') },
 *   onRecord(line: string, ctx) {
 *     if (!ctx.broadcastState.hidden.has(line)) ctx.emit(line)
 *   },
 *   onBroadcast: (word: string, ctx) => ctx.broadcastState.hidden.put(word, true),
 * })
 */
export function broadcastProcessOperator<A, T, B extends BroadcastDeclarations, O>(
  definition: BroadcastProcessDefinition<A, T, B, O>,
): OperatorSpec {
  return coOperator({
    kind: 'broadcast-process',
    stateful: true,
    layout: { broadcastStates: layoutOfBroadcastStates(definition.broadcastState) },
    open: (runtime) => new BroadcastProcess(definition, runtime),
  })
}

class BroadcastProcess<A, T, B extends BroadcastDeclarations, O> implements CoLogic {
  readonly first: CoInput<A>
  readonly second: CoInput<T>
  readonly #states: BroadcastStates<B>

  constructor(definition: BroadcastProcessDefinition<A, T, B, O>, runtime: CoRuntime) {
    const states = new BroadcastStates(definition.broadcastState, runtime.context)
    const user = new BroadcastFunctionContext<B, O>(states.handles, runtime)
    this.#states = states
    this.first = new CoInput((value: A) => definition.onRecord(value, user), 'onRecord function', user, runtime)
    const call = (value: T): unknown => states.whileWritable(() => definition.onBroadcast(value, user))
    this.second = new CoInput(call, 'onBroadcast function', user, runtime)
  }

  operatorState() {
    return this.#states.snapshot()
  }
}

class BroadcastFunctionContext<B extends BroadcastDeclarations, O>
  extends CoContext<O>
  implements BroadcastContext<B, O>
{
  readonly broadcastState: BroadcastHandles<B>

  constructor(broadcastState: BroadcastHandles<B>, runtime: CoRuntime) {
    super(runtime)
    this.broadcastState = broadcastState
  }
}
