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
import { CoContext, CoInput } from './co-context.ts'
import { callTimer, KeyedInput } from './co-keyed-input.ts'
import { KeyedContext, type KeyedProcessContext } from './keyed-context.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec } from './operator.ts'
import { userError } from './user-error.ts'
import { layoutOfStates, type StateDeclarations, type StateHandles } from './user-states.ts'

/** What the functions of the stream with keys work with. One object serves all calls: do not keep it. */
export interface KeyedReadOnlyBroadcastContext<
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
> extends KeyedProcessContext<K, S, O> {
  readonly broadcastState: ReadOnlyBroadcastHandles<B>
}

/** What the function of the broadcast stream works with. One object serves all calls: do not keep it. */
export interface KeyedBroadcastContext<
  K extends Key,
  S extends StateDeclarations,
  B extends BroadcastDeclarations,
  O,
> extends BroadcastContext<B, O> {
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
> {
  readonly keySelector: (value: A) => K
  readonly state: S
  readonly broadcastState: B
  readonly onRecord: (value: A, context: KeyedReadOnlyBroadcastContext<K, S, B, O>) => void
  readonly onBroadcast: (value: T, context: KeyedBroadcastContext<K, S, B, O>) => void
  readonly onTimer?: ((timestampMs: number, context: KeyedReadOnlyBroadcastContext<K, S, B, O>) => void) | undefined
}

/**
 * A function for records with keys and one for broadcast records, which keep what they say in broadcast state.
 *
 * @throws GRA1006 when two states have the same name
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
>(definition: KeyedBroadcastProcessDefinition<A, T, K, S, B, O>): OperatorSpec {
  return keyedOperator({
    kind: 'keyed-broadcast-process',
    inputCount: 2,
    layout: {
      states: layoutOfStates(definition.state),
      broadcastStates: layoutOfBroadcastStates(definition.broadcastState),
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
> implements KeyedLogic {
  readonly #definition: KeyedBroadcastProcessDefinition<A, T, K, S, B, O>
  readonly #runtime: KeyedRuntime
  readonly #user: RecordContext<K, S, B, O>
  readonly #firstInput: KeyedInput<A>
  readonly #states: BroadcastStates<B>
  readonly secondInput: CoInput<T>

  constructor(definition: KeyedBroadcastProcessDefinition<A, T, K, S, B, O>, runtime: KeyedRuntime) {
    const { keySelector } = definition
    const states = new BroadcastStates(definition.broadcastState, runtime.context)
    const user = new RecordContext<K, S, B, O>(definition, states.handles, runtime)
    const broadcast = new ElementContext<K, S, B, O>({ declarations: definition.state, states, user }, runtime)
    this.#definition = definition
    this.#runtime = runtime
    this.#user = user
    this.#states = states
    const first = { keySelector, call: (value: A) => definition.onRecord(value, user), what: 'onRecord function' }
    this.#firstInput = new KeyedInput(first, runtime, user)
    const call = (value: T): unknown => states.whileWritable(() => definition.onBroadcast(value, broadcast))
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
    return this.#states.snapshot()
  }
}

/** For records with keys, and timers. */
class RecordContext<K extends Key, S extends StateDeclarations, B extends BroadcastDeclarations, O>
  extends KeyedContext<K, S, O>
  implements KeyedReadOnlyBroadcastContext<K, S, B, O>
{
  readonly broadcastState: BroadcastHandles<B>

  constructor(
    { state, onTimer }: { readonly state: S; readonly onTimer?: unknown },
    broadcastState: BroadcastHandles<B>,
    runtime: KeyedRuntime,
  ) {
    super({ state, timers: onTimer === undefined ? 'unhandled' : 'handled' }, runtime)
    this.broadcastState = broadcastState
  }
}

interface ElementParts<K extends Key, S extends StateDeclarations, B extends BroadcastDeclarations, O> {
  readonly declarations: S
  readonly states: BroadcastStates<B>
  readonly user: RecordContext<K, S, B, O>
}

/** For records of the broadcast stream. */
class ElementContext<K extends Key, S extends StateDeclarations, B extends BroadcastDeclarations, O>
  extends CoContext<O>
  implements KeyedBroadcastContext<K, S, B, O>
{
  readonly broadcastState: BroadcastHandles<B>
  readonly #parts: ElementParts<K, S, B, O>
  readonly #runtime: KeyedRuntime

  constructor(parts: ElementParts<K, S, B, O>, runtime: KeyedRuntime) {
    super(runtime)
    this.broadcastState = parts.states.handles
    this.#parts = parts
    this.#runtime = runtime
  }

  applyToKeyedState<Name extends keyof S & string>(
    name: Name,
    visit: (key: K, state: StateHandles<S>[Name]) => void,
  ): void {
    const { keyed, context } = this.#runtime
    const { declarations, states, user } = this.#parts
    if (!states.isWritable) throw this.#outside()
    const descriptor = Object.hasOwn(declarations, name) ? declarations[name] : undefined
    if (descriptor === undefined) throw this.#unknownState(name)
    const state = user.state[name]
    user.timestamp = this.timestamp // states with a time to live count from this record
    keyed.visitKeys(descriptor.name, (key) => {
      try {
        visit(key as K, state) // every key of this operator came from its own selector
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
