import type { SubtaskIndex, VertexId } from './ids.ts'

/** Counters since the start of the attempt, and gauges. Sent about every 500 ms. */
export interface TaskReport {
  readonly vertex: VertexId
  readonly subtask: SubtaskIndex
  readonly recordsIn: number
  readonly recordsOut: number
  /** Milliseconds of event time; MIN_WATERMARK when none yet. */
  readonly watermark: number
  /** Since the last report: share of time, 0 to 1. */
  readonly busyRatio: number
  readonly backPressuredRatio: number
  /** Operator counters by `uid/name`, e.g. `delay-by-origin/lateRecords`. */
  readonly counters: Readonly<Record<string, number>>
  /** Longest pause of the task loop since the last report, milliseconds. */
  readonly pauseMaxMs: number
}
