/** Failures of a job: the bounded history, which ones no restart repairs, the last message of a failed job. Pure. */
import { ERROR_CODES } from '../base/error-codes.ts'
import type { ErrorData } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { crashLoopAt, crashLoopError } from './crash-loop.ts'
import type { FailureRecord } from './job-events.ts'
import type { JobCore } from './job-state.ts'

/** Entries of the failure history; the oldest go first. */
const FAILURES_KEPT_MAX = 16

export function noteFailure(core: JobCore, failure: FailureRecord): JobCore {
  const crashLoop = crashLoopAt(failure, core.failures)
  const noted = crashLoop === undefined ? failure : { ...failure, crashLoop }
  return { ...core, failures: [...core.failures, noted].slice(-FAILURES_KEPT_MAX) }
}

/** Counts a further failure on the newest entry. */
export function noteMerged(core: JobCore): JobCore {
  const newest = core.failures.at(-1)
  if (newest === undefined) return core
  return { ...core, failures: [...core.failures.slice(0, -1), { ...newest, mergedCount: newest.mergedCount + 1 }] }
}

/** Restarting would meet the same failure again. A corrupt checkpoint is not such a case: a restart chooses an older one. */
export function isBeyondRestart(error: ErrorData): boolean {
  return ERROR_CODES[error.code].retry === 'never' && error.code !== 'CKP1003'
}

/** `budget`: the restart strategy gave up; `no-repair`: no restart would help; `not-started`: the same, and no task ever ran. */
export type GiveUpReason = 'budget' | 'no-repair' | 'not-started'

/** The error a job ends with: what failed, what it means now, what to do. */
export function giveUpError(core: JobCore, reason: GiveUpReason): ErrorData {
  const failure = core.failures.at(-1)
  const error = failure?.error ?? { code: 'INT1001', message: 'no failure was noted', context: {} }
  if (reason === 'not-started') return error // it speaks for itself
  const why = reason === 'budget' ? budgetWords(core) : 'no restart can repair that'
  if (failure?.crashLoop !== undefined)
    return crashLoopError(failure, failure.crashLoop, { job: core.facts.jobName, why, after: stateWords(core) })
  const what = `job "${core.facts.jobName}" failed for good${placeWords(failure)}: [${error.code}] ${error.message}`
  return {
    code: 'JOB1003',
    message: `${what}\nIt was not restarted: ${why}.\n${stateWords(core)}`,
    context: { ...error.context, job: core.facts.jobName },
    ...causeOf(error),
  }
}

/** Where it began: what a user function threw says more than where that was noticed. */
function causeOf({ cause, stack }: ErrorData): Pick<ErrorData, 'cause'> {
  const origin = cause ?? stack
  return origin === undefined ? {} : { cause: origin }
}

function budgetWords(core: JobCore): string {
  const { strategy } = core.facts.restart
  if (strategy === 'none') return 'the restart strategy is none'
  return `its restart strategy, ${strategy}, allows no more after ${core.restartCount} ${core.restartCount === 1 ? 'restart' : 'restarts'}`
}

function placeWords(failure: FailureRecord | undefined): string {
  const operator = failure?.error.context.operator ?? failure?.vertex
  const subtask = failure?.subtask ?? failure?.error.context.subtask
  const record = failure?.error.context.record
  const where =
    operator === undefined ? '' : ` in operator "${operator}"${subtask === undefined ? '' : `, subtask ${subtask}`}`
  return record === undefined ? where : `${where}, at record ${record}`
}

function stateWords(core: JobCore): string {
  if (core.facts.checkpointing === 'off') {
    return 'Checkpointing is off, so nothing is kept: repair the cause and start again from the beginning.'
  }
  return `${startWords(core.restoredCheckpoint)}All completed checkpoints are kept: repair the cause and run the job again with the same state directory, and it resumes from the latest one.`
}

/** An attempt that failed before it had restored anything says nothing about what there is to restore. */
function startWords(checkpoint: CheckpointId | undefined): string {
  return checkpoint === undefined ? '' : `The failed attempt had started from checkpoint ${checkpoint}. `
}
