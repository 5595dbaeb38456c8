/** What functions of two inputs without keys work with, and how records reach them. */
import { type EmittingContext, type FunctionRuntime, type NoOperatorState, UserContext } from './function-context.ts'
import type { RecordReceiver } from './operator.ts'
import { OperatorStates } from './user-operator-states.ts'
import { refusePromise } from './user-error.ts'

/** What a function of two inputs without keys works with. Its watermark is the smaller one of both. One object serves all calls: do not keep it. */
export type CoProcessContext<O> = EmittingContext<O>

/** What a context is opened with. */
export type CoRuntime = FunctionRuntime

export class CoContext<O> extends UserContext<O, NoOperatorState> {
  constructor(runtime: CoRuntime) {
    super(runtime, new OperatorStates({}, runtime.context))
  }
}

/** One input without keys: each record is one call of the user's function. */
export class CoInput<T> implements RecordReceiver {
  readonly #call: (value: T) => unknown
  /** Names the function in the user's words. */
  readonly #what: string
  readonly #user: CoContext<never>
  readonly #runtime: CoRuntime

  constructor(call: (value: T) => unknown, what: string, user: CoContext<never>, runtime: CoRuntime) {
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
