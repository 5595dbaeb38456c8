/**
 * Sinks: a writer takes records, and at each checkpoint gives committables; a committer makes them visible once the checkpoint is restorable.
 *
 * X1 Nothing a writer wrote is visible before the checkpoint that holds its committable is published.
 * X2 `commit` is idempotent: it is called again after a restore, and for a committable whose commit succeeded unnoticed.
 * X3 A committable that cannot be committed any more fails the job with SNK1003, naming what is lost. It is never dropped.
 */
import type { Env } from '../base/env.ts'
import type { JsonValue } from '../base/json.ts'

export interface Sink<T, Committable = unknown, WriterState = unknown> {
  readonly kind: string
  /** Where it writes: must be the same when a checkpoint is restored. */
  readonly identity: JsonValue
  /** Runs once on the JobManager before any task starts or restarts: makes directories, removes what no restored state refers to. */
  prepare(context: SinkPrepareContext<Committable, WriterState>): Promise<void>
  createWriter(context: SinkContext, restored: readonly WriterState[]): SinkWriter<T, Committable, WriterState>
  createCommitter(context: SinkContext): Committer<Committable> | undefined
}

export interface SinkPrepareContext<Committable, WriterState> {
  readonly env: Env
  readonly uid: string
  /** True when the job starts without a checkpoint. */
  readonly fresh: boolean
  /** The checkpoint that is restored; undefined on a fresh start. Not always the newest: a damaged one is passed over. */
  readonly restoredCheckpoint: number | undefined
  readonly restoredCommittables: readonly Committable[]
  readonly restoredWriters: readonly WriterState[]
  /** Absent where leaders do not change. */
  readonly leader?: PreparingLeader
}

/**
 * Who prepares. It may be paused in the middle and go on when another leader runs the job: what may be that one's is not touched, which is
 * whatever has an incarnation of a higher epoch, or belongs to a checkpoint above `checkpointMax`.
 */
export interface PreparingLeader {
  readonly epoch: number
  /** Every id up to here was used by this leader or by one before; none above it is. */
  readonly checkpointMax: number
}

export interface SinkContext {
  readonly env: Env
  readonly uid: string
  readonly subtask: number
  readonly parallelism: number
  readonly attempt: number
  /** Unique for this run of the job: leader epoch and attempt, e.g. `3-0`; names of files must not clash with those of a zombie. */
  readonly incarnation: string
  /** `none` when checkpointing is off: then everything is committed at the end of input only. */
  readonly delivery: 'exactly-once' | 'at-least-once' | 'none'
  wake(): void
  fail(error: unknown): void
}

export interface SinkWriter<T, Committable, WriterState> {
  /** Synchronous; buffers. */
  write(value: T, timestamp: number): void
  /** True while too many bytes are on their way. */
  isBlocked(): boolean
  /** The cut. Everything written before it belongs to the result; resolves when that is durable. Writing may go on meanwhile. */
  snapshot(checkpoint: number): Promise<WriterSnapshot<Committable, WriterState>>
  /** No record will come any more: the next snapshot leaves nothing unfinished behind. Only for writers that keep files open across snapshots. */
  endOfInput?(): void
  /** Idempotent. Leaves no visible output; unfinished files may stay for `prepare`. */
  close(): Promise<void>
}

export interface WriterSnapshot<Committable, WriterState> {
  readonly committables: readonly Committable[]
  readonly states: readonly WriterState[]
}

export interface Committer<Committable> {
  /** Makes them visible, in order. Retries what may pass inside; throws what may not. */
  commit(committables: readonly Committable[]): Promise<void>
}

/** Operator state of a sink: one item of this shape per committable that is not known to be committed; redistributed as `split`. */
export interface PendingCommittable {
  readonly checkpoint: number
  readonly committable: unknown
}

/** An item of that state. */
export function pendingCommittable(item: unknown): PendingCommittable {
  return item as PendingCommittable // written by the driver of the same sink
}

/** Name of the operator state that holds `PendingCommittable`s. */
export const COMMITTABLES_STATE = 'committables'
/** Name of the operator state that holds the writer's own states; redistributed as `split`. */
export const WRITER_STATE = 'writer'
