/** A user function with state and timers per key. What it sees: keyed-context.ts. */
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { selectKey } from './key-selection.ts'
import { KeyedContext, type KeyedProcessContext, type TimeDomain } from './keyed-context.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec } from './operator.ts'
import { refusePromise } from './user-error.ts'
import { layoutOfStates, type StateDeclarations } from './user-states.ts'

export interface KeyedProcessDefinition<T, K extends Key, S extends StateDeclarations, O> {
  readonly keySelector: (value: T) => K
  readonly state: S
  readonly onRecord: (value: T, context: KeyedProcessContext<K, S, O>) => void
  readonly onTimer?: ((timestampMs: number, context: KeyedProcessContext<K, S, O>) => void) | undefined
}

/** @throws GRA1006 when two states have the same name */
export function keyedProcessOperator<T, K extends Key, S extends StateDeclarations, O>(
  definition: KeyedProcessDefinition<T, K, S, O>,
): OperatorSpec {
  return keyedOperator({
    kind: 'keyed-process',
    layout: { states: layoutOfStates(definition.state) },
    open: (runtime) => new KeyedProcess(definition, runtime),
  })
}

class KeyedProcess<T, K extends Key, S extends StateDeclarations, O> implements KeyedLogic {
  readonly #definition: KeyedProcessDefinition<T, K, S, O>
  readonly #runtime: KeyedRuntime
  readonly #context: KeyedContext<K, S, O>

  constructor(definition: KeyedProcessDefinition<T, K, S, O>, runtime: KeyedRuntime) {
    this.#definition = definition
    this.#runtime = runtime
    this.#context = new KeyedContext(
      { state: definition.state, timers: definition.onTimer === undefined ? 'unhandled' : 'handled' },
      runtime,
    )
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
