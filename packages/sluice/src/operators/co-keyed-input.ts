/** How records and timers reach user functions with a key, where an operator has several of them. */
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { selectKey } from './key-selection.ts'
import type { KeyedContext, TimeDomain } from './keyed-context.ts'
import type { KeyedRuntime } from './keyed-operator.ts'
import type { RecordReceiver } from './operator.ts'
import { refusePromise } from './user-error.ts'
import type { StateDeclarations } from './user-states.ts'

/** What an input needs of the context that its function sees. */
type EnteredContext = Pick<KeyedContext<Key, StateDeclarations, unknown>, 'enter' | 'output'>

/** What an input does with a record. */
export interface KeyedInputDefinition<T> {
  readonly keySelector: (value: T) => Key
  readonly call: (value: T) => unknown
  /** Names the function in the user's words. */
  readonly what: string
}

/** One input with keys: each record is one call of the user's function, with its key current. */
export class KeyedInput<T> implements RecordReceiver {
  readonly #definition: KeyedInputDefinition<T>
  readonly #runtime: KeyedRuntime
  readonly #user: EnteredContext

  constructor(definition: KeyedInputDefinition<T>, runtime: KeyedRuntime, user: EnteredContext) {
    this.#definition = definition
    this.#runtime = runtime
    this.#user = user
  }

  onRecord(value: T, timestamp: number): void {
    const { keyed, context } = this.#runtime
    const { keySelector, call, what } = this.#definition
    const key = selectKey(keySelector, value, context.info)
    keyed.setCurrentKey(key)
    const user = this.#user
    user.enter(key, timestamp, undefined)
    let returned: unknown
    try {
      returned = call(value)
    } catch (cause) {
      throw user.output.failed(what, cause, { kind: 'record', key })
    }
    user.output.end()
    if (returned !== undefined) refusePromise(context.info, what, returned)
  }
}

export interface DueTimer {
  readonly timestampMs: number
  readonly key: Key
  readonly timeDomain: TimeDomain
}

/** Calls the user's `onTimer` for a timer whose key is current. */
export function callTimer<C extends EnteredContext>(
  runtime: KeyedRuntime,
  user: C,
  { timestampMs, key, timeDomain }: DueTimer,
  functions: { readonly onTimer?: ((timestampMs: number, context: C) => unknown) | undefined },
): void {
  user.enter(key, timeDomain === 'event' ? timestampMs : NO_TIMESTAMP, timeDomain)
  let returned: unknown
  try {
    returned = functions.onTimer?.(timestampMs, user)
  } catch (cause) {
    throw user.output.failed('onTimer function', cause, { kind: 'timer', timeDomain, timestampMs, key })
  }
  user.output.end()
  if (returned !== undefined) refusePromise(runtime.context.info, 'onTimer function', returned)
}
