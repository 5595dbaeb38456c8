/** What the REST API answers about checkpoints, and about what takes longer than a request. */
import type { FailureCause } from './rest-types.ts'

export interface CheckpointsBody {
  readonly counts: {
    readonly restored: number
    readonly total: number
    readonly in_progress: number
    readonly completed: number
    readonly failed: number
  }
  readonly summary: {
    readonly checkpointed_size: Distribution
    readonly state_size: Distribution
    readonly end_to_end_duration: Distribution
    readonly alignment_buffered: Distribution
    readonly processed_data: Distribution
    readonly persisted_data: Distribution
  }
  readonly latest: {
    readonly completed: CheckpointView | null
    readonly savepoint: null
    readonly failed: CheckpointView | null
    readonly restored: {
      readonly id: number
      readonly restore_timestamp: number
      readonly is_savepoint: boolean
      readonly external_path: string | null
    } | null
  }
  /** Newest first. */
  readonly history: readonly CheckpointView[]
}

export interface Distribution {
  readonly min: number
  readonly max: number
  readonly avg: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
}

export interface CheckpointView {
  readonly '@class': 'in_progress' | 'completed' | 'failed'
  readonly id: number
  readonly status: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED'
  readonly is_savepoint: boolean
  readonly savepointFormat: string | null
  readonly checkpoint_type: 'CHECKPOINT'
  readonly trigger_timestamp: number
  readonly latest_ack_timestamp: number
  readonly checkpointed_size: number
  readonly state_size: number
  readonly end_to_end_duration: number
  readonly alignment_buffered: number
  readonly processed_data: number
  readonly persisted_data: number
  readonly num_subtasks: number
  readonly num_acknowledged_subtasks: number
  readonly tasks: Readonly<Record<string, never>>
  readonly external_path: string | null
  readonly discarded: boolean
  readonly failure_timestamp: number | null
  readonly failure_message: string | null
}

export interface CheckpointConfigBody {
  readonly mode: 'exactly_once' | 'at_least_once'
  readonly interval: number
  readonly timeout: number
  readonly min_pause: number
  readonly max_concurrent: number
  readonly externalization: { readonly enabled: boolean; readonly delete_on_cancellation: boolean }
  readonly state_backend: string
  readonly checkpoint_storage: string
  readonly unaligned_checkpoints: boolean
  readonly tolerable_failed_checkpoints: number
  readonly aligned_checkpoint_timeout: number
  readonly checkpoints_after_tasks_finish: boolean
  readonly sluice: { readonly retained: number }
}

/** Answer to the start of something that takes a while. */
export interface TriggeredBody {
  readonly 'request-id': string
}

interface AsyncStatusId {
  readonly id: 'IN_PROGRESS' | 'COMPLETED'
}

export interface CheckpointOutcome {
  readonly status: AsyncStatusId
  readonly operation?: { readonly checkpointId: number } | { readonly failureCause: FailureCause }
}

export interface SavepointOutcome {
  readonly status: AsyncStatusId
  readonly operation?: { readonly location: string } | { readonly 'failure-cause': FailureCause }
}
