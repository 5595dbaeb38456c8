import { ERROR_CODES, type ErrorCode } from '../base/error-codes.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { SlotIndex } from '../base/ids.ts'
import { errnoOf } from './disk-failures.ts'
import { userFrames } from './user-frames.ts'

const RESTARTS =
  'Its tasks are gone; the job restarts from the last completed checkpoint, if its restart strategy allows'

/** What the `error` event of a thread means. */
export function threadError(slot: SlotIndex, thrown: unknown): EngineError {
  const code = errnoOf(thrown)
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return outOfMemory(slot, thrown)
  if (code !== undefined && isErrorCode(code)) return new EngineError(code, messageOf(thrown), { cause: thrown })
  const frame = thrown instanceof Error ? userFrames(thrown.stack)[0] : undefined
  return new EngineError(
    'TSK1002',
    `slot thread ${slot} ended by an error that nobody caught: ${messageOf(thrown)}${frame === undefined ? '' : ` (${frame})`}. ${RESTARTS}. ` +
      'Catch errors in callbacks and promises of user functions; an error thrown by the function itself names its operator.',
    { cause: thrown },
  )
}

function outOfMemory(slot: SlotIndex, thrown: unknown): EngineError {
  return new EngineError(
    'TSK1003',
    `slot thread ${slot} reached its heap limit. ${RESTARTS}. Raise slot.memory.heapMax, or keep less state per slot: ` +
      'a higher parallelism, smaller windows, state that is cleared.',
    { cause: thrown },
  )
}

/** The thread ended with nothing thrown: somebody called process.exit. */
export function threadExit(slot: SlotIndex, exitCode: number): EngineError {
  return new EngineError(
    'TSK1002',
    `slot thread ${slot} ended with exit code ${exitCode}: user code called process.exit(). ${RESTARTS}. ` +
      'Throw an error to fail a record; a job ends when its input ends.',
  )
}

export function threadKilled(slot: SlotIndex): EngineError {
  return new EngineError(
    'TSK1002',
    `slot thread ${slot} was ended because its tasks did not stop in time. ${RESTARTS}. ` +
      'Look for long synchronous work in user functions, or raise task.cancellation.timeout.',
  )
}

export function threadHangs(slot: SlotIndex, stillMs: number, where: 'task loop' | 'elsewhere'): EngineError {
  const place =
    where === 'task loop'
      ? 'inside a user function, source or sink'
      : 'outside of the task loop, in a callback or a timer'
  return new EngineError(
    'TSK1004',
    `slot thread ${slot} has not moved for ${(stillMs / 1000).toFixed(1)} s, ${place}, and was ended. ${RESTARTS}. ` +
      'Look for an endless loop or a blocking call; if single records may take that long, raise slot.watchdog.timeout.',
  )
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code)
}
