/**
 * What the REST API answers and takes: the names and shapes of Apache Flink's REST API, as far as its command line, dashboard, Kubernetes
 * operator and autoscaler read them. What Flink has no word for is under `sluice`. Imports nothing, so that any client can use it.
 */

export type JobState =
  | 'INITIALIZING'
  | 'CREATED'
  | 'RUNNING'
  | 'FAILING'
  | 'FAILED'
  | 'CANCELLING'
  | 'CANCELED'
  | 'FINISHED'
  | 'RESTARTING'
  | 'SUSPENDED'

export type TaskState =
  | 'CREATED'
  | 'SCHEDULED'
  | 'DEPLOYING'
  | 'INITIALIZING'
  | 'RUNNING'
  | 'FINISHED'
  | 'CANCELING'
  | 'CANCELED'
  | 'FAILED'
  | 'RECONCILING'

/** Every answer that is not the one asked for. */
export interface ErrorBody {
  readonly errors: readonly string[]
  /** Of docs/errors; absent for errors of HTTP itself. */
  readonly code?: string
}

// --- cluster

export interface DashboardConfig {
  readonly 'refresh-interval': number
  readonly 'timezone-name': string
  readonly 'timezone-offset': number
  readonly 'flink-version': string
  readonly 'flink-revision': string
  readonly features: {
    readonly 'web-submit': boolean
    readonly 'web-cancel': boolean
    readonly 'web-rescale': boolean
    readonly 'web-history': boolean
  }
}

export interface ClusterOverviewBody {
  readonly taskmanagers: number
  readonly 'slots-total': number
  readonly 'slots-available': number
  readonly 'jobs-running': number
  readonly 'jobs-finished': number
  readonly 'jobs-cancelled': number
  readonly 'jobs-failed': number
  readonly 'flink-version': string
  readonly 'flink-commit': string
  readonly sluice: { readonly version: string; readonly epoch: number }
}

export interface HealthBody {
  readonly status: 'ok'
  readonly role: 'leader' | 'standby'
  readonly leader: string | null
  readonly version: string
}

export interface TaskManagerSummary {
  readonly id: string
  /** Host and process, for people. */
  readonly path: string
  readonly dataPort: number
  readonly jmxPort: number
  /** Wall milliseconds of the last heartbeat, as in Flink. */
  readonly timeSinceLastHeartbeat: number
  readonly slotsNumber: number
  readonly freeSlots: number
  readonly hardware: TaskManagerHardware
  readonly sluice: {
    readonly host: string
    readonly pid: number
    readonly version: string
    readonly remote: string
    readonly cpuRatio: number | null
    readonly eventLoopDelayMs: number | null
  }
}

interface TaskManagerHardware {
  readonly cpuCores: number
  readonly physicalMemory: number
  readonly freeMemory: number
  readonly managedMemory: number
}

export interface TaskManagersBody {
  readonly taskmanagers: readonly TaskManagerSummary[]
}

export interface TaskManagerDetails extends TaskManagerSummary {
  readonly allocatedSlots: readonly { readonly jobId: string; readonly slot: number }[]
  readonly metrics: { readonly heapUsed: number; readonly heapMax: number }
}

// --- jobs

export interface JobIdsBody {
  readonly jobs: readonly { readonly id: string; readonly status: JobState }[]
}

export interface TaskCounts {
  readonly total: number
  readonly created: number
  readonly scheduled: number
  readonly deploying: number
  readonly running: number
  readonly finished: number
  readonly canceling: number
  readonly canceled: number
  readonly failed: number
  readonly reconciling: number
  readonly initializing: number
}

export interface JobSummary {
  readonly jid: string
  readonly name: string
  readonly state: JobState
  readonly 'start-time': number
  /** -1 while it lives. */
  readonly 'end-time': number
  readonly duration: number
  readonly 'last-modification': number
  readonly tasks: TaskCounts
  readonly sluice: JobPhaseBody
}

export interface JobPhaseBody {
  /** What it is doing, more exactly than `state`. */
  readonly phase: string
  readonly attempt: number
  readonly restartCount: number
  /** What it waits for; null when it does not. */
  readonly waiting: string | null
}

export interface JobsOverviewBody {
  readonly jobs: readonly JobSummary[]
}

export interface JobStatusBody {
  readonly status: JobState
}

export interface JobDetails {
  readonly jid: string
  readonly name: string
  readonly isStoppable: boolean
  readonly state: JobState
  readonly 'job-type': 'STREAMING'
  readonly schedulerType: 'Adaptive'
  readonly 'start-time': number
  readonly 'end-time': number
  readonly duration: number
  readonly maxParallelism: number
  readonly now: number
  /** When each state was entered last; 0: never. */
  readonly timestamps: Readonly<Record<string, number>>
  readonly vertices: readonly VertexSummary[]
  readonly 'status-counts': Readonly<Record<string, number>>
  readonly plan: JobPlan
  readonly sluice: JobExtension
}

export interface JobExtension extends JobPhaseBody {
  readonly artifact: string
  readonly params: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly slotsWanted: number
  readonly slotsHeld: number
  readonly restoredCheckpoint: number | null
  readonly recordsRead: number
  /** Sums by `uid/name`. */
  readonly counters: Readonly<Record<string, number>>
  readonly checkpoints: CheckpointCounts | null
  readonly error: ErrorView | null
}

export interface CheckpointCounts {
  readonly completed: number
  readonly failed: number
  readonly last: {
    readonly checkpoint: number
    readonly durationMs: number
    readonly stateBytes: number
    readonly alignmentMaxMs: number
    readonly syncMaxMs: number
    readonly asyncMaxMs: number
  } | null
}

export interface ErrorView {
  readonly code: string
  readonly message: string
  readonly context: Readonly<Record<string, string | number>>
  readonly stack: string | null
}

export interface JobPlan {
  readonly jid: string
  readonly name: string
  readonly type: 'STREAMING'
  readonly nodes: readonly PlanNode[]
}

export interface JobPlanBody {
  readonly plan: JobPlan
}

interface PlanNode {
  readonly id: string
  readonly parallelism: number
  readonly operator: string
  readonly operator_strategy: string
  readonly description: string
  readonly inputs: readonly {
    readonly num: number
    readonly id: string
    readonly ship_strategy: string
    readonly exchange: string
  }[]
}

export interface JobConfigBody {
  readonly jid: string
  readonly name: string
  readonly 'execution-config': {
    readonly 'execution-mode': 'PIPELINED'
    readonly 'restart-strategy': string
    readonly 'job-parallelism': number
    readonly 'object-reuse-mode': boolean
    readonly 'user-config': Readonly<Record<string, string>>
  }
}

export interface FailureCause {
  readonly class: string
  readonly 'stack-trace': string
}

export interface ExecutionResultBody {
  readonly status: { readonly id: 'IN_PROGRESS' | 'COMPLETED' }
  readonly 'job-execution-result'?: {
    readonly id: string
    readonly 'application-status': 'SUCCEEDED' | 'FAILED' | 'CANCELED' | 'UNKNOWN'
    readonly 'accumulator-results': Readonly<Record<string, string>>
    readonly 'net-runtime': number
    readonly 'failure-cause'?: FailureCause
  }
}

export interface ExceptionsBody {
  readonly exceptionHistory: { readonly entries: readonly ExceptionEntry[]; readonly truncated: boolean }
}

export interface ExceptionEntry {
  readonly exceptionName: string
  readonly stacktrace: string
  readonly timestamp: number
  readonly failureLabels: Readonly<Record<string, string>>
  readonly taskName: string | null
  readonly endpoint: string | null
  readonly taskManagerId: string | null
  readonly concurrentExceptions: readonly never[]
  readonly sluice: {
    readonly code: string
    readonly attempt: number
    readonly restoredCheckpoint: number | null
    readonly mergedCount: number
  }
}

/** Lower and upper bound of the parallelism, by vertex. */
export type ResourceRequirements = Readonly<
  Record<string, { readonly parallelism: { readonly lowerBound: number; readonly upperBound: number } }>
>

// --- vertices

export interface VertexMetrics {
  readonly 'read-bytes': number
  readonly 'read-bytes-complete': boolean
  readonly 'write-bytes': number
  readonly 'write-bytes-complete': boolean
  readonly 'read-records': number
  readonly 'read-records-complete': boolean
  readonly 'write-records': number
  readonly 'write-records-complete': boolean
  readonly 'accumulated-backpressured-time': number
  readonly 'accumulated-idle-time': number
  readonly 'accumulated-busy-time': number
}

export interface VertexSummary {
  /** 32 hexadecimal digits, made from the uid. Paths take the uid too. */
  readonly id: string
  /** 32 hexadecimal digits, made from the name of the group. */
  readonly slotSharingGroupId: string
  readonly name: string
  readonly maxParallelism: number
  readonly parallelism: number
  readonly status: TaskState
  readonly 'start-time': number
  readonly 'end-time': number
  readonly duration: number
  readonly tasks: Readonly<Record<string, number>>
  readonly metrics: VertexMetrics
  readonly sluice: VertexExtension
}

interface VertexExtension {
  readonly uid: string
  readonly wantedParallelism: number
  /** Vertices of different groups never share a slot. */
  readonly slotSharingGroup: string
  readonly reportingCount: number
  /** Milliseconds; `none` before the first and `end` behind the last record. */
  readonly watermark: number | 'none' | 'end'
  readonly busyRatio: number
  readonly busyRatioMax: number
  readonly backPressuredRatio: number
  readonly backPressuredRatioMax: number
  readonly pauseMaxMs: number
  readonly counters: Readonly<Record<string, number>>
}

export interface VertexDetails {
  readonly id: string
  readonly name: string
  readonly parallelism: number
  readonly maxParallelism: number
  readonly now: number
  readonly subtasks: readonly SubtaskView[]
}

export interface SubtaskView {
  readonly subtask: number
  readonly status: TaskState
  readonly attempt: number
  readonly endpoint: string
  readonly 'taskmanager-id': string
  readonly 'start-time': number
  readonly 'end-time': number
  readonly duration: number
  readonly metrics: VertexMetrics
  readonly 'status-duration': Readonly<Record<string, number>>
  readonly sluice: { readonly slot: number | null }
}

export type BackPressureLevel = 'ok' | 'low' | 'high'

export interface BackPressureBody {
  readonly status: 'ok' | 'deprecated'
  readonly backpressureLevel: BackPressureLevel
  readonly 'end-timestamp': number
  readonly subtasks: readonly {
    readonly subtask: number
    readonly 'attempt-number': number
    readonly backpressureLevel: BackPressureLevel
    readonly ratio: number
    readonly idleRatio: number
    readonly busyRatio: number
  }[]
}

/** A name alone when nothing was asked for with `get`. */
export interface MetricValue {
  readonly id: string
  readonly value?: string
}

export interface AggregatedMetric {
  readonly id: string
  readonly min?: number
  readonly max?: number
  readonly avg?: number
  readonly sum?: number
  readonly skew?: number
}

// --- what is asked for

export interface SubmitBody {
  /** SHA-256 of the bundle, as `POST /artifacts` gave it. */
  readonly artifact: string
  readonly params: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly start: 'continue' | 'fresh'
  /** Absolute; relative paths among the parameters are meant from here. */
  readonly workingDirectory?: string
}

export interface SubmittedBody {
  readonly jobid: string
}

export interface ArtifactBody {
  readonly artifact: string
  readonly size: number
}
