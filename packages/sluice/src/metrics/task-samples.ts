/** What the report of a task says as metrics: the same from the leader and from the TaskManager that runs it. Pure. */
import type { TaskReport } from '../base/task-report.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { type Labels, type Sample, samplesOf } from './sample.ts'

const MS_PER_SECOND = 1000
/** Of window operators: docs/guide/windows.md. */
const LATE_RECORDS = 'lateRecords'

/** @param labels those of a task */
export function taskSamples(labels: Labels, report: TaskReport, nowWallMs: number): readonly Sample[] {
  const { busyRatio, backPressuredRatio } = report
  return [
    ...samplesOf(labels, {
      flink_taskmanager_job_task_numRecordsIn: report.recordsIn,
      flink_taskmanager_job_task_numRecordsOut: report.recordsOut,
      flink_taskmanager_job_task_busyTimeMsPerSecond: busyRatio * MS_PER_SECOND,
      flink_taskmanager_job_task_backPressuredTimeMsPerSecond: backPressuredRatio * MS_PER_SECOND,
      flink_taskmanager_job_task_idleTimeMsPerSecond: Math.max(0, 1 - busyRatio - backPressuredRatio) * MS_PER_SECOND,
      sluice_task_pause_seconds: report.pauseMaxMs / MS_PER_SECOND,
    }),
    ...watermarkSamples(labels, report, nowWallMs),
    ...Object.entries(report.counters).flatMap(([name, count]) => counterSamples(labels, name, count)),
  ]
}

/** A watermark that is no moment is not shown: a graph could do nothing with it. */
function watermarkSamples(labels: Labels, { vertex, watermark }: TaskReport, nowWallMs: number): readonly Sample[] {
  if (watermark === MIN_WATERMARK || watermark === MAX_WATERMARK) return []
  return [
    ...samplesOf(
      { ...labels, operator_name: labels['task_name'] ?? vertex },
      { flink_taskmanager_job_task_operator_currentOutputWatermark: watermark },
    ),
    ...samplesOf(labels, { sluice_task_watermark_lag_seconds: (nowWallMs - watermark) / MS_PER_SECOND }),
  ]
}

/** @param name `uid/name` */
function counterSamples(labels: Labels, name: string, count: number): readonly Sample[] {
  const slash = name.indexOf('/')
  const [operator, counter] = [name.slice(0, slash), name.slice(slash + 1)]
  const operatorLabels = { ...labels, operator_name: operator }
  return [
    ...samplesOf({ ...operatorLabels, counter }, { sluice_task_operator_count_total: count }),
    ...(counter === LATE_RECORDS
      ? samplesOf(operatorLabels, { flink_taskmanager_job_task_operator_numLateRecordsDropped: count })
      : []),
  ]
}
