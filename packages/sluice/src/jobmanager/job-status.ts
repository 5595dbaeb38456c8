/** How a job is doing, and how it ended: plain data for people and programs. */
import type { ErrorData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId } from '../base/ids.ts'
import type { CheckpointStats } from '../checkpoint/checkpoint-stats.ts'
import type { FailureRecord, JobOutcome, JobStateName } from './job-events.ts'
import type { VertexStatus } from './task-statistics.ts'

export interface JobStatus {
  readonly jobName: string
  readonly state: JobStateName
  readonly attempt: AttemptNumber
  readonly restartCount: number
  /** What the current attempt started from; undefined for a fresh start. */
  readonly restoredCheckpoint: CheckpointId | undefined
  /** The newest last, bounded. */
  readonly failures: readonly FailureRecord[]
  /** In topological order; counts since the start of the attempt. */
  readonly vertices: readonly VertexStatus[]
  /** Operator counters by `uid/name`, summed over all subtasks, since the start of the attempt. */
  readonly counters: Readonly<Record<string, number>>
  /** Records that the sources have read since the start of the attempt. */
  readonly recordsRead: number
  /** Undefined when checkpointing is off. */
  readonly checkpoints: CheckpointStats | undefined
  /** Messages and events of attempts that are over. */
  readonly staleMessageCount: number
}

export interface JobResult extends Omit<JobStatus, 'state'> {
  readonly state: JobOutcome
  readonly error?: ErrorData
  readonly durationMs: number
}
