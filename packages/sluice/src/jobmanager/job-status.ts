/** How a job is doing, and how it ended: plain data for people and programs. */
import type { ErrorData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, SlotIndex, SubtaskIndex, VertexId } from '../base/ids.ts'
import type { TaskReport } from '../base/task-report.ts'
import type { CheckpointStats } from '../checkpoint/checkpoint-stats.ts'
import type { CheckpointRecord } from './cluster-api.ts'
import type { FailureRecord, JobOutcome, JobStateName } from './job-events.ts'
import type { VertexStatus } from './task-statistics.ts'

export interface JobStatus {
  readonly jobName: string
  readonly state: JobStateName
  /** The newest one; each vertex has that of its region. */
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

/** What a JobMaster tells beyond that. */
export interface LiveJobStatus extends JobStatus {
  /** Newest last, bounded. */
  readonly checkpointHistory: readonly CheckpointRecord[]
  /** Slots that the job asks for. */
  readonly slotsWanted: number
  /** Slots that it runs in, or ran in last; 0 before it got any. */
  readonly slotsHeld: number
  /** Whole sentences about what it waits for; undefined when it does not. */
  readonly waiting: string | undefined
  /** When each state was entered last, wall milliseconds. */
  readonly timestamps: Readonly<Partial<Record<JobStateName, number>>>
  /** Of each vertex: the attempt of its region. */
  readonly vertexAttempts: ReadonlyMap<VertexId, AttemptNumber>
}

export interface JobResult extends Omit<JobStatus, 'state'> {
  readonly state: JobOutcome
  readonly error?: ErrorData
  readonly durationMs: number
}

export type TaskStateName =
  | 'CREATED'
  | 'SCHEDULED'
  | 'DEPLOYING'
  | 'INITIALIZING'
  | 'RUNNING'
  | 'FINISHED'
  | 'CANCELING'
  | 'CANCELED'
  | 'FAILED'

/** One subtask. */
export interface TaskStatus {
  readonly vertex: VertexId
  readonly subtask: SubtaskIndex
  /** Undefined before slots were acquired. */
  readonly slot: SlotIndex | undefined
  readonly attempt: AttemptNumber
  readonly state: TaskStateName
  /** The newest of this attempt. */
  readonly report: TaskReport | undefined
}
