/** A user function with state and timers per key. What it sees: keyed-context.ts. */
import type { OperatorStateItems } from '../state/operator-state.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import type { NoOperatorState } from './function-context.ts'
import { type LifecycleFunctions, type LifecycleHooks, lifecycleOf } from './function-lifecycle.ts'
import { selectKey } from './key-selection.ts'
import { KeyedContext, type KeyedProcessContext, type TimeDomain } from './keyed-context.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec } from './operator.ts'
import { refusePromise } from './user-error.ts'
import { layoutOfOperatorStates, type OperatorStateDeclarations, OperatorStates } from './user-operator-states.ts'
import { layoutOfStates, type StateDeclarations } from './user-states.ts'

export interface KeyedProcessDefinition<
  T,
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends LifecycleFunctions<O, OS> {
  readonly keySelector: (value: T) => K
  readonly state: S
  readonly operatorState?: OS | undefined
  readonly onRecord: (value: T, context: KeyedProcessContext<K, S, O, OS>) => void
  readonly onTimer?: ((timestampMs: number, context: KeyedProcessContext<K, S, O, OS>) => void) | undefined
}

/**
 * A function with state and timers per key.
 *
 * @throws GRA1006 when two states, or two operator states, have the same name
 * @example
 * const counted = keyedProcessOperator({
 *   keySelector: (payment: Payment) => payment.card,
 *   state: { count: valueState<number>('count', 0) },
 *   onRecord(_payment, ctx) {
 *     ctx.state.count.update(ctx.state.count.value() + 1)
 *     ctx.emit(ctx.state.count.value())
 *   },
 * })
 */
export function keyedProcessOperator<
  T,
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
>(definition: KeyedProcessDefinition<T, K, S, O, OS>): OperatorSpec {
  const { state, operatorState } = definition
  return keyedOperator({
    kind: 'keyed-process',
    layout: {
      states: layoutOfStates(state),
      ...(operatorState === undefined ? {} : { operatorStates: layoutOfOperatorStates(operatorState) }),
    },
    open: (runtime) => new KeyedProcess(definition, runtime),
  })
}

class KeyedProcess<
  T,
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations,
> implements KeyedLogic {
  readonly #definition: KeyedProcessDefinition<T, K, S, O, OS>
  readonly #runtime: KeyedRuntime
  readonly #states: OperatorStates<OS>
  readonly #context: KeyedContext<K, S, O, OS>
  readonly lifecycle: LifecycleHooks

  constructor(definition: KeyedProcessDefinition<T, K, S, O, OS>, runtime: KeyedRuntime) {
    this.#definition = definition
    this.#runtime = runtime
    this.#states = new OperatorStates(definition.operatorState, runtime.context)
    const { state, onTimer } = definition
    const timers = onTimer === undefined ? 'unhandled' : 'handled'
    this.#context = new KeyedContext<K, S, O, OS>({ state, timers }, runtime, this.#states)
    this.lifecycle = lifecycleOf(definition, this.#context)
  }

  onRecord(value: T, timestamp: number): void {
    const { keyed, context } = this.#runtime
    const key = selectKey(this.#definition.keySelector, value, context.info)
    keyed.setCurrentKey(key)
    const user = this.#context
    user.enter(key, timestamp, undefined)
    let returned: unknown
    try {
      returned = this.#definition.onRecord(value, user)
    } catch (cause) {
      throw user.output.failed('onRecord function', cause, { kind: 'record', key })
    }
    user.output.end()
    if (returned !== undefined) refusePromise(this.#runtime.context.info, 'onRecord function', returned)
  }

  onEventTimer(timestampMs: number, key: Key): void {
    this.#onTimer(timestampMs, key, 'event')
  }

  onProcessingTimer(timestampMs: number, key: Key): void {
    this.#onTimer(timestampMs, key, 'processing')
  }

  operatorState(): OperatorStateItems {
    return this.#states.snapshot()
  }

  #onTimer(timestampMs: number, key: Key, domain: TimeDomain): void {
    const user = this.#context
    user.enter(key, domain === 'event' ? timestampMs : NO_TIMESTAMP, domain) // P2
    let returned: unknown
    try {
      returned = this.#definition.onTimer?.(timestampMs, user)
    } catch (cause) {
      throw user.output.failed('onTimer function', cause, { kind: 'timer', timeDomain: domain, timestampMs, key })
    }
    user.output.end()
    if (returned !== undefined) refusePromise(this.#runtime.context.info, 'onTimer function', returned)
  }
}
