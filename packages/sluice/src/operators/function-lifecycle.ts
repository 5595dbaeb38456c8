/** What a process function does before its first record, behind its last one, and when it is closed. The same with and without a key. */
import type { EmittingContext, FunctionContext, UserContext } from './function-context.ts'
import type { OperatorStateDeclarations } from './user-operator-states.ts'
import { refusePromise, userError } from './user-error.ts'

export interface LifecycleFunctions<O, OS extends OperatorStateDeclarations> {
  readonly open?: ((context: FunctionContext<OS>) => void) | undefined
  readonly onEnd?: ((context: EmittingContext<O, OS>) => void) | undefined
  readonly close?: (() => void | Promise<void>) | undefined
}

/** What an opened operator calls; the function itself may have none of them. */
export interface LifecycleHooks {
  /** Once before the first record; what it throws fails the task. */
  open(): void
  /** No record and no event-time timer will come any more. */
  onEnd(): void
  /** Releases what the function holds; called once. */
  close(): Promise<void> | undefined
}

export function lifecycleOf<O, OS extends OperatorStateDeclarations>(
  functions: LifecycleFunctions<O, OS>,
  user: UserContext<O, OS>,
): LifecycleHooks {
  if (functions.onEnd !== undefined) user.states.watchEnd()
  return {
    open: () => callOpen(functions, user),
    onEnd: () => callOnEnd(functions, user),
    close: () => callClose(functions, user),
  }
}

function callOpen<O, OS extends OperatorStateDeclarations>(
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

function callOnEnd<O, OS extends OperatorStateDeclarations>(
  functions: LifecycleFunctions<O, OS>,
  user: UserContext<O, OS>,
): void {
  if (functions.onEnd === undefined || user.states.wasTold) return
  user.enterWithoutRecord()
  let returned: unknown
  try {
    returned = functions.onEnd(user)
  } catch (cause) {
    throw user.output.failed('onEnd function', cause, { kind: 'end' })
  }
  user.output.end()
  refusePromise(user.info, 'onEnd function', returned)
  user.states.markTold()
}

/** Resolves when a function that releases things asynchronously has. */
function callClose<O, OS extends OperatorStateDeclarations>(
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
