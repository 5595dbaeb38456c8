/** Metrics of the cluster, its jobs and their tasks, from what the REST API is shown, too. Pure: changes nothing, asks nobody. */
import type { JobId } from '../base/ids.ts'
import { type Labels, type Sample, samplesOf } from '../metrics/sample.ts'
import { taskSamples } from '../metrics/task-samples.ts'
import {
  PUBLIC_JOB_STATES,
  type ClusterApi,
  type JobDetail,
  type JobOverview,
  type SubtaskStatus,
  type TaskManagerView,
  type VertexDetail,
} from './cluster-api.ts'
import type { JobTimes } from './job-manager-meters.ts'

export interface JobManagerMetricsContext {
  /** Of this JobManager: `id` and `host`. */
  readonly labels: Labels
  readonly nowWallMs: number
  timesOf(job: JobId): JobTimes | undefined
}

const MS_PER_SECOND = 1000

/** Those of the cluster only while this JobManager leads: a standby does not know. */
export function jobManagerMetrics(api: ClusterApi, context: JobManagerMetricsContext): readonly Sample[] {
  const { labels } = context
  if (api.notLeading() !== undefined) return samplesOf(labels, { sluice_jobmanager_leads: 0 })
  const overview = api.overview()
  const jobs = api.jobs()
  return [
    ...samplesOf(labels, {
      sluice_jobmanager_leads: 1,
      sluice_jobmanager_epoch: overview.epoch,
      flink_jobmanager_numRegisteredTaskManagers: overview.taskManagers,
      flink_jobmanager_taskSlotsTotal: overview.slotsTotal,
      flink_jobmanager_taskSlotsAvailable: overview.slotsFree,
      flink_jobmanager_numRunningJobs: overview.jobsRunning,
    }),
    ...PUBLIC_JOB_STATES.flatMap((state) =>
      samplesOf({ ...labels, state }, { sluice_jobmanager_jobs: jobs.filter((job) => job.state === state).length }),
    ),
    ...api.taskManagers().flatMap((view) => taskManagerSamples(view, context.nowWallMs)),
    ...jobs.filter(isAlive).flatMap(({ job }) => jobSamples(api.job(job), context)),
  ]
}

function isAlive({ endedWallMs }: JobOverview): boolean {
  return endedWallMs === undefined
}

function taskManagerSamples(view: TaskManagerView, nowWallMs: number): readonly Sample[] {
  const { vitals, cpuCores } = view
  return samplesOf(
    { tm_id: view.id, host: view.host },
    {
      sluice_taskmanager_memory_bytes: view.memoryBytes,
      sluice_taskmanager_slots: view.slotCount,
      sluice_taskmanager_slots_free: view.slotsFree,
      sluice_taskmanager_heartbeat_age_seconds: Math.max(0, nowWallMs - view.lastHeartbeatWallMs) / MS_PER_SECOND,
      ...(vitals === undefined
        ? {}
        : {
            flink_taskmanager_Status_JVM_CPU_Load: vitals.cpuRatio / cpuCores,
            flink_taskmanager_Status_JVM_Memory_Heap_Used: vitals.heapUsedBytes,
            sluice_taskmanager_event_loop_delay_seconds: vitals.eventLoopDelayMs / MS_PER_SECOND,
          }),
    },
  )
}

function jobSamples(detail: JobDetail, context: JobManagerMetricsContext): readonly Sample[] {
  const labels = { job_id: detail.job, job_name: detail.name }
  const times = context.timesOf(detail.job)
  return [
    ...PUBLIC_JOB_STATES.flatMap((state) =>
      samplesOf({ ...labels, state }, { sluice_job_state: detail.state === state ? 1 : 0 }),
    ),
    ...samplesOf(labels, {
      sluice_job_slots_wanted: detail.slotsWanted,
      sluice_job_slots_held: detail.slotsHeld,
      sluice_job_waits: detail.waiting === undefined ? 0 : 1,
      flink_jobmanager_job_numRestarts: detail.restartCount,
      ...(times === undefined
        ? {}
        : { flink_jobmanager_job_uptime: times.uptimeMs, flink_jobmanager_job_downtime: times.downtimeMs }),
    }),
    ...checkpointSamples(detail, labels, times),
    ...taskStateSamples(detail, labels),
    ...detail.vertices.flatMap((vertex) =>
      vertex.subtasks.flatMap((subtask) => subtaskSamples(labels, vertex, subtask, context.nowWallMs)),
    ),
  ]
}

function checkpointSamples(detail: JobDetail, labels: Labels, times: JobTimes | undefined): readonly Sample[] {
  const { checkpoints, checkpointHistory, checkpointConfig } = detail
  if (checkpoints === undefined || checkpointConfig === undefined) return []
  const last = checkpoints.lastCompleted
  return samplesOf(labels, {
    flink_jobmanager_job_totalNumberOfCheckpoints: checkpoints.triggered,
    flink_jobmanager_job_numberOfCompletedCheckpoints: checkpoints.completed,
    flink_jobmanager_job_numberOfFailedCheckpoints: checkpoints.failed,
    flink_jobmanager_job_numberOfInProgressCheckpoints: checkpointHistory.filter(
      ({ status }) => status === 'IN_PROGRESS',
    ).length,
    ...(times === undefined ? {} : { sluice_job_last_checkpoint_age_seconds: times.checkpointAgeMs / MS_PER_SECOND }),
    ...(last === undefined
      ? {}
      : {
          flink_jobmanager_job_lastCheckpointDuration: last.durationMs,
          flink_jobmanager_job_lastCheckpointSize: last.stateBytes,
          sluice_job_last_checkpoint_alignment_seconds: last.alignmentMaxMs / MS_PER_SECOND,
          sluice_job_last_checkpoint_sync_seconds: last.syncMaxMs / MS_PER_SECOND,
        }),
  })
}

/** Only states that some task is in. */
function taskStateSamples({ vertices }: JobDetail, labels: Labels): readonly Sample[] {
  const byState = Map.groupBy(
    vertices.flatMap(({ subtasks }) => subtasks),
    ({ state }) => state,
  )
  return [...byState].flatMap(([state, tasks]) => samplesOf({ ...labels, state }, { sluice_job_tasks: tasks.length }))
}

function subtaskSamples(
  job: Labels,
  { vertex, name }: VertexDetail,
  { subtask, taskManager, host, report }: SubtaskStatus,
  nowWallMs: number,
): readonly Sample[] {
  if (report === undefined) return []
  const labels = {
    ...job,
    vertex,
    task_name: name,
    subtask_index: String(subtask),
    tm_id: taskManager ?? '',
    host: host ?? '',
  }
  return taskSamples(labels, report, nowWallMs)
}
