/** How checkpoints end: completed, given up, or fenced off by another leader. */
import type { EngineError } from '../base/errors.ts'
import { type CheckpointId, checkpointId } from '../base/ids.ts'
import { type CheckpointDraft, PERIODIC_TIMER, timeoutTimer } from './checkpoint-draft.ts'
import {
  declined,
  interrupted,
  notRunning,
  publicationUnresolved,
  publishedByAnother,
  subsumed,
  tooManyFailures,
} from './checkpoint-errors.ts'
import { stopRetrying } from './checkpoint-ids.ts'
import type {
  AbortReason,
  ActiveCheckpoint,
  CheckpointEvent,
  CheckpointState,
  CheckpointSummary,
  Lifecycle,
  PublishingCheckpoint,
  RecentAbort,
  ResolvingCheckpoint,
} from './checkpoint-protocol.ts'
import { beyondRetention } from './retention.ts'
import { maxOf, totalStateBytes } from './task-snapshots.ts'

/** Aborted checkpoints that are remembered so that what still arrives for them is removed too. */
const ABORTED_REMEMBERED_MAX = 16

interface AbortRule {
  /** Whether it counts against the budget of failures (P7). */
  readonly budget: 'counted' | 'free'
  /** `keep` where a manifest of this id exists or may exist: its data stays, and no task may undo its part (P5). */
  readonly data: 'discard' | 'keep'
  readonly lateCause: RecentAbort['lateCause']
}

const ABORT_RULES: Readonly<Record<AbortReason, AbortRule>> = {
  declined: { budget: 'counted', data: 'discard', lateCause: 'ignored' },
  'timed-out': { budget: 'counted', data: 'discard', lateCause: 'ignored' },
  'snapshot-failed': { budget: 'counted', data: 'discard', lateCause: 'ignored' },
  'publish-failed': { budget: 'counted', data: 'discard', lateCause: 'ignored' },
  unresolved: { budget: 'free', data: 'keep', lateCause: 'ignored' },
  subsumed: { budget: 'free', data: 'discard', lateCause: 'ignored' },
  cancelled: { budget: 'free', data: 'discard', lateCause: 'counts' },
  suspended: { budget: 'free', data: 'discard', lateCause: 'ignored' },
  fenced: { budget: 'free', data: 'keep', lateCause: 'ignored' },
}

/** The manifest is durable: from here on the checkpoint is restorable and its commits must eventually succeed. */
export function complete(draft: CheckpointDraft, active: PublishingCheckpoint | ResolvingCheckpoint): void {
  const { checkpoint } = active
  draft.remove(checkpoint)
  draft.emit({ kind: 'report', report: { kind: 'completed', summary: summarize(active, draft.nowMs) } })
  const isNewest = checkpoint > (draft.state.completed.at(-1) ?? 0)
  const completed = [...draft.state.completed, checkpoint].sort((a, b) => a - b)
  draft.change({ completed, lastCompletionMs: draft.nowMs })
  if (checkpoint > draft.state.failures.newest) draft.change({ failures: { ...draft.state.failures, count: 0 } }) // P7
  // a newer one has been announced already, or the tasks are gone and the restart commits
  if (isNewest && draft.state.lifecycle === 'running') draft.emit({ kind: 'notify-complete', checkpoint })
  for (const request of active.requests) draft.emit({ kind: 'request-done', request, checkpoint })
  subsumeOlder(draft, checkpoint)
  retain(draft)
}

export function abort(draft: CheckpointDraft, active: ActiveCheckpoint, reason: AbortReason, error: EngineError): void {
  const { checkpoint } = active
  const rule = ABORT_RULES[reason]
  draft.remove(checkpoint)
  draft.emit({ kind: 'cancel-timer', name: timeoutTimer(checkpoint) })
  if (active.phase !== 'triggering' && rule.data === 'discard') undo(draft, { checkpoint, lateCause: rule.lateCause })
  draft.emit({ kind: 'report', report: { kind: 'failed', checkpoint, reason, error } })
  for (const request of active.requests) draft.emit({ kind: 'request-failed', request, error })
  if (rule.budget === 'counted') countFailure(draft, checkpoint, error)
}

/** Its task had not heard of the end yet: what it wrote meanwhile goes too. */
export function discardLateAck(draft: CheckpointDraft, { checkpoint }: CheckpointEvent<'ack'>): void {
  const isAborted = draft.state.recentlyAborted.some((aborted) => aborted.checkpoint === checkpoint)
  if (isAborted) discard(draft, checkpoint)
}

/** Tasks further down may have passed the news of a failure on before the one that failed was heard: its cause still counts, once. */
export function countLateDecline(draft: CheckpointDraft, event: CheckpointEvent<'decline'>): void {
  const { checkpoint, reason } = event
  const recent = draft.state.recentlyAborted.find((aborted) => aborted.checkpoint === checkpoint)
  if (reason !== 'failed' || recent?.lateCause !== 'counts') return
  remember(draft, { checkpoint, lateCause: 'ignored' })
  countFailure(draft, checkpoint, declined(draft.state, event))
}

/** Another leader owns the job: touch nothing any more. */
export function fence(draft: CheckpointDraft, active: ActiveCheckpoint): void {
  const error = publishedByAnother(active.checkpoint)
  const isNews = draft.state.lifecycle !== 'fenced'
  giveUpAll(draft, 'fenced')
  abort(draft, active, 'fenced', error)
  if (isNews) draft.emit({ kind: 'fail-job', error })
}

/** The same, told by the storage when more ids were asked for. */
export function fenceAll(draft: CheckpointDraft, error: EngineError): void {
  giveUpAll(draft, 'fenced')
  draft.emit({ kind: 'fail-job', error })
}

/** Nobody can tell whether the manifest exists: only a restart, which reads the storage anew, can go on. */
export function leaveUnresolved(draft: CheckpointDraft, active: ResolvingCheckpoint, cause: EngineError): void {
  const error = publicationUnresolved(active.checkpoint, active.lookUps, cause)
  abort(draft, active, 'unresolved', error)
  draft.emit({ kind: 'fail-job', error })
}

/** Ends everything that is not being published; what is being published gets decided (P8). */
export function giveUpAll(draft: CheckpointDraft, lifecycle: Exclude<Lifecycle, 'created' | 'running'>): void {
  const error = notRunning(draft.state)
  draft.change({ lifecycle, periodic: { kind: 'off' } })
  draft.emit({ kind: 'cancel-timer', name: PERIODIC_TIMER })
  stopRetrying(draft)
  for (const active of draft.state.active.filter(isUnpublished)) {
    abort(draft, active, lifecycle === 'fenced' ? 'fenced' : 'suspended', interrupted(active.checkpoint))
  }
  for (const request of draft.state.waiting) draft.emit({ kind: 'request-failed', request, error })
  draft.change({ waiting: [] })
}

/** Says once that nothing is undecided, when the last step made it so. */
export function announceQuiescence(draft: CheckpointDraft, before: CheckpointState): void {
  const isQuiet = isQuiescent(draft.state)
  if (isQuiet && !isQuiescent(before)) draft.emit({ kind: 'quiesced' })
}

/** Removes what a checkpoint that is not and will not be published left, here and in the tasks. */
function undo(draft: CheckpointDraft, recent: RecentAbort): void {
  remember(draft, recent)
  if (draft.state.lifecycle === 'running') draft.emit({ kind: 'notify-aborted', checkpoint: recent.checkpoint })
  discard(draft, recent.checkpoint)
}

/** Not once another leader is there: it may use the same id. */
function discard(draft: CheckpointDraft, checkpoint: CheckpointId): void {
  if (draft.state.lifecycle !== 'fenced') draft.emit({ kind: 'discard', checkpoint })
}

function remember(draft: CheckpointDraft, recent: RecentAbort): void {
  const others = draft.state.recentlyAborted.filter(({ checkpoint }) => checkpoint !== recent.checkpoint)
  draft.change({ recentlyAborted: [...others, recent].slice(-ABORTED_REMEMBERED_MAX) })
}

/** True when no publication is undecided and nothing will be triggered (P8). */
export function isQuiescent({ lifecycle, active }: CheckpointState): boolean {
  return lifecycle !== 'created' && lifecycle !== 'running' && active.length === 0
}

function isUnpublished({ phase }: ActiveCheckpoint): boolean {
  return phase === 'triggering' || phase === 'collecting'
}

function subsumeOlder(draft: CheckpointDraft, checkpoint: CheckpointId): void {
  const older = draft.state.active.filter((active) => active.checkpoint < checkpoint && isUnpublished(active))
  for (const active of older) abort(draft, active, 'subsumed', subsumed(active.checkpoint, checkpoint))
}

function retain(draft: CheckpointDraft): void {
  const { kept, surplus } = beyondRetention(draft.state.completed, draft.state.settings.retained)
  if (surplus.length === 0 || draft.state.lifecycle === 'fenced') return
  draft.change({ completed: kept })
  draft.emit(
    { kind: 'subsume', checkpoints: surplus, decidedBelow: oldestOpen(draft.state, kept) },
    { kind: 'report', report: { kind: 'subsumed', checkpoints: surplus } },
  )
}

/** Below it everything is decided, and nothing is kept. */
function oldestOpen({ active, ids }: CheckpointState, kept: readonly CheckpointId[]): CheckpointId {
  const oldest = Math.min(...kept, ...active.map(({ checkpoint }) => checkpoint), ...ids.map(({ first }) => first))
  return checkpointId(oldest)
}

function countFailure(draft: CheckpointDraft, checkpoint: CheckpointId, error: EngineError): void {
  const { failures, settings, lifecycle, completed } = draft.state
  // a job that is going down does not fail because of what it leaves behind, nor because of what a newer completion covers
  if (lifecycle !== 'running' || checkpoint < (completed.at(-1) ?? 0)) return
  const count = failures.count + 1
  const isOverBudget = count > settings.failuresMax
  draft.change({ failures: { count: isOverBudget ? 0 : count, newest: Math.max(failures.newest, checkpoint) } })
  if (isOverBudget) draft.emit({ kind: 'fail-job', error: tooManyFailures(draft.state, count, error) })
}

function summarize(
  { checkpoint, contents }: PublishingCheckpoint | ResolvingCheckpoint,
  nowMs: number,
): CheckpointSummary {
  const { snapshots, triggeredAtMs } = contents
  return {
    checkpoint,
    durationMs: nowMs - triggeredAtMs,
    stateBytes: totalStateBytes(snapshots),
    alignmentMaxMs: maxOf(snapshots, ({ stats }) => stats.alignmentMs),
    syncMaxMs: maxOf(snapshots, ({ stats }) => stats.syncMs),
    asyncMaxMs: maxOf(snapshots, ({ stats }) => stats.asyncMs),
  }
}
