/**
 * A user function for the records of a stream with keys and one for those of a broadcast stream.
 *
 * J1 No key is current while a broadcast record is handled, except inside `applyToKeyedState`.
 * J2 `applyToKeyedState` visits the keys that had the state when it was called, each once, inside the call.
 */
import { EngineError } from '../base/errors.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Key } from '../stream/key-groups.ts'
import type { BroadcastContext } from './broadcast-process.ts'
import {
  BroadcastStates,
  layoutOfBroadcastStates,
  type BroadcastDeclarations,
  type BroadcastHandles,
  type ReadOnlyBroadcastHandles,
} from './broadcast-state.ts'
import { CoInput } from './co-input.ts'
import { callTimer, KeyedInput } from './co-keyed-input.ts'
import { type NoOperatorState, UserContext } from './function-context.ts'
import { type LifecycleFunctions, type LifecycleHooks, lifecycleOf } from './function-lifecycle.ts'
import { ownKey } from './key-selection.ts'
import { type ContextDefinition, KeyedContext, type KeyedProcessContext } from './keyed-context.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec } from './operator.ts'
import { userError } from './user-error.ts'
import { layoutOfOperatorStates, type OperatorStateDeclarations, OperatorStates } from './user-operator-states.ts'
import { layoutOfStates, type StateDeclarations, type StateHandles } from './user-states.ts'

/** What the functions of the stream with keys work with. One object serves all calls: do not keep it. */
export interface KeyedReadOnlyBroadcastContext<
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends KeyedProcessContext<K, S, O, OS> {
  readonly broadcastState: ReadOnlyBroadcastHandles<B>
}

/** What the function of the broadcast stream works with. One object serves all calls: do not keep it. */
export interface KeyedBroadcastContext<
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends BroadcastContext<B, O, OS> {
  /**
   * Calls `visit` for each key of this subtask that has the state, with that key current. Everything happens inside the call: with very
   * many keys the subtask does nothing else meanwhile.
   */
  applyToKeyedState<Name extends keyof S & string>(
    name: Name,
    visit: (key: K, state: StateHandles<S>[Name]) => void,
  ): void
}

export interface KeyedBroadcastProcessDefinition<
  A,
  T,
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends LifecycleFunctions<O, OS> {
  readonly keySelector: (value: A) => K
  readonly state: S
  readonly broadcastState: B
  readonly operatorState?: OS | undefined
  readonly onRecord: (value: A, context: KeyedReadOnlyBroadcastContext<K, S, B, O, OS>) => void
  readonly onBroadcast: (value: T, context: KeyedBroadcastContext<K, S, B, O, OS>) => void
  readonly onTimer?: ((timestampMs: number, context: KeyedReadOnlyBroadcastContext<K, S, B, O, OS>) => void) | undefined
}

/**
 * A function for records with keys and one for broadcast records, which keep what they say in broadcast state.
 *
 * @throws GRA1006 when two states, two broadcast states, or two operator states have the same name
 * @example
 * const overLimit = keyedBroadcastProcessOperator({
 *   keySelector: (payment: Payment) => payment.card,
 *   state: { spent: valueState<number>('spent', 0) },
 *   broadcastState: { limits: mapState<string, number>('limits') },
 *   onRecord: (payment, ctx) => ctx.state.spent.update(ctx.state.spent.value() + payment.amount),
 *   onBroadcast: (amount: number, ctx) => ctx.broadcastState.limits.put('all', amount),
 * })
 */
export function keyedBroadcastProcessOperator<
  A,
  T,
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
>(definition: KeyedBroadcastProcessDefinition<A, T, K, S, B, O, OS>): OperatorSpec {
  const { operatorState } = definition
  return keyedOperator({
    kind: 'keyed-broadcast-process',
    inputCount: 2,
    layout: {
      states: layoutOfStates(definition.state),
      broadcastStates: layoutOfBroadcastStates(definition.broadcastState),
      ...(operatorState === undefined ? {} : { operatorStates: layoutOfOperatorStates(operatorState) }),
    },
    open: (runtime) => new KeyedBroadcastProcess(definition, runtime),
  })
}

class KeyedBroadcastProcess<
  A,
  T,
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations,
> implements KeyedLogic {
  readonly #definition: KeyedBroadcastProcessDefinition<A, T, K, S, B, O, OS>
  readonly #runtime: KeyedRuntime
  readonly #user: RecordContext<K, S, B, O, OS>
  readonly #firstInput: KeyedInput<A>
  readonly #broadcastStates: BroadcastStates<B>
  readonly #states: OperatorStates<OS>
  readonly secondInput: CoInput<T>
  readonly lifecycle: LifecycleHooks

  constructor(definition: KeyedBroadcastProcessDefinition<A, T, K, S, B, O, OS>, runtime: KeyedRuntime) {
    const { keySelector, state } = definition
    const broadcastStates = new BroadcastStates(definition.broadcastState, runtime.context)
    const states = new OperatorStates(definition.operatorState, runtime.context)
    const timers = definition.onTimer === undefined ? 'unhandled' : 'handled'
    const shared = { broadcastStates, states }
    const user = new RecordContext<K, S, B, O, OS>({ state, timers }, shared, runtime)
    const broadcast = new ElementContext<K, S, B, O, OS>({ ...shared, declarations: state, user }, runtime)
    this.#definition = definition
    this.#runtime = runtime
    this.#user = user
    this.#broadcastStates = broadcastStates
    this.#states = states
    this.lifecycle = lifecycleOf(definition, user)
    const first = { keySelector, call: (value: A) => definition.onRecord(value, user), what: 'onRecord function' }
    this.#firstInput = new KeyedInput(first, runtime, user)
    const call = (value: T): unknown => broadcastStates.whileWritable(() => definition.onBroadcast(value, broadcast))
    this.secondInput = new CoInput(call, 'onBroadcast function', broadcast, runtime)
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
    return [...this.#broadcastStates.snapshot(), ...this.#states.snapshot()]
  }
}

/** Of the operator, the same for both of its contexts. */
interface SharedStates<B extends BroadcastDeclarations, OS extends OperatorStateDeclarations> {
  readonly broadcastStates: BroadcastStates<B>
  readonly states: OperatorStates<OS>
}

/** For records with keys, timers, and calls without a record. */
class RecordContext<
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations,
>
  extends KeyedContext<K, S, O, OS>
  implements KeyedReadOnlyBroadcastContext<K, S, B, O, OS>
{
  readonly broadcastState: BroadcastHandles<B>

  constructor(definition: ContextDefinition<S>, shared: SharedStates<B, OS>, runtime: KeyedRuntime) {
    super(definition, runtime, shared.states)
    this.broadcastState = shared.broadcastStates.handles
  }
}

interface ElementParts<
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations,
> extends SharedStates<B, OS> {
  readonly declarations: S
  readonly user: RecordContext<K, S, B, O, OS>
}

/** For records of the broadcast stream. */
class ElementContext<
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
  OS extends OperatorStateDeclarations,
>
  extends UserContext<O, OS>
  implements KeyedBroadcastContext<K, S, B, O, OS>
{
  readonly broadcastState: BroadcastHandles<B>
  readonly #parts: ElementParts<K, S, B, O, OS>
  readonly #runtime: KeyedRuntime

  constructor(parts: ElementParts<K, S, B, O, OS>, runtime: KeyedRuntime) {
    super(runtime, parts.states)
    this.broadcastState = parts.broadcastStates.handles
    this.#parts = parts
    this.#runtime = runtime
  }

  applyToKeyedState<Name extends keyof S & string>(
    name: Name,
    visit: (key: K, state: StateHandles<S>[Name]) => void,
  ): void {
    const { keyed, context } = this.#runtime
    const { declarations, broadcastStates, user } = this.#parts
    if (!broadcastStates.isWritable) throw this.#outside()
    const descriptor = Object.hasOwn(declarations, name) ? declarations[name] : undefined
    if (descriptor === undefined) throw this.#unknownState(name)
    const state = user.state[name]
    user.timestamp = this.timestamp // states with a time to live count from this record
    keyed.visitKeys(descriptor.name, (key) => {
      try {
        visit(ownKey(key), state)
      } catch (cause) {
        throw userError(context.info, 'function given to applyToKeyedState', cause, { kind: 'record', key })
      }
    })
  }

  #outside(): EngineError {
    const { info } = this.#runtime.context
    return new EngineError(
      'STA1010',
      `applyToKeyedState of operator "${info.name}" was called outside of onBroadcast. No key was visited, and the task stops: the other subtasks would not have ` +
        'changed their keys. Call it in onBroadcast only, before that returns.',
      { context: { operator: info.uid, subtask: info.subtask } },
    )
  }

  #unknownState(name: string): EngineError {
    const { info } = this.#runtime.context
    const known = Object.keys(this.#parts.declarations).map((declared) => `"${declared}"`)
    return new EngineError(
      'STA1002',
      `applyToKeyedState of operator "${info.name}" was given the state "${name}", which is not declared. No key was visited, and the task ` +
        `stops. Give the name of a property of \`state\`: ${known.join(', ') || 'there is none'}.`,
      { context: { operator: info.uid, subtask: info.subtask } },
    )
  }
}
