/** What the REST API shows of jobs and of the cluster. Pure: reads objects of this process, changes nothing. */
import type { SlotIndex, TaskManagerId } from '../base/ids.ts'
import type { Partitioning } from '../graph/logical-graph.ts'
import type { JobVertex } from '../graph/job-graph.ts'
import type {
  CheckpointConfigView,
  ClusterOverview,
  JobDetail,
  JobOverview,
  PublicJobState,
  SubtaskStatus,
  TaskManagerView,
  VertexDetail,
} from './cluster-api.ts'
import type { ClusterJob, LoadedJob } from './cluster-job.ts'
import type { EndedJob } from './dispatcher.ts'
import type { FailureRecord } from './job-events.ts'
import type { JobMaster } from './job-control.ts'
import type { TaskStatus } from './job-status.ts'

export function clusterOverview(
  jobs: readonly JobOverview[],
  taskManagers: readonly TaskManagerView[],
  { epoch, version }: { readonly epoch: number; readonly version: string },
): ClusterOverview {
  const count = (...states: readonly PublicJobState[]): number =>
    jobs.filter(({ state }) => states.includes(state)).length
  const finished = count('FINISHED')
  const cancelled = count('CANCELED')
  const failed = count('FAILED')
  return {
    taskManagers: taskManagers.length,
    slotsTotal: taskManagers.reduce((sum, { slotCount }) => sum + slotCount, 0),
    slotsFree: taskManagers.reduce((sum, { slotsFree }) => sum + slotsFree, 0),
    jobsRunning: jobs.length - finished - cancelled - failed,
    jobsFinished: finished,
    jobsCancelled: cancelled,
    jobsFailed: failed,
    version,
    epoch,
  }
}

export function overviewOf(job: ClusterJob): JobOverview {
  const { phase, spec, state, submittedWallMs, timestamps } = job
  const status = masterOf(job)?.status()
  return {
    job: spec.job,
    name: spec.name,
    state,
    phase: phase.kind === 'ended' ? phase.end.outcome : (status?.state ?? 'created'),
    startedWallMs: submittedWallMs,
    endedWallMs: phase.kind === 'ended' ? phase.end.endedWallMs : undefined,
    timestamps,
    attempt: status?.attempt ?? 0,
    restartCount: status?.restartCount ?? 0,
    waiting: phase.kind === 'starting' ? phase.waiting : status?.waiting,
  }
}

/** Of a job that ended under an earlier leader. */
export function endedOverview({ spec, submittedWallMs, end }: EndedJob): JobOverview {
  return {
    job: spec.job,
    name: spec.name,
    state: end.state,
    phase: end.outcome,
    startedWallMs: submittedWallMs,
    endedWallMs: end.endedWallMs,
    timestamps: { INITIALIZING: submittedWallMs, [end.state]: end.endedWallMs },
    attempt: end.restartCount,
    restartCount: end.restartCount,
    waiting: undefined,
  }
}

export function detailOf(job: ClusterJob, taskManagers: readonly TaskManagerView[]): JobDetail {
  const { phase, spec } = job
  const master = masterOf(job)
  const loaded = phase.kind === 'starting' ? undefined : phase.loaded
  const status = master?.status()
  const places = placesOf(job, taskManagers)
  return {
    ...overviewOf(job),
    spec,
    vertices: loaded === undefined || master === undefined ? [] : verticesOf(loaded, master, places),
    slotsWanted: status?.slotsWanted ?? 0,
    slotsHeld: phase.kind === 'ended' ? 0 : (status?.slotsHeld ?? 0),
    checkpoints: status?.checkpoints,
    checkpointHistory: status?.checkpointHistory ?? [],
    checkpointConfig: loaded === undefined ? undefined : checkpointConfigOf(loaded),
    restoredCheckpoint: status?.restoredCheckpoint,
    failures: (status?.failures ?? []).map((failure) => placed(failure, places)),
    error: phase.kind === 'ended' ? phase.end.error : undefined,
    options: loaded?.optionTexts ?? {},
    recordsRead: status?.recordsRead ?? (phase.kind === 'ended' ? phase.end.recordsRead : 0),
    counters: status?.counters ?? {},
  }
}

export function endedDetail(ended: EndedJob): JobDetail {
  const { spec, end } = ended
  return {
    ...endedOverview(ended),
    spec,
    vertices: [],
    slotsWanted: 0,
    slotsHeld: 0,
    checkpoints: undefined,
    checkpointHistory: [],
    checkpointConfig: undefined,
    restoredCheckpoint: undefined,
    failures: [],
    error: end.error,
    options: {},
    recordsRead: end.recordsRead,
    counters: {},
  }
}

interface SlotPlace {
  readonly taskManager: TaskManagerId
  readonly host: string | undefined
}

type Places = (slot: SlotIndex | undefined) => SlotPlace | undefined

function masterOf({ phase }: ClusterJob): JobMaster | undefined {
  return phase.kind === 'starting' ? undefined : phase.master
}

function placesOf({ phase }: ClusterJob, taskManagers: readonly TaskManagerView[]): Places {
  if (phase.kind !== 'running') return () => undefined
  const hosts = new Map(taskManagers.map(({ id, host }) => [id, host]))
  return (slot) => {
    const taskManager = slot === undefined ? undefined : phase.pool.placeOf(slot)
    return taskManager === undefined ? undefined : { taskManager, host: hosts.get(taskManager) }
  }
}

function verticesOf({ graph }: LoadedJob, master: JobMaster, places: Places): readonly VertexDetail[] {
  const tasks = Map.groupBy(master.tasks(), ({ vertex }) => vertex)
  const wanted = new Map(graph.vertices.map((vertex) => [vertex.id, vertex]))
  return master.status().vertices.map((status) => {
    const vertex = wanted.get(status.vertex)
    return {
      ...status,
      maxParallelism: vertex?.maxParallelism ?? status.parallelism,
      wantedParallelism: vertex?.parallelism ?? status.parallelism,
      slotSharingGroup: vertex?.slotSharingGroup ?? 'default',
      inputs: inputsOf(graph, vertex),
      subtasks: (tasks.get(status.vertex) ?? []).map((task) => subtaskOf(task, places)),
    }
  })
}

function inputsOf(graph: LoadedJob['graph'], vertex: JobVertex | undefined): VertexDetail['inputs'] {
  return (vertex?.inputs ?? []).flatMap((index) => {
    const edge = graph.edges[index]
    return edge === undefined ? [] : [{ from: edge.from, partitioning: kindOf(edge.partitioning) }]
  })
}

function kindOf({ kind }: Partitioning): string {
  return kind
}

function subtaskOf({ subtask, slot, attempt, state, report }: TaskStatus, places: Places): SubtaskStatus {
  const place = places(slot)
  return { subtask, slot, taskManager: place?.taskManager, host: place?.host, attempt, state, report }
}

/** Where it is now: a slot that was lost is shown where it was last. */
function placed(failure: FailureRecord, places: Places): JobDetail['failures'][number] {
  const place = places(failure.slot)
  if (place === undefined) return failure
  return { ...failure, taskManager: place.taskManager, ...(place.host === undefined ? {} : { host: place.host }) }
}

function checkpointConfigOf({ options }: LoadedJob): CheckpointConfigView | undefined {
  const { intervalMs, mode, timeoutMs, pauseMinMs, concurrentMax, failuresMax, retained } = options.checkpoint
  if (intervalMs === 'off') return undefined
  return { mode, intervalMs, timeoutMs, pauseMinMs, concurrentMax, failuresMax, retained }
}
