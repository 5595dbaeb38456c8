/** When the next checkpoint is triggered. */
import { assert, present } from '../base/assert.ts'
import { type CheckpointDraft, PERIODIC_TIMER, timeoutTimer } from './checkpoint-draft.ts'
import { notRunning } from './checkpoint-errors.ts'
import { takeId } from './checkpoint-ids.ts'
import type { LifecycleEvent, RequestId } from './checkpoint-protocol.ts'

/** The first periodic checkpoint comes somewhere between the least pause and the interval. */
export function startSchedule(draft: CheckpointDraft, { fraction }: LifecycleEvent<'run'>): void {
  const { intervalMs, pauseMinMs } = draft.state.settings
  draft.change({ lifecycle: 'running' })
  if (intervalMs === undefined) return
  schedulePeriodic(draft, draft.nowMs + pauseMinMs + Math.floor(fraction * Math.max(0, intervalMs - pauseMinMs)))
}

/** After a restart progress is saved as soon as the pause allows. */
export function resumeSchedule(draft: CheckpointDraft): void {
  assert(draft.state.active.length === 0, 'checkpoints resume only when nothing is undecided', {
    undecided: draft.state.active.map(({ checkpoint }) => checkpoint),
  })
  const { intervalMs, pauseMinMs } = draft.state.settings
  draft.change({ lifecycle: 'running' })
  if (intervalMs !== undefined) schedulePeriodic(draft, draft.nowMs + pauseMinMs)
}

export function markPeriodicDue(draft: CheckpointDraft): void {
  const { periodic } = draft.state
  assert(periodic.kind === 'scheduled', 'the periodic timer fired without a schedule')
  draft.change({ periodic: { kind: 'due', scheduledMs: periodic.atMs } })
}

export function enqueueRequest(draft: CheckpointDraft, { request }: LifecycleEvent<'request'>): void {
  draft.change({ waiting: [...draft.state.waiting, request] })
}

export function rejectRequest(draft: CheckpointDraft, { request }: LifecycleEvent<'request'>): void {
  draft.emit({ kind: 'request-failed', request, error: notRunning(draft.state) })
}

/** Starts what may start now: at most one, because the next one waits until its enumerators are cut (P2). Without an id it waits for one. */
export function triggerNext(draft: CheckpointDraft): void {
  const { lifecycle, active, settings, waiting, periodic, ids } = draft.state
  if (lifecycle !== 'running' || active.length >= settings.concurrentMax || ids.length === 0) return
  if (active.some(({ phase }) => phase === 'triggering')) return
  if (waiting.length > 0) trigger(draft, waiting)
  else if (periodic.kind === 'due') triggerPeriodic(draft, periodic.scheduledMs)
}

function triggerPeriodic(draft: CheckpointDraft, scheduledMs: number): void {
  const { settings, lastCompletionMs } = draft.state
  const notBeforeMs = (lastCompletionMs ?? Number.NEGATIVE_INFINITY) + settings.pauseMinMs
  if (draft.nowMs < notBeforeMs) {
    draft.emit({ kind: 'report', report: { kind: 'postponed', untilMs: notBeforeMs } })
    schedulePeriodic(draft, notBeforeMs)
    return
  }
  schedulePeriodic(draft, nextScheduleMs(scheduledMs, settings.intervalMs ?? 0, draft.nowMs))
  trigger(draft, [])
}

function trigger(draft: CheckpointDraft, requests: readonly RequestId[]): void {
  const { settings } = draft.state
  const checkpoint = present(takeId(draft), 'an id for the next checkpoint')
  draft.change({ waiting: [] })
  draft.put({ phase: 'triggering', checkpoint, triggeredAtMs: draft.nowMs, requests })
  draft.emit(
    { kind: 'report', report: { kind: 'triggered', checkpoint } },
    {
      kind: 'start-timer',
      name: timeoutTimer(checkpoint),
      atMs: draft.nowMs + settings.timeoutMs,
      fires: { kind: 'timed-out', checkpoint },
    },
    { kind: 'snapshot-enumerators', checkpoint },
  )
}

function schedulePeriodic(draft: CheckpointDraft, atMs: number): void {
  draft.change({ periodic: { kind: 'scheduled', atMs } })
  draft.emit({ kind: 'start-timer', name: PERIODIC_TIMER, atMs, fires: { kind: 'periodic-due' } })
}

/** Intervals count from the scheduled time; the ones that were missed are skipped, not made up for. */
function nextScheduleMs(scheduledMs: number, intervalMs: number, nowMs: number): number {
  assert(intervalMs > 0, 'a periodic checkpoint needs an interval', { intervalMs })
  const missed = Math.max(0, Math.floor((nowMs - scheduledMs) / intervalMs))
  return scheduledMs + intervalMs * (missed + 1)
}
