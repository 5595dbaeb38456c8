/**
 * A job of a cluster, as its REST API tells about it, in the words that runs in this process have: status, events, result. Pure.
 *
 * Q1 Events are what changed between two looks: what began and ended in between is not told, the newest failure and checkpoint always are.
 * Q2 What the API does not tell is NaN: how long a restart waits, how old a checkpoint was when the job resumed from it.
 */
import { knownErrorCode } from '../base/error-codes.ts'
import type { ErrorData } from '../base/errors.ts'
import { attemptNumber, checkpointId, vertexId } from '../base/ids.ts'
import type { CheckpointStats } from '../checkpoint/checkpoint-stats.ts'
import type { JobEvent, JobOutcome, JobStateName } from '../jobmanager/job-events.ts'
import type { JobResult, JobStatus } from '../jobmanager/job-status.ts'
import type { VertexStatus } from '../jobmanager/task-statistics.ts'
import type { ErrorView, ExceptionEntry, JobDetails, VertexSummary } from '../rest/rest-types.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'

/** One look at a job. */
export interface RemoteLook {
  readonly details: JobDetails
  /** Newest first, as the API gives them. */
  readonly exceptions: readonly ExceptionEntry[]
}

const OUTCOMES: readonly string[] = ['finished', 'stopped', 'canceled', 'failed'] satisfies JobOutcome[]

export function outcomeOf({ sluice, state }: JobDetails): JobOutcome | undefined {
  if (isOutcome(sluice.phase)) return sluice.phase
  if (state === 'FINISHED') return 'finished'
  if (state === 'CANCELED') return 'canceled'
  return state === 'FAILED' ? 'failed' : undefined
}

function isOutcome(phase: string): phase is JobOutcome {
  return OUTCOMES.includes(phase)
}

export function statusOf({ details }: RemoteLook): JobStatus {
  const { sluice, name, vertices } = details
  return {
    jobName: name,
    state: stateOf(sluice.phase),
    attempt: attemptNumber(sluice.attempt),
    restartCount: sluice.restartCount,
    restoredCheckpoint: sluice.restoredCheckpoint === null ? undefined : checkpointId(sluice.restoredCheckpoint),
    failures: [],
    vertices: vertices.map(vertexOf),
    counters: sluice.counters,
    recordsRead: sluice.recordsRead,
    checkpoints: checkpointsOf(details),
    staleMessageCount: 0,
  }
}

export function resultOf(look: RemoteLook, outcome: JobOutcome): JobResult {
  const { error } = look.details.sluice
  return {
    ...statusOf(look),
    state: outcome,
    durationMs: look.details.duration,
    ...(error === null ? {} : { error: errorOf(error) }),
  }
}

function stateOf(phase: string): JobStateName {
  return phase as JobStateName // of this version or a newer one: shown, never branched on
}

function vertexOf({ name, parallelism, metrics, sluice }: VertexSummary): VertexStatus {
  return {
    vertex: vertexId(sluice.uid),
    name,
    parallelism,
    reportingCount: sluice.reportingCount,
    recordsIn: metrics['read-records'],
    recordsOut: metrics['write-records'],
    watermark: watermarkOf(sluice.watermark),
    busyRatio: sluice.busyRatio,
    busyRatioMax: sluice.busyRatioMax,
    backPressuredRatio: sluice.backPressuredRatio,
    backPressuredRatioMax: sluice.backPressuredRatioMax,
    pauseMaxMs: sluice.pauseMaxMs,
    counters: sluice.counters,
  }
}

function watermarkOf(watermark: number | 'none' | 'end'): number {
  if (watermark === 'none') return MIN_WATERMARK
  return watermark === 'end' ? MAX_WATERMARK : watermark
}

function checkpointsOf({ sluice }: JobDetails): CheckpointStats | undefined {
  if (sluice.checkpoints === null) return undefined
  const { completed, failed, last } = sluice.checkpoints
  return {
    triggered: completed + failed,
    completed,
    failed,
    ignored: 0,
    lastCompleted: last === null ? undefined : { ...last, checkpoint: checkpointId(last.checkpoint) },
    lastFailed: undefined,
  }
}

function errorOf({ code, message, context, stack }: ErrorView): ErrorData {
  return { code: knownErrorCode(code), message, context, ...(stack === null ? {} : { stack }) }
}

/** Q1. What to tell about a job that was seen before as `before`, and is now as `now`. */
export function eventsBetween(before: RemoteLook | undefined, now: RemoteLook): readonly JobEvent[] {
  return [
    ...failureEvents(before, now),
    ...restartEvents(before, now),
    ...attemptEvents(before, now),
    ...stateEvents(before, now),
    ...checkpointEvents(before, now),
    ...endEvents(before, now),
  ]
}

function failureEvents(before: RemoteLook | undefined, now: RemoteLook): readonly JobEvent[] {
  const known = before?.exceptions[0]?.timestamp ?? 0
  const fresh = now.exceptions.filter(({ timestamp }) => timestamp > known)
  return fresh.toReversed().map((entry) => ({ kind: 'failed', failure: failureOf(entry) }))
}

function failureOf({ sluice, stacktrace, timestamp, taskManagerId, endpoint }: ExceptionEntry) {
  const { restoredCheckpoint } = sluice
  const where =
    taskManagerId === null ? '' : ` (TaskManager ${taskManagerId}${endpoint === null ? '' : ` on ${endpoint}`})`
  return {
    error: {
      code: knownErrorCode(sluice.code),
      message: `${messageIn(stacktrace, sluice.code)}${where}`,
      context: {},
      cause: stacktrace,
    },
    attempt: attemptNumber(sluice.attempt),
    wallMs: timestamp,
    restoredCheckpoint: restoredCheckpoint === null ? undefined : checkpointId(restoredCheckpoint),
    mergedCount: sluice.mergedCount,
  }
}

/** The message in front of the trace, without the code that is told anyway. A trace begins with the name of an error. */
function messageIn(stacktrace: string, code: string): string {
  const lines = stacktrace.split('\n')
  const end = lines.findIndex((line, index) => index > 0 && /^(?:\s+at |\w*Error: )/.test(line))
  const words = (end < 0 ? lines : lines.slice(0, end)).join('\n').trim()
  return words.replace(`[${code}] `, '')
}

function restartEvents(before: RemoteLook | undefined, { details }: RemoteLook): readonly JobEvent[] {
  const { restartCount } = details.sluice
  if (before === undefined || restartCount <= before.details.sluice.restartCount) return []
  return [{ kind: 'restarting', inMs: Number.NaN, restartCount }] // Q2
}

/** Told once it is known what an attempt started from: when it runs. */
function attemptEvents(before: RemoteLook | undefined, { details }: RemoteLook): readonly JobEvent[] {
  if (!hasStarted(details)) return []
  const { attempt, restoredCheckpoint } = details.sluice
  const seen = before?.details
  if (seen !== undefined && hasStarted(seen) && seen.sluice.attempt === attempt) return []
  if (restoredCheckpoint === null) return attempt === 0 ? [{ kind: 'started-fresh' }] : []
  return [
    {
      kind: 'restored',
      checkpoint: checkpointId(restoredCheckpoint),
      ageMs: Number.NaN,
      attempt: attemptNumber(attempt),
    },
  ] // Q2
}

const BEFORE_RUNNING: readonly string[] = [
  'created',
  'acquiring',
  'restoring',
  'deploying',
  'restarting',
] satisfies JobStateName[]

function hasStarted({ sluice }: JobDetails): boolean {
  return !BEFORE_RUNNING.includes(sluice.phase)
}

function stateEvents(before: RemoteLook | undefined, { details }: RemoteLook): readonly JobEvent[] {
  const { phase, attempt } = details.sluice
  if (before?.details.sluice.phase === phase) return []
  return [{ kind: 'state-changed', state: stateOf(phase), attempt: attemptNumber(attempt) }]
}

function checkpointEvents(before: RemoteLook | undefined, { details }: RemoteLook): readonly JobEvent[] {
  const last = details.sluice.checkpoints?.last ?? null
  if (last === null || last.checkpoint === before?.details.sluice.checkpoints?.last?.checkpoint) return []
  return [{ kind: 'checkpoint-completed', ...last, checkpoint: checkpointId(last.checkpoint) }]
}

function endEvents(before: RemoteLook | undefined, { details }: RemoteLook): readonly JobEvent[] {
  const outcome = outcomeOf(details)
  if (outcome === undefined || (before !== undefined && outcomeOf(before.details) !== undefined)) return []
  const { error } = details.sluice
  return [{ kind: 'ended', outcome, ...(error === null ? {} : { error: errorOf(error) }) }]
}
