/** What is said when a run has ended. */
import type { RunResult } from '../cluster/run-request.ts'
import { isRefusal } from './exit-codes.ts'
import { countText, durationText, rateText } from './format.ts'
import { lossesOf, writtenRecords } from './progress.ts'
import { table } from './progress-text.ts'

/** Counters start anew with the tasks; a rate over the whole run would be wrong. */
const SINCE_RESTART = 'since the last restart'

export function summaryLines(result: RunResult, stateDirectory: string | undefined): readonly string[] {
  if (result.finishedBefore !== undefined)
    return finishedBeforeLines(result, result.finishedBefore.wallMs, stateDirectory)
  const { durationMs, recordsRead, checkpoints, counters, restartCount } = result
  if (wasRefused(result)) return []
  const losses = lossesOf(counters)
  const rate = rateText(recordsRead / Math.max(0.001, durationMs / 1000))
  const rows = [
    ['records in', `${countText(recordsRead)} ${restartCount === 0 ? `(${rate})` : SINCE_RESTART}`],
    ['records out', countText(writtenRecords(result)) + (restartCount === 0 ? '' : ` ${SINCE_RESTART}`)],
    [
      'checkpoints',
      checkpoints === undefined ? 'off' : `${checkpoints.completed} completed, ${checkpoints.failed} failed`,
    ],
    ['restarts', String(restartCount)],
    ['late', countText(losses.late)],
    ['dead-lettered', countText(losses.deadLettered)],
    ['skipped', countText(losses.skipped)],
  ]
  return [
    `${result.state === 'canceled' ? 'cancelled' : result.state} after ${durationText(durationMs)}`,
    ...table(rows).map((line) => `  ${line}`),
    ...nextStep(result, stateDirectory),
  ]
}

/** Its error has been told, and there is nothing to count. */
function wasRefused({ error, recordsRead }: RunResult): boolean {
  return error !== undefined && recordsRead === 0 && isRefusal(error.code)
}

function nextStep({ state, checkpoints }: RunResult, stateDirectory: string | undefined): readonly string[] {
  if (state !== 'stopped' && state !== 'canceled') return []
  if (stateDirectory === undefined) return ['Checkpointing is off: the next run starts from the beginning.']
  const newest = checkpoints?.lastCompleted?.checkpoint
  const from = newest === undefined ? 'the last completed checkpoint' : `checkpoint ${newest}`
  return [`Run the job again, without --fresh, to resume from ${from} in ${stateDirectory}.`]
}

function finishedBeforeLines(
  { jobName, recordsRead, durationMs }: RunResult,
  wallMs: number,
  stateDirectory: string | undefined,
): readonly string[] {
  return [
    `job "${jobName}" has finished already, ${new Date(wallMs).toISOString()}: ${countText(recordsRead)} records in ${durationText(durationMs)}. Nothing was run.`,
    `Use --fresh to run it again from the beginning; its state is in ${stateDirectory ?? 'its state directory'}.`,
  ]
}
