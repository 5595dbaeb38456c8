/** How records reach a user function without a key, where an operator has several of them. */
import type { FunctionRuntime, UserContext } from './function-context.ts'
import type { RecordReceiver } from './operator.ts'
import { refusePromise } from './user-error.ts'

/** What an input needs of the context that its function sees. */
interface EnteredContext {
  timestamp: number
  readonly output: UserContext<never, never>['output']
}

/** One input without keys: each record is one call of the user's function. */
export class CoInput<T> implements RecordReceiver {
  readonly #call: (value: T) => unknown
  /** Names the function in the user's words. */
  readonly #what: string
  readonly #user: EnteredContext
  readonly #runtime: FunctionRuntime

  constructor(call: (value: T) => unknown, what: string, user: EnteredContext, runtime: FunctionRuntime) {
    this.#call = call
    this.#what = what
    this.#user = user
    this.#runtime = runtime
  }

  onRecord(value: T, timestamp: number): void {
    const user = this.#user
    user.timestamp = timestamp
    user.output.begin()
    let returned: unknown
    try {
      returned = this.#call(value)
    } catch (cause) {
      throw user.output.failed(this.#what, cause)
    }
    user.output.end()
    if (returned !== undefined) refusePromise(this.#runtime.context.info, this.#what, returned)
  }
}
