/**
 * What a user function emits while it runs.
 *
 * Owns: telling the user function's own failures from failures of the operators downstream that happen inside its call.
 *
 * U1 A failure downstream reaches the chain unchanged, even when the user function catches it.
 * U2 Emitting outside the call (from a promise or a timer of the process) fails the task: such a record belongs to no cut.
 */
import { EngineError } from '../base/errors.ts'
import type { OperatorContext, RecordReceiver } from './operator.ts'
import { userError, type UserCall } from './user-error.ts'

export class UserOutput {
  readonly #context: OperatorContext
  #isOpen = false
  #failure: { readonly error: unknown } | undefined

  constructor(context: OperatorContext) {
    this.#context = context
  }

  /** Before the user function runs. */
  begin(): void {
    this.#isOpen = true
  }

  /** After it returned. */
  end(): void {
    this.#isOpen = false
    if (this.#failure !== undefined) throw this.#takeFailure(this.#failure) // U1
  }

  /** After it threw: what to throw on. */
  failed(what: string, cause: unknown, call?: UserCall): unknown {
    this.#isOpen = false
    return this.#failure === undefined
      ? userError(this.#context.info, what, cause, call)
      : this.#takeFailure(this.#failure)
  }

  emit(receiver: RecordReceiver, value: unknown, timestamp: number): void {
    if (!this.#isOpen) this.#refuse()
    try {
      receiver.onRecord(value, timestamp)
    } catch (error) {
      this.#failure ??= { error }
      throw error
    }
  }

  /** It is the failure of this call: where the error policy goes on, the next one begins without it. */
  #takeFailure({ error }: { readonly error: unknown }): unknown {
    this.#failure = undefined
    return error
  }

  #refuse(): never {
    const { info } = this.#context
    const error = new EngineError(
      'TSK1005',
      `a function of operator "${info.name}" emitted a record when it was not running. The record belongs to no checkpoint, so the task ` +
        'stops. Emit before the function returns; it cannot emit from a promise, a callback or a timer of the process.',
      { context: { operator: info.uid, subtask: info.subtask } },
    )
    this.#context.fail(error)
    throw error
  }
}
