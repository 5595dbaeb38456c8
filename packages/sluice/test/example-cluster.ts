/** A ClusterApi in memory: one running job with checkpoints and a failure, one that has finished, one TaskManager. */
import { EngineError, errorToData } from '../src/base/errors.ts'
import {
  type JobId,
  artifactHash,
  attemptNumber,
  checkpointId,
  jobId,
  slotIndex,
  subtaskIndex,
  taskManagerId,
  vertexId,
} from '../src/base/ids.ts'
import type {
  CheckpointRecord,
  ClusterApi,
  JobDetail,
  ParallelismBounds,
  PublicJobState,
  Submission,
  SubtaskStatus,
  TaskManagerView,
  VertexDetail,
} from '../src/jobmanager/cluster-api.ts'

export const RUNNING_JOB = jobId('0123456789abcdef0123456789abcdef')
export const FINISHED_JOB = jobId('fedcba9876543210fedcba9876543210')
export const START_MS = 1_700_000_000_000
const WATERMARK_MS = 1_000_000

export interface ExampleCluster extends ClusterApi {
  /** What was asked for, in order. */
  readonly asked: readonly string[]
  /** From now on a standby. */
  follow(leaderUrl: string | undefined): void
  lead(): void
  /** Replaces fields of a job. */
  change(job: JobId, fields: Partial<JobDetail>): void
  /** Records that the source of the running job has read. */
  read(recordCount: number): void
  /** Ends the wait of `checkpoint`. */
  publish(id: number): void
  failCheckpoint(error: EngineError): void
  /** What happens when a job is stopped. */
  onStop: () => void
}

export function exampleCluster(): ExampleCluster {
  return new InMemoryCluster()
}

class InMemoryCluster implements ExampleCluster {
  readonly asked: string[] = []
  onStop: () => void = () => {}
  readonly #jobs = new Map<JobId, JobDetail>([
    [RUNNING_JOB, runningJob()],
    [FINISHED_JOB, finishedJob()],
  ])
  #standby: ReturnType<ClusterApi['notLeading']>
  #bounds: ParallelismBounds = { lower: 1, upper: 2 }
  #checkpoint: PromiseWithResolvers<ReturnType<typeof checkpointId>> = Promise.withResolvers()

  notLeading(): ReturnType<ClusterApi['notLeading']> {
    return this.#standby
  }

  follow(leaderUrl: string | undefined): void {
    this.#standby = { leaderUrl }
  }

  lead(): void {
    this.#standby = undefined
  }

  change(job: JobId, fields: Partial<JobDetail>): void {
    this.#jobs.set(job, { ...this.job(job), ...fields })
  }

  read(recordCount: number): void {
    this.change(RUNNING_JOB, { vertices: verticesOf(recordCount), recordsRead: recordCount })
  }

  publish(id: number): void {
    this.#checkpoint.resolve(checkpointId(id))
  }

  failCheckpoint(error: EngineError): void {
    this.#checkpoint.reject(error)
  }

  overview(): ReturnType<ClusterApi['overview']> {
    return {
      taskManagers: 1,
      slotsTotal: 2,
      slotsFree: 0,
      jobsRunning: 1,
      jobsFinished: 1,
      jobsCancelled: 0,
      jobsFailed: 0,
      version: '0.1.0',
      epoch: 3,
    }
  }

  jobs(): readonly JobDetail[] {
    return [...this.#jobs.values()]
  }

  job(job: JobId): JobDetail {
    const detail = this.#jobs.get(job)
    if (detail === undefined) throw new EngineError('JOB1101', `there is no job ${job}`)
    return detail
  }

  taskManagers(): readonly TaskManagerView[] {
    return [TASK_MANAGER]
  }

  async storeArtifact(bytes: Uint8Array): Promise<ReturnType<typeof artifactHash>> {
    this.asked.push(`store ${bytes.length} bytes`)
    return artifactHash('a'.repeat(64))
  }

  async submit({ params, start }: Submission): Promise<JobId> {
    if (params['name'] === 'orders') throw new EngineError('JOB1102', 'job "orders" runs already')
    this.asked.push(`submit ${JSON.stringify(params)} ${start}`)
    return RUNNING_JOB
  }

  async cancel(job: JobId): Promise<void> {
    this.asked.push(`cancel ${job}`)
    this.#end(job, 'CANCELED')
  }

  async stop(job: JobId): Promise<void> {
    this.asked.push(`stop ${job}`)
    this.onStop()
  }

  checkpoint(job: JobId): Promise<ReturnType<typeof checkpointId>> {
    this.asked.push(`checkpoint ${job}`)
    return this.#checkpoint.promise
  }

  async setParallelism(_job: JobId, bounds: ParallelismBounds): Promise<void> {
    this.asked.push(`parallelism ${bounds.lower} to ${bounds.upper}`)
    this.#bounds = bounds
  }

  parallelism(): ParallelismBounds {
    return this.#bounds
  }

  async taskManagerLog(): Promise<string> {
    return 'registered\n'
  }

  log(): string {
    return 'leads\n'
  }

  metricsText(): string {
    return '# TYPE sluice_slots gauge\nsluice_slots 2\n'
  }

  #end(job: JobId, state: PublicJobState): void {
    this.change(job, { state, phase: 'canceled', endedWallMs: START_MS + 5000 })
  }
}

const TASK_MANAGER: TaskManagerView = {
  id: taskManagerId('tm-host1-4711-abc'),
  host: 'host1',
  pid: 4711,
  slotCount: 2,
  slotsFree: 0,
  version: '0.1.0',
  memoryBytes: 4_000_000_000,
  cpuCores: 4,
  wallMs: START_MS,
  lastHeartbeatWallMs: START_MS + 900,
  remote: '127.0.0.1:50000',
  vitals: { heapUsedBytes: 50_000_000, cpuRatio: 0.25, eventLoopDelayMs: 1.5, slotsInUse: 2 },
  allocations: [{ job: RUNNING_JOB, slot: slotIndex(0) }],
}

function subtasksOf(vertex: string, records: readonly number[]): readonly SubtaskStatus[] {
  return records.map((recordsIn, index) => ({
    subtask: subtaskIndex(index),
    slot: slotIndex(index),
    taskManager: TASK_MANAGER.id,
    host: TASK_MANAGER.host,
    attempt: 2,
    state: 'RUNNING',
    report: {
      vertex: vertexId(vertex),
      subtask: subtaskIndex(index),
      recordsIn,
      recordsOut: recordsIn * 2,
      watermark: WATERMARK_MS + index,
      busyRatio: 0.25 + index / 4,
      backPressuredRatio: index * 0.4,
      counters: { [`${vertex}/lateRecords`]: 1 },
      pauseMaxMs: 3,
    },
  }))
}

function vertexOf(uid: string, name: string, records: readonly number[], inputs: VertexDetail['inputs']): VertexDetail {
  const total = records.reduce((sum, count) => sum + count, 0)
  return {
    vertex: vertexId(uid),
    name,
    parallelism: records.length,
    maxParallelism: 128,
    wantedParallelism: records.length,
    slotSharingGroup: 'default',
    reportingCount: records.length,
    recordsIn: total,
    recordsOut: total * 2,
    watermark: WATERMARK_MS,
    busyRatio: 0.375,
    busyRatioMax: 0.5,
    backPressuredRatio: 0.2,
    backPressuredRatioMax: 0.4,
    pauseMaxMs: 3,
    counters: { [`${uid}/lateRecords`]: records.length },
    inputs,
    subtasks: subtasksOf(uid, records),
  }
}

function verticesOf(recordCount: number): readonly VertexDetail[] {
  return [
    vertexOf('source', 'read orders', [recordCount], []),
    vertexOf(
      'window-sum',
      'sum by customer',
      [recordCount / 2, recordCount / 2],
      [{ from: vertexId('source'), partitioning: 'hash' }],
    ),
  ]
}

const CHECKPOINTS: readonly CheckpointRecord[] = [
  checkpointOf(1, 'COMPLETED', { durationMs: 40, sizeBytes: 1000, place: '/ckpt/orders/1' }),
  checkpointOf(2, 'FAILED', { error: errorToData(new EngineError('CKP1004', 'no space left')) }),
  checkpointOf(3, 'COMPLETED', { durationMs: 60, sizeBytes: 3000, place: '/ckpt/orders/3' }),
  checkpointOf(4, 'IN_PROGRESS', {}),
]

function checkpointOf(
  id: number,
  status: CheckpointRecord['status'],
  known: Partial<CheckpointRecord>,
): CheckpointRecord {
  const triggeredWallMs = START_MS + id * 1000
  return {
    checkpoint: checkpointId(id),
    status,
    triggeredWallMs,
    endedWallMs: status === 'IN_PROGRESS' ? undefined : triggeredWallMs + 50,
    durationMs: undefined,
    sizeBytes: undefined,
    error: undefined,
    place: undefined,
    ...known,
  }
}

function runningJob(): JobDetail {
  return {
    job: RUNNING_JOB,
    name: 'orders',
    state: 'RUNNING',
    phase: 'running',
    startedWallMs: START_MS,
    endedWallMs: undefined,
    timestamps: { INITIALIZING: START_MS, RUNNING: START_MS + 300 },
    attempt: 2,
    restartCount: 1,
    waiting: undefined,
    spec: {
      job: RUNNING_JOB,
      name: 'orders',
      artifact: artifactHash('a'.repeat(64)),
      params: { input: 'orders.jsonl', apiKey: 'k-123', sink: 'kafka://me:hunter2@broker/orders', region: 'eu' },
      layers: [],
      storageRoot: '/ckpt/orders',
    },
    vertices: verticesOf(1000),
    slotsWanted: 2,
    slotsHeld: 2,
    checkpoints: {
      triggered: 4,
      completed: 2,
      failed: 1,
      ignored: 0,
      lastCompleted: {
        checkpoint: checkpointId(3),
        durationMs: 60,
        stateBytes: 3000,
        alignmentMaxMs: 5,
        syncMaxMs: 1,
        asyncMaxMs: 20,
      },
      lastFailed: undefined,
    },
    checkpointHistory: CHECKPOINTS,
    checkpointConfig: {
      mode: 'exactly-once',
      intervalMs: 1000,
      timeoutMs: 60_000,
      pauseMinMs: 0,
      concurrentMax: 1,
      failuresMax: 5,
      retained: 3,
    },
    restoredCheckpoint: checkpointId(1),
    failures: [
      {
        error: errorToData(
          new EngineError('TSK1001', 'a user function threw: boom', { context: { operator: 'window-sum' } }),
        ),
        vertex: vertexId('window-sum'),
        subtask: subtaskIndex(1),
        slot: slotIndex(1),
        attempt: attemptNumber(1),
        wallMs: START_MS + 1500,
        restoredCheckpoint: undefined,
        mergedCount: 0,
        taskManager: TASK_MANAGER.id,
        host: TASK_MANAGER.host,
      },
    ],
    error: undefined,
    options: { parallelism: '2', 'restart.strategy': 'fixed-delay' },
    recordsRead: 1000,
    counters: { 'window-sum/lateRecords': 2 },
  }
}

function finishedJob(): JobDetail {
  const running = runningJob()
  return {
    ...running,
    job: FINISHED_JOB,
    name: 'backfill',
    state: 'FINISHED',
    phase: 'finished',
    endedWallMs: START_MS + 4000,
    spec: { ...running.spec, job: FINISHED_JOB, name: 'backfill' },
    vertices: [],
    checkpoints: undefined,
    checkpointConfig: undefined,
    checkpointHistory: [],
    failures: [],
    restoredCheckpoint: undefined,
  }
}
