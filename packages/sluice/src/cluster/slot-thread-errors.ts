import { type ErrorCode, isErrorCode } from '../base/error-codes.ts'
import { EngineError, formatError, messageOf } from '../base/errors.ts'
import type { SlotIndex } from '../base/ids.ts'
import { errnoOf } from './disk-failures.ts'
import { userFrames } from './user-frames.ts'

const RESTARTS =
  'Its tasks are gone; the job restarts from the last completed checkpoint, if its restart strategy allows'

/** Why a thread ends. What it means depends on whether it really ends: `error` when it does, `what` alone when it will not. */
export interface ThreadLoss {
  readonly what: string
  readonly error: EngineError
}

interface LossParts {
  readonly what: string
  readonly toDo: string
  readonly cause?: unknown
}

function lossOf(code: ErrorCode, { what, toDo, cause }: LossParts): ThreadLoss {
  const message = `${what}. ${RESTARTS}. ${toDo}`
  return { what: `[${code}] ${what}`, error: new EngineError(code, message, cause === undefined ? {} : { cause }) }
}

/** A loss that is told in the words of an error that is there already. */
export function lossBy(error: EngineError): ThreadLoss {
  return { what: formatError(error), error }
}

/** What the `error` event of a thread means. */
export function threadError(slot: SlotIndex, thrown: unknown): ThreadLoss {
  const code = errnoOf(thrown)
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return outOfMemory(slot, thrown)
  if (code !== undefined && isErrorCode(code))
    return lossBy(new EngineError(code, messageOf(thrown), { cause: thrown }))
  const frame = thrown instanceof Error ? userFrames(thrown.stack)[0] : undefined
  return lossOf('TSK1002', {
    what: `slot thread ${slot} ended by an error that nobody caught: ${messageOf(thrown)}${frame === undefined ? '' : ` (${frame})`}`,
    toDo: 'Catch errors in callbacks and promises of user functions; an error thrown by the function itself names its operator.',
    cause: thrown,
  })
}

function outOfMemory(slot: SlotIndex, thrown: unknown): ThreadLoss {
  return lossOf('TSK1003', {
    what: `slot thread ${slot} reached its heap limit`,
    toDo:
      'Raise slot.memory.heapMax, or keep less state per slot: a higher parallelism, smaller windows, state that ' +
      'is cleared.',
    cause: thrown,
  })
}

/** The thread ended with nothing thrown: somebody called process.exit. */
export function threadExit(slot: SlotIndex, exitCode: number): ThreadLoss {
  return lossOf('TSK1002', {
    what: `slot thread ${slot} ended with exit code ${exitCode}: user code called process.exit()`,
    toDo: 'Throw an error to fail a record; a job ends when its input ends.',
  })
}

export function threadKilled(slot: SlotIndex): ThreadLoss {
  return lossOf('TSK1002', {
    what: `slot thread ${slot} was ended because its tasks did not stop in time`,
    toDo: 'Look for long synchronous work in user functions, or raise task.cancellation.timeout.',
  })
}

export function threadHangs(slot: SlotIndex, stillMs: number, where: 'task loop' | 'elsewhere'): ThreadLoss {
  const place =
    where === 'task loop'
      ? 'inside a user function, source or sink'
      : 'outside of the task loop, in a callback or a timer'
  return lossOf('TSK1004', {
    what: `slot thread ${slot} has not moved for ${(stillMs / 1000).toFixed(1)} s, ${place}`,
    toDo: 'Look for an endless loop or a blocking call; if single records may take that long, raise slot.watchdog.timeout.',
  })
}

/** The thread was told to end and has not. `loss`: why it was told to, if not because the job is over. */
export function threadStuck(slot: SlotIndex, waitedMs: number, loss: ThreadLoss | undefined): EngineError {
  const why = loss === undefined ? '' : ` It had to end because of this: ${loss.what}.`
  return new EngineError(
    'TSK1006',
    `slot thread ${slot} was told to end and still runs ${(waitedMs / 1000).toFixed(1)} s later: Node cannot interrupt what it does.${why} ` +
      'Its user code may go on, and write, as long as this process lives: the job is not restarted beside it, and what counts is its ' +
      'last completed checkpoint. End this process, by SIGKILL if need be (`sluice run` does it by itself), and run the job again to ' +
      'resume. Look for a blocking system call (execSync, a read of a pipe or of a dead network disk), for native code, or for an ' +
      'endless loop that fills arrays.',
    loss === undefined ? {} : { cause: loss.error },
  )
}
