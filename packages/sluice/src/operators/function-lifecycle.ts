/** What a process function does before its first record, behind its last one, and when it is closed. The same with and without a key. */
import type { EmittingContext, FunctionContext, UserContext } from './function-context.ts'
import type { OperatorStateDeclarations } from './user-operator-states.ts'
import { refusePromise, userError } from './user-error.ts'

export interface LifecycleFunctions<O, OS extends OperatorStateDeclarations> {
  readonly open?: ((context: FunctionContext<OS>) => void) | undefined
  readonly onEnd?: ((context: EmittingContext<O, OS>) => void) | undefined
  readonly close?: (() => void | Promise<void>) | undefined
}

export function callOpen<O, OS extends OperatorStateDeclarations>(
  functions: LifecycleFunctions<O, OS>,
  user: UserContext<O, OS>,
): void {
  if (functions.open === undefined) return
  let returned: unknown
  try {
    returned = functions.open(user)
  } catch (cause) {
    throw userError(user.info, 'open function', cause, { kind: 'open' })
  }
  refusePromise(user.info, 'open function', returned)
}

/** The context has begun a call without a record. */
export function callOnEnd<O, OS extends OperatorStateDeclarations>(
  functions: LifecycleFunctions<O, OS>,
  user: UserContext<O, OS>,
): void {
  let returned: unknown
  try {
    returned = functions.onEnd?.(user)
  } catch (cause) {
    throw user.output.failed('onEnd function', cause, { kind: 'end' })
  }
  user.output.end()
  refusePromise(user.info, 'onEnd function', returned)
}

/** Resolves when a function that releases things asynchronously has. */
export function callClose<O, OS extends OperatorStateDeclarations>(
  functions: LifecycleFunctions<O, OS>,
  user: UserContext<O, OS>,
): Promise<void> | undefined {
  const failed = (cause: unknown): never => {
    throw userError(user.info, 'close function', cause, { kind: 'close' })
  }
  try {
    const closing = functions.close?.()
    return closing instanceof Promise ? closing.catch(failed) : undefined
  } catch (cause) {
    return failed(cause)
  }
}
