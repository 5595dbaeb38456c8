import { z } from 'zod'
import type {
  CheckpointConfigBody,
  CheckpointOutcome,
  CheckpointView,
  CheckpointsBody,
  SavepointOutcome,
  TriggeredBody,
} from '../checkpoint-types.ts'
import { count, moment, named } from './named.ts'

const TRIGGER_ID = /^[0-9a-f]{32}$/

const distribution = z.object({
  min: z.number(),
  max: z.number(),
  avg: z.number(),
  p50: z.number(),
  p90: z.number(),
  p95: z.number(),
  p99: z.number(),
  p999: z.number(),
})

export const checkpointView = named<CheckpointView>(
  'Checkpoint',
  z.object({
    '@class': z.enum(['in_progress', 'completed', 'failed']),
    id: count,
    status: z.enum(['IN_PROGRESS', 'COMPLETED', 'FAILED']),
    is_savepoint: z.boolean(),
    savepointFormat: z.string().nullable(),
    checkpoint_type: z.literal('CHECKPOINT'),
    trigger_timestamp: moment,
    latest_ack_timestamp: moment,
    checkpointed_size: count,
    state_size: count,
    end_to_end_duration: z.number(),
    alignment_buffered: count,
    processed_data: count,
    persisted_data: count,
    num_subtasks: count,
    num_acknowledged_subtasks: count,
    tasks: z.record(z.string(), z.never()),
    external_path: z.string().nullable(),
    discarded: z.boolean(),
    failure_timestamp: moment.nullable(),
    failure_message: z.string().nullable(),
  }),
)

export const checkpoints = named<CheckpointsBody>(
  'Checkpoints',
  z.object({
    counts: z.object({ restored: count, total: count, in_progress: count, completed: count, failed: count }),
    summary: z.object({
      checkpointed_size: distribution,
      state_size: distribution,
      end_to_end_duration: distribution,
      alignment_buffered: distribution,
      processed_data: distribution,
      persisted_data: distribution,
    }),
    latest: z.object({
      completed: checkpointView.nullable(),
      savepoint: z.null(),
      failed: checkpointView.nullable(),
      restored: z
        .object({
          id: count,
          restore_timestamp: moment,
          is_savepoint: z.boolean(),
          external_path: z.string().nullable(),
        })
        .nullable(),
    }),
    history: z.array(checkpointView),
  }),
)

export const checkpointConfig = named<CheckpointConfigBody>(
  'CheckpointConfig',
  z.object({
    mode: z.enum(['exactly_once', 'at_least_once']),
    interval: count,
    timeout: count,
    min_pause: count,
    max_concurrent: count,
    externalization: z.object({ enabled: z.boolean(), delete_on_cancellation: z.boolean() }),
    state_backend: z.string(),
    checkpoint_storage: z.string(),
    unaligned_checkpoints: z.boolean(),
    tolerable_failed_checkpoints: z.number(),
    aligned_checkpoint_timeout: count,
    checkpoints_after_tasks_finish: z.boolean(),
    sluice: z.object({ retained: count }),
  }),
)

export const triggered = named<TriggeredBody>('Triggered', z.object({ 'request-id': z.string() }))

const statusId = z.object({ id: z.enum(['IN_PROGRESS', 'COMPLETED']) })
const failureCause = z.object({ class: z.string(), 'stack-trace': z.string() })

export const checkpointOutcome = named<CheckpointOutcome>(
  'CheckpointOutcome',
  z.object({
    status: statusId,
    operation: z.union([z.object({ checkpointId: count }), z.object({ failureCause })]).exactOptional(),
  }),
)

export const savepointOutcome = named<SavepointOutcome>(
  'SavepointOutcome',
  z.object({
    status: statusId,
    operation: z
      .union([z.object({ location: z.string() }), z.object({ 'failure-cause': failureCause })])
      .exactOptional(),
  }),
)

const triggerId = z.string().regex(TRIGGER_ID, 'expected 32 lower-case hexadecimal digits').nullish()
const format = z.enum(['CANONICAL', 'NATIVE']).nullish()

export interface CheckpointTrigger {
  readonly checkpointType?: 'CONFIGURED' | 'FULL' | 'INCREMENTAL' | null | undefined
  readonly triggerId?: string | null | undefined
}

export const checkpointTrigger = named<CheckpointTrigger>(
  'CheckpointTrigger',
  z.object({ checkpointType: z.enum(['CONFIGURED', 'FULL', 'INCREMENTAL']).nullish(), triggerId }),
)

export interface StopTrigger {
  readonly targetDirectory?: string | null | undefined
  readonly drain?: boolean | null | undefined
  readonly formatType?: 'CANONICAL' | 'NATIVE' | null | undefined
  readonly triggerId?: string | null | undefined
}

export const stopTrigger = named<StopTrigger>(
  'StopTrigger',
  z.object({
    targetDirectory: z.string().nullish(),
    drain: z.boolean().nullish(),
    formatType: format,
    triggerId,
  }),
)

export interface SavepointTrigger {
  readonly 'target-directory'?: string | null | undefined
  readonly 'cancel-job'?: boolean | null | undefined
  readonly formatType?: 'CANONICAL' | 'NATIVE' | null | undefined
  readonly triggerId?: string | null | undefined
}

export const savepointTrigger = named<SavepointTrigger>(
  'SavepointTrigger',
  z.object({
    'target-directory': z.string().nullish(),
    'cancel-job': z.boolean().nullish(),
    formatType: format,
    triggerId,
  }),
)
