/** Metrics by Flink's names, from reports and overviews. Pure: rates come in. */
import type {
  ClusterOverview,
  JobDetail,
  SubtaskStatus,
  TaskManagerView,
  VertexDetail,
} from '../../jobmanager/cluster-api.ts'
import type { AggregatedMetric, MetricValue } from '../rest-types.ts'
import { durationOf, spanOf } from './spans.ts'

export type Figures = Readonly<Record<string, number>>

export interface SubtaskRates {
  readonly inPerSecond: number
  readonly outPerSecond: number
}

const MS_PER_SECOND = 1000

/** Empty until the subtask has reported. */
export function subtaskFigures(vertex: VertexDetail, { report }: SubtaskStatus, rates: SubtaskRates): Figures {
  if (report === undefined) return {}
  const { busyRatio, backPressuredRatio } = report
  const flow = {
    numRecordsIn: report.recordsIn,
    numRecordsOut: report.recordsOut,
    numRecordsInPerSecond: rates.inPerSecond,
    numRecordsOutPerSecond: rates.outPerSecond,
  }
  return {
    ...flow,
    ...(vertex.inputs.length === 0 ? prefixed(`Source__${vertex.name.replace(/\W/g, '_')}`, flow) : {}),
    busyTimeMsPerSecond: busyRatio * MS_PER_SECOND,
    backPressuredTimeMsPerSecond: backPressuredRatio * MS_PER_SECOND,
    idleTimeMsPerSecond: Math.max(0, 1 - busyRatio - backPressuredRatio) * MS_PER_SECOND,
    currentInputWatermark: report.watermark,
    currentOutputWatermark: report.watermark,
    pauseMaxMs: report.pauseMaxMs,
    ...Object.fromEntries(Object.entries(report.counters).map(([name, count]) => [name.replace('/', '.'), count])),
  }
}

function prefixed(prefix: string, figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${prefix}.${name}`, value]))
}

export function jobFigures(detail: JobDetail, nowMs: number): Figures {
  const { restartCount, checkpoints } = detail
  const last = checkpoints?.lastCompleted
  return {
    numRestarts: restartCount,
    fullRestarts: restartCount,
    uptime: detail.state === 'RUNNING' ? durationOf(spanOf(detail, nowMs)) : 0,
    numberOfCompletedCheckpoints: checkpoints?.completed ?? 0,
    numberOfFailedCheckpoints: checkpoints?.failed ?? 0,
    ...(last === undefined ? {} : { lastCheckpointDuration: last.durationMs, lastCheckpointSize: last.stateBytes }),
  }
}

export function clusterFigures(overview: ClusterOverview): Figures {
  return {
    taskSlotsTotal: overview.slotsTotal,
    taskSlotsAvailable: overview.slotsFree,
    numRegisteredTaskManagers: overview.taskManagers,
    numRunningJobs: overview.jobsRunning,
  }
}

export function taskManagerFigures({ vitals, memoryBytes }: TaskManagerView): Figures {
  return {
    'Status.JVM.Memory.Heap.Max': memoryBytes,
    ...(vitals === undefined
      ? {}
      : {
          'Status.JVM.Memory.Heap.Used': vitals.heapUsedBytes,
          'Status.JVM.CPU.Load': vitals.cpuRatio,
          eventLoopDelayMs: vitals.eventLoopDelayMs,
          slotsInUse: vitals.slotsInUse,
        }),
  }
}

/** All names without values when nothing is asked for, as in Flink. What is not known is left out. */
export function metricValues(figures: Figures, asked: readonly string[] | undefined): readonly MetricValue[] {
  if (asked === undefined) return Object.keys(figures).map((id) => ({ id }))
  return asked.flatMap((id) => (Object.hasOwn(figures, id) ? [{ id, value: String(figures[id]) }] : []))
}

export type Aggregation = 'min' | 'max' | 'avg' | 'sum' | 'skew'
export const AGGREGATIONS: readonly Aggregation[] = ['min', 'max', 'avg', 'sum', 'skew']

/** @param all figures of each subtask */
export function aggregatedMetrics(
  all: readonly Figures[],
  asked: readonly string[] | undefined,
  aggregations: readonly Aggregation[],
): readonly AggregatedMetric[] {
  if (asked === undefined) return [...new Set(all.flatMap((figures) => Object.keys(figures)))].map((id) => ({ id }))
  return asked.flatMap((id) => {
    const values = all.flatMap((figures) => (Object.hasOwn(figures, id) ? [figures[id] ?? 0] : []))
    if (values.length === 0) return []
    return [{ id, ...Object.fromEntries(aggregations.map((name) => [name, AGGREGATE[name](values)])) }]
  })
}

const AGGREGATE: Readonly<Record<Aggregation, (values: readonly number[]) => number>> = {
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  avg: mean,
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  skew: skewPercent,
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** How far the values are from their mean, on average, in percent of it. */
function skewPercent(values: readonly number[]): number {
  const middle = mean(values)
  if (middle === 0) return 0
  return Math.min(100, (mean(values.map((value) => Math.abs(value - middle))) / Math.abs(middle)) * 100)
}
