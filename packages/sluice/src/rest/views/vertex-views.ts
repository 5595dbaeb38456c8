/** What the API shows of a vertex and its subtasks. Pure. */
import { hash } from 'node:crypto'
import type { SubtaskStatus, VertexDetail } from '../../jobmanager/cluster-api.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../../stream/element.ts'
import type {
  BackPressureBody,
  BackPressureLevel,
  JobPlan,
  SubtaskView,
  TaskCounts,
  TaskState,
  VertexDetails,
  VertexMetrics,
  VertexSummary,
} from '../rest-types.ts'
import { type Span, durationOf } from './spans.ts'

const KEY_DIGITS = 32

/** Flink's clients expect 32 hexadecimal digits as the id of a vertex. */
export function vertexKey(uid: string): string {
  return hash('sha256', uid, 'hex').slice(0, KEY_DIGITS)
}

const NO_TASKS: Record<TaskState, number> = {
  CREATED: 0,
  SCHEDULED: 0,
  DEPLOYING: 0,
  INITIALIZING: 0,
  RUNNING: 0,
  FINISHED: 0,
  CANCELING: 0,
  CANCELED: 0,
  FAILED: 0,
  RECONCILING: 0,
}

export function countStates(states: readonly TaskState[]): Record<TaskState, number> {
  const counts = { ...NO_TASKS }
  for (const state of states) counts[state]++
  return counts
}

export function taskCountsOf(vertices: readonly VertexDetail[]): TaskCounts {
  const states = vertices.flatMap(({ subtasks }) => subtasks.map(({ state }) => state))
  const counts = countStates(states)
  return {
    total: states.length,
    created: counts.CREATED,
    scheduled: counts.SCHEDULED,
    deploying: counts.DEPLOYING,
    running: counts.RUNNING,
    finished: counts.FINISHED,
    canceling: counts.CANCELING,
    canceled: counts.CANCELED,
    failed: counts.FAILED,
    reconciling: counts.RECONCILING,
    initializing: counts.INITIALIZING,
  }
}

/** The first of these that any subtask is in is the state of the vertex, as in Flink. */
const BY_WEIGHT: readonly TaskState[] = ['FAILED', 'CANCELING', 'CANCELED', 'INITIALIZING', 'RUNNING']

export function vertexState(states: readonly TaskState[]): TaskState {
  const heaviest = BY_WEIGHT.find((state) => states.includes(state))
  if (heaviest !== undefined) return heaviest
  if (states.length > 0 && states.every((state) => state === 'FINISHED')) return 'FINISHED'
  if (states.includes('FINISHED')) return 'RUNNING'
  return (['DEPLOYING', 'SCHEDULED'] as const).find((state) => states.includes(state)) ?? 'CREATED'
}

function metricsOf(recordsIn: number, recordsOut: number, completeness: 'complete' | 'partial'): VertexMetrics {
  return {
    'read-bytes': 0,
    'read-bytes-complete': false,
    'write-bytes': 0,
    'write-bytes-complete': false,
    'read-records': recordsIn,
    'read-records-complete': completeness === 'complete',
    'write-records': recordsOut,
    'write-records-complete': completeness === 'complete',
    'accumulated-backpressured-time': 0,
    'accumulated-idle-time': 0,
    'accumulated-busy-time': 0,
  }
}

export function vertexSummaryOf(vertex: VertexDetail, span: Span): VertexSummary {
  const states = vertex.subtasks.map(({ state }) => state)
  return {
    id: vertexKey(vertex.vertex),
    slotSharingGroupId: vertexKey(vertex.slotSharingGroup),
    name: vertex.name,
    maxParallelism: vertex.maxParallelism,
    parallelism: vertex.parallelism,
    status: vertexState(states),
    'start-time': span.startMs,
    'end-time': span.endMs ?? -1,
    duration: durationOf(span),
    tasks: countStates(states),
    metrics: metricsOf(
      vertex.recordsIn,
      vertex.recordsOut,
      vertex.reportingCount === vertex.parallelism ? 'complete' : 'partial',
    ),
    sluice: {
      uid: vertex.vertex,
      wantedParallelism: vertex.wantedParallelism,
      slotSharingGroup: vertex.slotSharingGroup,
      reportingCount: vertex.reportingCount,
      watermark: watermarkValue(vertex.watermark),
      busyRatio: vertex.busyRatio,
      busyRatioMax: vertex.busyRatioMax,
      backPressuredRatio: vertex.backPressuredRatio,
      backPressuredRatioMax: vertex.backPressuredRatioMax,
      pauseMaxMs: vertex.pauseMaxMs,
      counters: vertex.counters,
    },
  }
}

/** Milliseconds, or the word for a watermark that is no moment. */
export function watermarkValue(watermark: number): number | 'none' | 'end' {
  if (watermark === MIN_WATERMARK) return 'none'
  return watermark === MAX_WATERMARK ? 'end' : watermark
}

export function vertexDetailsOf(vertex: VertexDetail, span: Span): VertexDetails {
  return {
    id: vertexKey(vertex.vertex),
    name: vertex.name,
    parallelism: vertex.parallelism,
    maxParallelism: vertex.maxParallelism,
    now: span.nowMs,
    subtasks: vertex.subtasks.map((subtask) => subtaskView(subtask, span)),
  }
}

function subtaskView(subtask: SubtaskStatus, span: Span): SubtaskView {
  const { report, slot } = subtask
  return {
    subtask: subtask.subtask,
    status: subtask.state,
    attempt: subtask.attempt,
    endpoint: subtask.host ?? '(unassigned)',
    'taskmanager-id': subtask.taskManager ?? '(unassigned)',
    'start-time': span.startMs,
    'end-time': span.endMs ?? -1,
    duration: durationOf(span),
    metrics: metricsOf(report?.recordsIn ?? 0, report?.recordsOut ?? 0, report === undefined ? 'partial' : 'complete'),
    'status-duration': {},
    sluice: { slot: slot ?? null },
  }
}

const LOW_FROM = 0.1
const HIGH_FROM = 0.5

/** Flink's limits. */
export function backPressureLevel(ratio: number): BackPressureLevel {
  if (ratio <= LOW_FROM) return 'ok'
  return ratio <= HIGH_FROM ? 'low' : 'high'
}

export function backPressureOf({ subtasks }: VertexDetail, nowMs: number): BackPressureBody {
  const reported = subtasks.flatMap(({ subtask, attempt, report }) => {
    if (report === undefined) return []
    const { busyRatio, backPressuredRatio: ratio } = report
    const idleRatio = Math.max(0, 1 - busyRatio - ratio)
    const level = backPressureLevel(ratio)
    return [{ subtask, 'attempt-number': attempt, backpressureLevel: level, ratio, idleRatio, busyRatio }]
  })
  return {
    status: reported.length === 0 ? 'deprecated' : 'ok',
    backpressureLevel: backPressureLevel(Math.max(0, ...reported.map(({ ratio }) => ratio))),
    'end-timestamp': nowMs,
    subtasks: reported,
  }
}

export function planOf(job: string, name: string, vertices: readonly VertexDetail[]): JobPlan {
  return {
    jid: job,
    name,
    type: 'STREAMING',
    nodes: vertices.map(({ vertex, name: description, parallelism, inputs }) => ({
      id: vertexKey(vertex),
      parallelism,
      operator: '',
      operator_strategy: '',
      description,
      inputs: inputs.map(({ from, partitioning }, num) => ({
        num,
        id: vertexKey(from),
        ship_strategy: partitioning.toUpperCase(),
        exchange: 'pipelined_bounded',
      })),
    })),
  }
}
