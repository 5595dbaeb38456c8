/**
 * What flows between tasks, in order: batches of records, and between them watermarks, idleness, barriers and the end.
 *
 * S1 Elements of one channel are never reordered.
 * S2 A batch belongs to its receiver once sent: the sender does not touch its arrays again.
 * S3 After `end` a channel carries barriers only (a drained task still takes part in checkpoints).
 */
import type { CheckpointId } from '../base/ids.ts'

/**
 * Timestamp of a record that has none.
 *
 * @example words.process({ onRecord: (word, ctx) => ctx.emit(ctx.timestamp === NO_TIMESTAMP ? word : `${word} ${ctx.timestamp}`) })
 */
export const NO_TIMESTAMP = Number.MIN_SAFE_INTEGER
/** Before every event. */
export const MIN_WATERMARK = Number.MIN_SAFE_INTEGER
/** After every event: no more records will come. */
export const MAX_WATERMARK = Number.MAX_SAFE_INTEGER

/** Most records of one batch. */
export const BATCH_RECORDS_MAX = 512

export interface RecordBatch {
  readonly kind: 'records'
  readonly values: unknown[]
  /** Same length as `values`; milliseconds or NO_TIMESTAMP. */
  readonly timestamps: number[]
}

interface WatermarkElement {
  readonly kind: 'watermark'
  /** Milliseconds. No record with a smaller or equal timestamp is expected behind it. */
  readonly timestamp: number
}

interface IdlenessElement {
  readonly kind: 'idleness'
  readonly idle: boolean
}

interface BarrierElement {
  readonly kind: 'barrier'
  readonly checkpoint: CheckpointId
  /** `exactly-once` blocks a channel behind its barrier, `at-least-once` does not. */
  readonly mode: CheckpointMode
}

/** Travels where a barrier would have, when a task upstream gave its checkpoint up. */
interface CancelBarrierElement {
  readonly kind: 'cancel-barrier'
  readonly checkpoint: CheckpointId
}

interface EndElement {
  readonly kind: 'end'
}

export type CheckpointMode = 'exactly-once' | 'at-least-once'
export type ControlElement = WatermarkElement | IdlenessElement | BarrierElement | CancelBarrierElement | EndElement
export type StreamElement = RecordBatch | ControlElement
