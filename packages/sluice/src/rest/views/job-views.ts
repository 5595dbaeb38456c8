/** What the API shows of a job. Pure: the time comes in. */
import type { ErrorData } from '../../base/errors.ts'
import type { FailureRecord } from '../../jobmanager/job-events.ts'
import { PUBLIC_JOB_STATES, type JobDetail, type JobOverview } from '../../jobmanager/cluster-api.ts'
import type {
  CheckpointCounts,
  ErrorView,
  ExceptionEntry,
  ExceptionsBody,
  ExecutionResultBody,
  FailureCause,
  JobConfigBody,
  JobDetails,
  JobExtension,
  JobPhaseBody,
  JobState,
  JobSummary,
  ResourceRequirements,
} from '../rest-types.ts'
import { redacted } from './redact.ts'
import { durationOf, spanOf } from './spans.ts'
import { countStates, planOf, taskCountsOf, vertexKey, vertexState, vertexSummaryOf } from './vertex-views.ts'

const ENDED: ReadonlySet<JobState> = new Set(['FINISHED', 'CANCELED', 'FAILED'])

export function hasEnded({ state }: { readonly state: JobState }): boolean {
  return ENDED.has(state)
}

export function jobSummaryOf(detail: JobDetail, nowMs: number): JobSummary {
  const { startedWallMs, endedWallMs, timestamps } = detail
  return {
    jid: detail.job,
    name: detail.name,
    state: detail.state,
    'start-time': startedWallMs,
    'end-time': endedWallMs ?? -1,
    duration: durationOf(spanOf(detail, nowMs)),
    'last-modification': Math.max(startedWallMs, ...Object.values(timestamps)),
    tasks: taskCountsOf(detail.vertices),
    sluice: phaseOf(detail),
  }
}

function phaseOf({ phase, attempt, restartCount, waiting }: JobOverview): JobPhaseBody {
  return { phase, attempt, restartCount, waiting: waiting ?? null }
}

/** @param secretNames keys of parameters and options that are never shown */
export function jobDetailsOf(detail: JobDetail, nowMs: number, secretNames: ReadonlySet<string>): JobDetails {
  const { job, name, state, vertices } = detail
  const span = spanOf(detail, nowMs)
  return {
    jid: job,
    name,
    isStoppable: !hasEnded(detail),
    state,
    'job-type': 'STREAMING',
    schedulerType: 'Adaptive',
    'start-time': span.startMs,
    'end-time': span.endMs ?? -1,
    duration: durationOf(span),
    maxParallelism: Math.max(0, ...vertices.map(({ maxParallelism }) => maxParallelism)),
    now: nowMs,
    timestamps: timestampsOf(detail),
    vertices: vertices.map((vertex) => vertexSummaryOf(vertex, span)),
    'status-counts': countStates(vertices.map(({ subtasks }) => vertexState(subtasks.map(({ state }) => state)))),
    plan: planOf(job, name, vertices),
    sluice: extensionOf(detail, secretNames),
  }
}

function timestampsOf({ timestamps }: JobOverview): Readonly<Record<string, number>> {
  return Object.fromEntries(PUBLIC_JOB_STATES.map((state) => [state, timestamps[state] ?? 0]))
}

function extensionOf(detail: JobDetail, secretNames: ReadonlySet<string>): JobExtension {
  return {
    ...phaseOf(detail),
    artifact: detail.spec.artifact,
    params: redacted(detail.spec.params, secretNames),
    options: redacted(detail.options, secretNames),
    slotsWanted: detail.slotsWanted,
    slotsHeld: detail.slotsHeld,
    restoredCheckpoint: detail.restoredCheckpoint ?? null,
    recordsRead: detail.recordsRead,
    counters: detail.counters,
    checkpoints: checkpointCountsOf(detail),
    error: detail.error === undefined ? null : errorViewOf(detail.error),
  }
}

function checkpointCountsOf({ checkpoints }: JobDetail): CheckpointCounts | null {
  if (checkpoints === undefined) return null
  const { completed, failed, lastCompleted: last } = checkpoints
  if (last === undefined) return { completed, failed, last: null }
  const { checkpoint, durationMs, stateBytes, alignmentMaxMs, syncMaxMs, asyncMaxMs } = last
  return { completed, failed, last: { checkpoint, durationMs, stateBytes, alignmentMaxMs, syncMaxMs, asyncMaxMs } }
}

function errorViewOf({ code, message, context, stack, cause }: ErrorData): ErrorView {
  const known = Object.entries(context).flatMap(([key, value]: [string, unknown]) =>
    typeof value === 'string' || typeof value === 'number' ? [[key, value] as const] : [],
  )
  return { code, message, context: Object.fromEntries(known), stack: cause ?? stack ?? null }
}

/** Flink's clients read the exception from its class and stack trace. */
export function failureCauseOf({ code, message, cause, stack }: ErrorData): FailureCause {
  return { class: code, 'stack-trace': `[${code}] ${message}${traceOf(cause ?? stack)}` }
}

function traceOf(trace: string | undefined): string {
  return trace === undefined ? '' : `\n${trace}`
}

export function exceptionsOf({ failures, vertices }: JobDetail, entriesMax: number): ExceptionsBody {
  const names = new Map(vertices.map(({ vertex, name, parallelism }) => [vertex, { name, parallelism }]))
  const entryOf = (failure: JobDetail['failures'][number]): ExceptionEntry => {
    const { error, vertex, subtask, wallMs, host, taskManager, restoredCheckpoint, attempt, mergedCount } = failure
    const known = vertex === undefined ? undefined : names.get(vertex)
    return {
      exceptionName: error.code,
      stacktrace: failureCauseOf(error)['stack-trace'],
      timestamp: wallMs,
      failureLabels: labelsOf(failure),
      taskName: vertex === undefined ? null : taskNameOf(known?.name ?? vertex, subtask, known?.parallelism),
      endpoint: host ?? null,
      taskManagerId: taskManager ?? null,
      concurrentExceptions: [],
      sluice: { code: error.code, attempt, restoredCheckpoint: restoredCheckpoint ?? null, mergedCount },
    }
  }
  const newestFirst = failures.toReversed()
  return {
    exceptionHistory: {
      entries: newestFirst.slice(0, entriesMax).map(entryOf),
      truncated: failures.length > entriesMax,
    },
  }
}

/** What can be said about a failure beyond its error. */
function labelsOf({ crashLoop }: Pick<FailureRecord, 'crashLoop'>): Readonly<Record<string, string>> {
  if (crashLoop === undefined) return {}
  return { 'crash-loop-record': crashLoop.record, 'crash-loop-failures': String(crashLoop.failureCount) }
}

/** `name (3/4)`, counted from one as in Flink. */
function taskNameOf(name: string, subtask: number | undefined, parallelism: number | undefined): string {
  return subtask === undefined ? name : `${name} (${subtask + 1}/${parallelism ?? '?'})`
}

const APPLICATION_STATUS = { FINISHED: 'SUCCEEDED', CANCELED: 'CANCELED', FAILED: 'FAILED' } as const

export function executionResultOf(detail: JobDetail, nowMs: number): ExecutionResultBody {
  const { state, job, error } = detail
  if (state !== 'FINISHED' && state !== 'CANCELED' && state !== 'FAILED') return { status: { id: 'IN_PROGRESS' } }
  return {
    status: { id: 'COMPLETED' },
    'job-execution-result': {
      id: job,
      'application-status': APPLICATION_STATUS[state],
      'accumulator-results': {},
      'net-runtime': durationOf(spanOf(detail, nowMs)),
      ...(error === undefined ? {} : { 'failure-cause': failureCauseOf(error) }),
    },
  }
}

export function jobConfigOf(detail: JobDetail, secretNames: ReadonlySet<string>): JobConfigBody {
  const { job, name, spec, options, vertices } = detail
  return {
    jid: job,
    name,
    'execution-config': {
      'execution-mode': 'PIPELINED',
      'restart-strategy': options['restart.strategy'] ?? 'default',
      'job-parallelism': Math.max(0, ...vertices.map(({ wantedParallelism }) => wantedParallelism)),
      'object-reuse-mode': true,
      'user-config': redacted({ ...options, ...spec.params }, secretNames),
    },
  }
}

/** One pair of bounds holds for the whole job: no vertex gets more than it wants. */
export function requirementsOf(
  { vertices }: JobDetail,
  { lower, upper }: { readonly lower: number; readonly upper: number },
): ResourceRequirements {
  const entries = vertices.map(({ vertex, wantedParallelism }) => {
    const upperBound = Math.max(1, Math.min(upper, wantedParallelism))
    return [vertexKey(vertex), { parallelism: { lowerBound: Math.min(lower, upperBound), upperBound } }] as const
  })
  return Object.fromEntries(entries)
}
