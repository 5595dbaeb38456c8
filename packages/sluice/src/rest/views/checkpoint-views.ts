/** What the API shows of the checkpoints of a job. Pure. */
import type { CheckpointConfigView, CheckpointRecord, JobDetail } from '../../jobmanager/cluster-api.ts'
import type { CheckpointConfigBody, CheckpointView, CheckpointsBody, Distribution } from '../checkpoint-types.ts'

const CLASS_OF = { IN_PROGRESS: 'in_progress', COMPLETED: 'completed', FAILED: 'failed' } as const

export function checkpointViewOf(record: CheckpointRecord, subtaskCount: number): CheckpointView {
  const { status, triggeredWallMs, endedWallMs, sizeBytes = 0, error } = record
  const failedAt = status === 'FAILED' ? (endedWallMs ?? triggeredWallMs) : null
  return {
    '@class': CLASS_OF[status],
    id: record.checkpoint,
    status,
    is_savepoint: false,
    savepointFormat: null,
    checkpoint_type: 'CHECKPOINT',
    trigger_timestamp: triggeredWallMs,
    latest_ack_timestamp: status === 'COMPLETED' ? (endedWallMs ?? -1) : -1,
    checkpointed_size: sizeBytes,
    state_size: sizeBytes,
    end_to_end_duration: record.durationMs ?? 0,
    alignment_buffered: 0,
    processed_data: 0,
    persisted_data: 0,
    num_subtasks: subtaskCount,
    num_acknowledged_subtasks: status === 'COMPLETED' ? subtaskCount : 0,
    tasks: {},
    external_path: record.place ?? null,
    discarded: false,
    failure_timestamp: failedAt,
    failure_message: error === undefined ? null : `[${error.code}] ${error.message}`,
  }
}

export function checkpointsOf(detail: JobDetail): CheckpointsBody {
  const { checkpointHistory, checkpoints, restoredCheckpoint } = detail
  const subtaskCount = detail.vertices.reduce((sum, { parallelism }) => sum + parallelism, 0)
  const history = checkpointHistory.toReversed().map((record) => checkpointViewOf(record, subtaskCount))
  const newest = (status: CheckpointView['status']) => history.find((view) => view.status === status) ?? null
  const running = history.filter(({ status }) => status === 'IN_PROGRESS').length
  const { completed = 0, failed = 0 } = checkpoints ?? {}
  return {
    counts: {
      restored: restoredCheckpoint === undefined ? 0 : 1,
      total: completed + failed + running,
      in_progress: running,
      completed,
      failed,
    },
    summary: summaryOf(history.filter(({ status }) => status === 'COMPLETED')),
    latest: { completed: newest('COMPLETED'), savepoint: null, failed: newest('FAILED'), restored: restoredOf(detail) },
    history,
  }
}

function restoredOf(detail: JobDetail): CheckpointsBody['latest']['restored'] {
  const { restoredCheckpoint: id, checkpointHistory, timestamps, startedWallMs } = detail
  if (id === undefined) return null
  return {
    id,
    restore_timestamp: timestamps.RUNNING ?? startedWallMs,
    is_savepoint: false,
    external_path: checkpointHistory.find(({ checkpoint }) => checkpoint === id)?.place ?? null,
  }
}

function summaryOf(completed: readonly CheckpointView[]): CheckpointsBody['summary'] {
  const of = (key: 'checkpointed_size' | 'state_size' | 'end_to_end_duration'): Distribution =>
    distributionOf(completed.map((view) => view[key]))
  return {
    checkpointed_size: of('checkpointed_size'),
    state_size: of('state_size'),
    end_to_end_duration: of('end_to_end_duration'),
    alignment_buffered: distributionOf([]),
    processed_data: distributionOf([]),
    persisted_data: distributionOf([]),
  }
}

/** Percentiles are those of the history, by nearest rank; all zero without values. */
export function distributionOf(values: readonly number[]): Distribution {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return {
    min: at(0),
    max: at(1),
    avg: sorted.length === 0 ? 0 : Math.round(sorted.reduce((sum, value) => sum + value, 0) / sorted.length),
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    p999: at(0.999),
  }
}

export function checkpointConfigOf(config: CheckpointConfigView, storage: string): CheckpointConfigBody {
  return {
    mode: config.mode === 'exactly-once' ? 'exactly_once' : 'at_least_once',
    interval: config.intervalMs,
    timeout: config.timeoutMs,
    min_pause: config.pauseMinMs,
    max_concurrent: config.concurrentMax,
    externalization: { enabled: true, delete_on_cancellation: false },
    state_backend: 'heap',
    checkpoint_storage: storage,
    unaligned_checkpoints: false,
    tolerable_failed_checkpoints: config.failuresMax,
    aligned_checkpoint_timeout: 0,
    checkpoints_after_tasks_finish: true,
    sluice: { retained: config.retained },
  }
}
