/**
 * Every metric of Sluice, in the order in which they are written. docs/guide/observability.md explains the same list.
 *
 * Where Flink's Prometheus reporter has a metric, it has that name, unit and meaning here; metrics of Node.js have the names that its
 * Prometheus clients use; all others begin with `sluice_` and use seconds and bytes.
 */

/** `counter`: only grows, until the process, the job or the attempt starts anew. `summary`: quantiles over the newest observations. */
export type MetricKind = 'counter' | 'gauge' | 'summary'

export interface MetricRow {
  readonly kind: MetricKind
  readonly unit: MetricUnit
  readonly help: string
  readonly labels: readonly string[]
}

type MetricUnit = '' | 's' | 'ms' | 'bytes' | 'records' | 'ms of event time' | 'ms/s' | '0 or 1' | 'ratio'

const PROCESS = ['role', 'id', 'host'] as const
const JOB_MANAGER = ['id', 'host'] as const
const TASK_MANAGER = ['tm_id', 'host'] as const
const JOB = ['job_id', 'job_name'] as const
const TASK = [...JOB, 'vertex', 'task_name', 'subtask_index', 'tm_id', 'host'] as const

export const METRICS = {
  // Every process
  sluice_build_info: {
    kind: 'gauge',
    unit: '',
    help: 'Always 1; the version is a label.',
    labels: [...PROCESS, 'version'],
  },
  process_start_time_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'When the process started, since 1970.',
    labels: PROCESS,
  },
  process_cpu_seconds_total: {
    kind: 'counter',
    unit: 's',
    help: 'CPU time of the process, all its threads.',
    labels: PROCESS,
  },
  process_resident_memory_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Memory of the process, all its threads.',
    labels: PROCESS,
  },
  nodejs_heap_size_used_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Heap of the main thread in use; slots have heaps of their own.',
    labels: PROCESS,
  },
  nodejs_heap_size_total_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Heap of the main thread.',
    labels: PROCESS,
  },
  nodejs_external_memory_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Memory outside of the heap of the main thread: buffers.',
    labels: PROCESS,
  },
  sluice_event_loop_delay_seconds: {
    kind: 'summary',
    unit: 's',
    help: 'How late the main thread was, the worst of each second, over the last minute.',
    labels: PROCESS,
  },
  sluice_log_lines_total: { kind: 'counter', unit: '', help: 'Lines logged.', labels: [...PROCESS, 'level'] },

  // JobManager
  sluice_jobmanager_leads: {
    kind: 'gauge',
    unit: '0 or 1',
    help: 'Whether this JobManager leads the cluster.',
    labels: JOB_MANAGER,
  },
  sluice_jobmanager_epoch: {
    kind: 'gauge',
    unit: '',
    help: 'Number of the leader; grows with each.',
    labels: JOB_MANAGER,
  },
  sluice_jobmanager_leadership_losses_total: {
    kind: 'counter',
    unit: '',
    help: 'Times that this JobManager led and had to stop.',
    labels: JOB_MANAGER,
  },
  sluice_jobmanager_connections_refused_total: {
    kind: 'counter',
    unit: '',
    help: 'Connections to the control port that did not come as far as to register.',
    labels: JOB_MANAGER,
  },
  sluice_jobmanager_task_manager_faults_total: {
    kind: 'counter',
    unit: '',
    help: 'Times that something was wrong with a TaskManager: lost, silent, refused.',
    labels: JOB_MANAGER,
  },
  flink_jobmanager_Status_JVM_CPU_Load: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Share of the CPU cores of the machine that the process used lately.',
    labels: JOB_MANAGER,
  },
  flink_jobmanager_Status_JVM_Memory_Heap_Used: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Heap in use.',
    labels: JOB_MANAGER,
  },
  flink_jobmanager_Status_JVM_Memory_Heap_Max: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Largest heap that Node.js allows.',
    labels: JOB_MANAGER,
  },

  // The cluster, from the leader
  flink_jobmanager_numRegisteredTaskManagers: {
    kind: 'gauge',
    unit: '',
    help: 'TaskManagers that are registered.',
    labels: JOB_MANAGER,
  },
  flink_jobmanager_taskSlotsTotal: { kind: 'gauge', unit: '', help: 'Slots of all TaskManagers.', labels: JOB_MANAGER },
  flink_jobmanager_taskSlotsAvailable: {
    kind: 'gauge',
    unit: '',
    help: 'Slots that no job has.',
    labels: JOB_MANAGER,
  },
  flink_jobmanager_numRunningJobs: { kind: 'gauge', unit: '', help: 'Jobs that have not ended.', labels: JOB_MANAGER },
  sluice_jobmanager_jobs: {
    kind: 'gauge',
    unit: '',
    help: 'Jobs by state; ended ones as long as they are remembered.',
    labels: [...JOB_MANAGER, 'state'],
  },

  // TaskManagers, from the leader and from themselves
  flink_taskmanager_Status_JVM_CPU_Load: {
    kind: 'gauge',
    unit: 'ratio',
    help: 'Share of the CPU cores of the machine that the process used lately.',
    labels: TASK_MANAGER,
  },
  flink_taskmanager_Status_JVM_Memory_Heap_Used: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Heap of the main thread in use; slots have heaps of their own.',
    labels: TASK_MANAGER,
  },
  sluice_taskmanager_event_loop_delay_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'How late the main thread was at the most between the last two heartbeats.',
    labels: TASK_MANAGER,
  },
  sluice_taskmanager_memory_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Memory of the machine or container.',
    labels: TASK_MANAGER,
  },
  sluice_taskmanager_slots: { kind: 'gauge', unit: '', help: 'Slots of the TaskManager.', labels: TASK_MANAGER },
  sluice_taskmanager_slots_free: { kind: 'gauge', unit: '', help: 'Slots that no job has.', labels: TASK_MANAGER },
  sluice_taskmanager_heartbeat_age_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'Time since the last heartbeat came.',
    labels: TASK_MANAGER,
  },
  sluice_taskmanager_registered: {
    kind: 'gauge',
    unit: '0 or 1',
    help: 'Whether a leading JobManager has this TaskManager.',
    labels: TASK_MANAGER,
  },
  sluice_taskmanager_disconnects_total: {
    kind: 'counter',
    unit: '',
    help: 'Times that the TaskManager lost its leader and ended all slots.',
    labels: TASK_MANAGER,
  },
  sluice_taskmanager_slot_starts_total: { kind: 'counter', unit: '', help: 'Slots started.', labels: TASK_MANAGER },
  sluice_taskmanager_slot_losses_total: {
    kind: 'counter',
    unit: '',
    help: 'Slots that ended without being told to.',
    labels: TASK_MANAGER,
  },
  sluice_taskmanager_messages_dropped_total: {
    kind: 'counter',
    unit: '',
    help: 'Messages for slots that had ended.',
    labels: TASK_MANAGER,
  },

  // Jobs that have not ended
  sluice_job_state: {
    kind: 'gauge',
    unit: '0 or 1',
    help: 'Whether the job is in this state.',
    labels: [...JOB, 'state'],
  },
  sluice_job_tasks: { kind: 'gauge', unit: '', help: 'Tasks by state.', labels: [...JOB, 'state'] },
  sluice_job_slots_wanted: { kind: 'gauge', unit: '', help: 'Slots that the job asks for.', labels: JOB },
  sluice_job_slots_held: { kind: 'gauge', unit: '', help: 'Slots that the job has.', labels: JOB },
  sluice_job_waits: {
    kind: 'gauge',
    unit: '0 or 1',
    help: 'Whether the job waits for something, slots most of all.',
    labels: JOB,
  },
  flink_jobmanager_job_numRestarts: {
    kind: 'counter',
    unit: '',
    help: 'Restarts since the job was submitted.',
    labels: JOB,
  },
  flink_jobmanager_job_uptime: {
    kind: 'gauge',
    unit: 'ms',
    help: 'How long the job has been RUNNING without a break; 0 while it is not.',
    labels: JOB,
  },
  flink_jobmanager_job_downtime: {
    kind: 'gauge',
    unit: 'ms',
    help: 'How long the job has not been RUNNING; 0 while it is.',
    labels: JOB,
  },

  // Checkpoints of jobs that take any
  flink_jobmanager_job_totalNumberOfCheckpoints: {
    kind: 'counter',
    unit: '',
    help: 'Checkpoints triggered.',
    labels: JOB,
  },
  flink_jobmanager_job_numberOfCompletedCheckpoints: {
    kind: 'counter',
    unit: '',
    help: 'Checkpoints that can be restored.',
    labels: JOB,
  },
  flink_jobmanager_job_numberOfFailedCheckpoints: {
    kind: 'counter',
    unit: '',
    help: 'Checkpoints that failed.',
    labels: JOB,
  },
  flink_jobmanager_job_numberOfInProgressCheckpoints: {
    kind: 'gauge',
    unit: '',
    help: 'Checkpoints under way.',
    labels: JOB,
  },
  flink_jobmanager_job_lastCheckpointDuration: {
    kind: 'gauge',
    unit: 'ms',
    help: 'Of the last completed checkpoint, from the trigger to the decision.',
    labels: JOB,
  },
  flink_jobmanager_job_lastCheckpointSize: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'State of the last completed checkpoint.',
    labels: JOB,
  },
  sluice_job_last_checkpoint_age_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'Since a checkpoint completed; before the first one under this leader, since the leader has had the job.',
    labels: JOB,
  },
  sluice_job_last_checkpoint_alignment_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'Longest alignment of a task in the last completed checkpoint.',
    labels: JOB,
  },
  sluice_job_last_checkpoint_sync_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'Longest time that a task stood still for the last completed checkpoint.',
    labels: JOB,
  },
  sluice_job_checkpoint_duration_seconds: {
    kind: 'summary',
    unit: 's',
    help: 'Durations of the completed checkpoints under this leader.',
    labels: JOB,
  },

  // Tasks that have reported
  flink_taskmanager_job_task_numRecordsIn: {
    kind: 'counter',
    unit: 'records',
    help: 'Records read, in this attempt.',
    labels: TASK,
  },
  flink_taskmanager_job_task_numRecordsOut: {
    kind: 'counter',
    unit: 'records',
    help: 'Records sent to other tasks, in this attempt.',
    labels: TASK,
  },
  flink_taskmanager_job_task_busyTimeMsPerSecond: {
    kind: 'gauge',
    unit: 'ms/s',
    help: 'Time that the task worked.',
    labels: TASK,
  },
  flink_taskmanager_job_task_backPressuredTimeMsPerSecond: {
    kind: 'gauge',
    unit: 'ms/s',
    help: 'Time that the task could not go on because of what follows it.',
    labels: TASK,
  },
  flink_taskmanager_job_task_idleTimeMsPerSecond: {
    kind: 'gauge',
    unit: 'ms/s',
    help: 'Time that the task had nothing to do.',
    labels: TASK,
  },
  flink_taskmanager_job_task_operator_currentOutputWatermark: {
    kind: 'gauge',
    unit: 'ms of event time',
    help: 'Watermark of the task; there is none before the first one and after the end of the input.',
    labels: [...TASK, 'operator_name'],
  },
  sluice_task_watermark_lag_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'How far the watermark is behind the wall clock.',
    labels: TASK,
  },
  sluice_task_pause_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'Longest time that the task kept its thread, since the report before.',
    labels: TASK,
  },
  flink_taskmanager_job_task_operator_numLateRecordsDropped: {
    kind: 'counter',
    unit: 'records',
    help: 'Records that came too late for their window, in this attempt.',
    labels: [...TASK, 'operator_name'],
  },
  sluice_task_operator_count_total: {
    kind: 'counter',
    unit: '',
    help: 'Counters of operators by name, in this attempt; those of user functions among them.',
    labels: [...TASK, 'operator_name', 'counter'],
  },
  sluice_task_snapshot_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'State that the task wrote for the last checkpoint.',
    labels: TASK,
  },
  sluice_task_snapshot_sync_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'How long the task stood still for the last checkpoint.',
    labels: TASK,
  },
  sluice_task_snapshot_alignment_seconds: {
    kind: 'gauge',
    unit: 's',
    help: 'From the first barrier to the last one at the last checkpoint.',
    labels: TASK,
  },
} as const satisfies Readonly<Record<string, MetricRow>>

export type MetricName = keyof typeof METRICS

/** In the order of the table. */
export const METRIC_NAMES = Object.keys(METRICS).filter(isMetricName)

export function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name)
}

export function metricRow(name: MetricName): MetricRow {
  return METRICS[name]
}
