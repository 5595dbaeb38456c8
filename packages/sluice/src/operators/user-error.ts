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

/** For a user function that gave back what the operator cannot work with. */
export function userResultError(info: OperatorInfo, what: string, problem: string): EngineError {
  return new EngineError('TSK1001', `the ${what} of operator "${info.name}" ${problem}`, {
    context: { operator: info.uid, subtask: info.subtask },
  })
}
