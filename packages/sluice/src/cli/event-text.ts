/** Events of a job as sentences for people. */
import { formatError, type ErrorData } from '../base/errors.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import { durationText } from './format.ts'
import { errorLines } from './error-text.ts'

/** Lines to print; empty for what the progress display shows. */
export function eventLines(event: JobEvent): readonly string[] {
  switch (event.kind) {
    case 'state-changed':
    case 'checkpoint-completed':
      return []
    case 'started-fresh':
      return ['started from the beginning']
    case 'restored':
      return [`resumed from checkpoint ${event.checkpoint}${ageText(event.ageMs)}`]
    case 'fell-back':
      return [`checkpoint ${event.checkpoint} was skipped, the one before is tried: ${formatError(event.error)}`]
    case 'failed':
      return errorLines(event.failure.error)
    case 'failure-merged':
      return [`also: ${formatError(event.failure.error)}`]
    case 'restarting':
      return [restartingText(event)]
    case 'rescaled':
      return [`runs with ${event.to} slots instead of ${event.from}`]
    case 'rescaling':
      return [`restarts from a checkpoint to run with ${event.to} slots instead of ${event.from}`]
    case 'waiting-for-slots':
      return [event.message]
    case 'slots-killed':
      return [`slots ${event.slots.join(', ')} did not stop in time and were ended`]
    case 'checkpoint-failed':
      return [`checkpoint ${event.checkpoint} failed: ${formatError(event.error)}`]
    case 'checkpoint-not-removed':
      return [
        `files of checkpoint ${event.checkpoint} could not be removed and stay until the next start: ${formatError(event.error)}`,
      ]
    case 'unpublished-removed':
      return [
        `found data of unpublished checkpoints: ${event.checkpoints.join(', ')}. It cannot be restored and was removed; if one of them had completed, its manifest was removed from the state directory`,
      ]
    case 'stop-checkpoint-failed':
      return [`the last checkpoint failed, the job resumes from the one before: ${formatError(event.error)}`]
    case 'ended':
      return event.error === undefined || !isOfWholeJob(event.error) ? [] : errorLines(event.error)
  }
}

/** NaN: not known here. */
function ageText(ageMs: number): string {
  return Number.isNaN(ageMs) ? '' : ` (taken ${durationText(ageMs)} before)`
}

/** Others were told when they happened. */
function isOfWholeJob({ code }: ErrorData): boolean {
  return code === 'JOB1003' || code === 'TSK1007'
}

function restartingText({ inMs, restartCount, crashLoop }: Extract<JobEvent, { readonly kind: 'restarting' }>): string {
  const text = `restarting${Number.isNaN(inMs) ? '' : ` in ${durationText(inMs)}`} (restart ${restartCount})`
  if (crashLoop === undefined) return text
  return `${text}; crash loop: the last ${crashLoop.failureCount} failures were at the same record, ${crashLoop.record}`
}
