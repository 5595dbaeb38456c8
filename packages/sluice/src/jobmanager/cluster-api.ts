/** What a JobManager lets others see and do: the border between the REST server and everything behind it. Plain data. */
import type { ErrorData } from '../base/errors.ts'
import type {
  ArtifactHash,
  CheckpointId,
  JobId,
  SlotIndex,
  SubtaskIndex,
  TaskManagerId,
  VertexId,
} from '../base/ids.ts'
import type { CheckpointStats } from '../checkpoint/checkpoint-stats.ts'
import type { JobSpec, TaskManagerFacts, TaskManagerVitals } from '../control/cluster-messages.ts'
import type { TaskReport } from '../control/messages.ts'
import type { FailureRecord, JobStateName } from './job-events.ts'
import type { TaskStateName } from './job-status.ts'
import type { VertexStatus } from './task-statistics.ts'

/** The states Flink's clients know. */
export const PUBLIC_JOB_STATES = [
  'INITIALIZING',
  'CREATED',
  'RUNNING',
  'FAILING',
  'FAILED',
  'CANCELLING',
  'CANCELED',
  'FINISHED',
  'RESTARTING',
  'SUSPENDED',
] as const

export type PublicJobState = (typeof PUBLIC_JOB_STATES)[number]

export interface JobOverview {
  readonly job: JobId
  readonly name: string
  readonly state: PublicJobState
  /** What it is doing, in the words of docs/spec/job-lifecycle.md. */
  readonly phase: JobStateName
  readonly startedWallMs: number
  /** Undefined while it lives. */
  readonly endedWallMs: number | undefined
  /** When each state was entered last, wall milliseconds. */
  readonly timestamps: Readonly<Partial<Record<PublicJobState, number>>>
  readonly attempt: number
  readonly restartCount: number
  /** Whole sentences about what it waits for; undefined when it does not. */
  readonly waiting: string | undefined
}

export interface SubtaskStatus {
  readonly subtask: SubtaskIndex
  readonly slot: SlotIndex | undefined
  readonly taskManager: TaskManagerId | undefined
  readonly host: string | undefined
  readonly attempt: number
  readonly state: TaskStateName
  readonly report: TaskReport | undefined
}

export interface VertexDetail extends VertexStatus {
  readonly maxParallelism: number
  /** What the job asks for; `parallelism` is what runs now. */
  readonly wantedParallelism: number
  readonly slotSharingGroup: string
  readonly inputs: readonly { readonly from: VertexId; readonly partitioning: string }[]
  readonly subtasks: readonly SubtaskStatus[]
}

export interface JobDetail extends JobOverview {
  readonly spec: JobSpec
  readonly vertices: readonly VertexDetail[]
  readonly slotsWanted: number
  readonly slotsHeld: number
  readonly checkpoints: CheckpointStats | undefined
  /** Newest last. */
  readonly checkpointHistory: readonly CheckpointRecord[]
  readonly checkpointConfig: CheckpointConfigView | undefined
  readonly restoredCheckpoint: CheckpointId | undefined
  /** Newest last, bounded. */
  readonly failures: readonly (FailureRecord & { readonly taskManager?: TaskManagerId; readonly host?: string })[]
  readonly error: ErrorData | undefined
  readonly options: Readonly<Record<string, string>>
  readonly recordsRead: number
  readonly counters: Readonly<Record<string, number>>
}

export interface CheckpointRecord {
  readonly checkpoint: CheckpointId
  readonly status: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED'
  readonly triggeredWallMs: number
  readonly endedWallMs: number | undefined
  readonly durationMs: number | undefined
  readonly sizeBytes: number | undefined
  readonly error: ErrorData | undefined
  readonly place: string | undefined
}

export interface CheckpointConfigView {
  readonly mode: 'exactly-once' | 'at-least-once'
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly pauseMinMs: number
  readonly concurrentMax: number
  readonly failuresMax: number
  readonly retained: number
}

export interface TaskManagerView extends TaskManagerFacts {
  readonly slotsFree: number
  readonly lastHeartbeatWallMs: number
  readonly remote: string
  readonly vitals: TaskManagerVitals | undefined
  readonly allocations: readonly { readonly job: JobId; readonly slot: SlotIndex }[]
}

export interface ClusterOverview {
  readonly taskManagers: number
  readonly slotsTotal: number
  readonly slotsFree: number
  readonly jobsRunning: number
  readonly jobsFinished: number
  readonly jobsCancelled: number
  readonly jobsFailed: number
  readonly version: string
  readonly epoch: number
}

export interface Submission {
  readonly artifact: ArtifactHash
  readonly params: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  /** Absolute; relative paths among the parameters are meant from here. Undefined: from where each process runs. */
  readonly workingDirectory?: string
  /** Start over: checkpoints of an earlier run with this name are not used. */
  readonly start: 'continue' | 'fresh'
}

/**
 * All of it may reject with an EngineError: JOB1101 (no such job), JOB1102 (a job with this name runs already), CLU1001 (this JobManager
 * is not the leader; the message names the leader if it is known).
 */
export interface ClusterApi {
  /** Undefined: this JobManager leads. Else where the leader's REST API is, if known. */
  notLeading(): { readonly leaderUrl: string | undefined } | undefined
  overview(): ClusterOverview
  jobs(): readonly JobOverview[]
  job(job: JobId): JobDetail
  taskManagers(): readonly TaskManagerView[]
  /** Stores a bundle; resolves with its hash. The same bytes are stored once. */
  storeArtifact(bytes: Uint8Array): Promise<ArtifactHash>
  submit(submission: Submission): Promise<JobId>
  cancel(job: JobId): Promise<void>
  /** Resolves when the stop has been asked for; the outcome is a state of the job. */
  stop(job: JobId): Promise<void>
  /** Resolves with the id when it has been published. */
  checkpoint(job: JobId): Promise<CheckpointId>
  /** Subtasks that any vertex of the job may have, at the most and at least. */
  setParallelism(job: JobId, bounds: ParallelismBounds): Promise<void>
  parallelism(job: JobId): ParallelismBounds
  taskManagerLog(id: TaskManagerId, bytesMax: number): Promise<string>
  /** The newest lines of this process's own log. */
  log(bytesMax: number): string
  metricsText(): string
}

export interface ParallelismBounds {
  readonly lower: number
  readonly upper: number
}
