import { EngineError, messageOf } from '../base/errors.ts'
import type { OperatorInfo } from './operator.ts'

/**
 * What a user function threw, with the operator it belongs to. `what` names the function in the user's words, e.g. `map function`.
 * An error that is classified already keeps its code.
 */
export function userError(info: OperatorInfo, what: string, cause: unknown): EngineError {
  const context = { operator: info.uid, subtask: info.subtask }
  if (cause instanceof EngineError) return cause.within(context)
  return new EngineError(
    'TSK1001',
    `the ${what} of operator "${info.name}" threw: ${messageOf(cause)}. The record was not processed and the task stops; its state ` +
      'stays as of the last checkpoint. Handle such records in the function, or fix it and start the job again.',
    { context, cause },
  )
}

/** Fails when a user function is asynchronous: its result is needed before the next record. */
export function refusePromise(info: OperatorInfo, what: string, result: unknown): void {
  if (!(result instanceof Promise)) return
  result.catch(refusedAlready)
  throw userResultError(
    info,
    what,
    'returned a promise. Records are processed one after the other, and state belongs to a key only during the call, so the task stops. Make the function synchronous.',
  )
}

/** What the promise would still say no longer matters: the error above ends the task. */
function refusedAlready(): void {}

/** For a user function that gave back what the operator cannot work with. */
export function userResultError(info: OperatorInfo, what: string, problem: string): EngineError {
  return new EngineError('TSK1001', `the ${what} of operator "${info.name}" ${problem}`, {
    context: { operator: info.uid, subtask: info.subtask },
  })
}
