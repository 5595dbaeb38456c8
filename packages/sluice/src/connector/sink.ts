/**
 * Sinks: a writer takes records, and at each checkpoint gives committables; a committer makes them visible once the checkpoint is restorable.
 *
 * writer → `preCommit` (at the cut, before anything is stored) → checkpoint → `Committer.commit` (may be tried again) → `postCommit`.
 * A sink without a committer has nothing to make visible: what it wrote before a cut has left when its `snapshot` resolves (at least once).
 *
 * X1 Nothing a writer wrote is visible before the checkpoint that holds its committable is published.
 * X2 `commit` is idempotent: it is called again after a restore, and for a committable whose commit succeeded unnoticed.
 * X3 A committable that cannot be committed any more fails the job with SNK1003, naming what is lost. It is never dropped.
 * X4 A committable stays in every checkpoint until its `postCommit` is done, so `postCommit` sees it at least once.
 */
import { assert } from '../base/assert.ts'
import type { Env } from '../base/env.ts'
import type { JsonValue } from '../base/json.ts'

/** Frozen plain data; the functions are called where the sink runs. `withCommitStages` adds stages to a sink that exists. */
export interface Sink<T, Committable = unknown, WriterState = unknown> {
  readonly kind: string
  /** Where it writes: must be the same when a checkpoint is restored. */
  readonly identity: JsonValue
  /** Runs once on the JobManager before any task starts or restarts: makes directories, removes what no restored state refers to. */
  prepare?(context: SinkPrepareContext<Committable, WriterState>): Promise<void>
  /** One for each subtask and attempt. `restored`: what writers of before gave as their states; with another parallelism dealt out evenly. */
  createWriter(context: SinkContext, restored: readonly WriterState[]): SinkWriter<T, Committable, WriterState>
  /**
   * Between the writer and the checkpoint, per subtask: what it resolves to is stored and committed instead of what the writer gave, e.g. one
   * committable made of many. Part of the cut: a rejection fails the task.
   */
  preCommit?(committables: readonly Committable[], context: CommitContext): Promise<readonly Committable[]>
  /** Without it, or when it returns undefined, nothing is committed. */
  createCommitter?(context: SinkContext): Committer<Committable> | undefined
  /**
   * Behind the commit, per subtask and checkpoint, in order of checkpoints: e.g. tells others that there is new output. At least once (X4). A
   * rejection fails the task, and the job commits again from its last checkpoint.
   */
  postCommit?(committables: readonly Committable[], context: CommitContext): Promise<void>
}

/** What is known before any task of the sink starts. */
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

/** Where a writer or committer is and what it may use. */
export interface SinkContext {
  readonly env: Env
  readonly uid: string
  /** From 0 to below `parallelism`. */
  readonly subtask: number
  /** How many subtasks the sink has. */
  readonly parallelism: number
  /** From 0, one more with each restart of the job in one process. */
  readonly attempt: number
  /** Unique for this run of the job: leader epoch and attempt, e.g. `3-0`; names of files must not clash with those of a zombie. */
  readonly incarnation: string
  /** `none` when checkpointing is off: then everything is committed at the end of input only. */
  readonly delivery: 'exactly-once' | 'at-least-once' | 'none'
  /** Says that `isBlocked` may have changed; callable at any time. */
  wake(): void
  /** Fails the task, from work that goes on in the background. */
  fail(error: unknown): void
}

/** Of one checkpoint; 0 where checkpointing is off and everything is committed at the end of the input. */
export interface CommitContext extends SinkContext {
  /** Id of the checkpoint. */
  readonly checkpoint: number
}

/** Takes the records of one subtask. */
export interface SinkWriter<T, Committable, WriterState> {
  /** Synchronous; buffers. */
  write(value: T, timestamp: number): void
  /** Event time has advanced: no record with this timestamp or a smaller one is expected any more. Milliseconds. */
  writeWatermark?(watermark: number): void
  /** True while too many bytes are on their way. */
  isBlocked(): boolean
  /**
   * The cut, and the flush: everything written before it belongs to the result; resolves when that is durable, or, for a sink without a committer, has
   * left. Writing may go on meanwhile. Also called once at the end of the input where checkpointing is off, then with 0.
   */
  snapshot(checkpoint: number): Promise<WriterSnapshot<Committable, WriterState>>
  /** No record will come any more: the next snapshot leaves nothing unfinished behind. Only for writers that keep files open across snapshots. */
  endOfInput?(): void
  /** Idempotent. Leaves no visible output; unfinished files may stay for `prepare`. */
  close(): Promise<void>
}

/** What a writer gives at a checkpoint: what is to be committed, and what it needs to go on. */
export interface WriterSnapshot<Committable, WriterState> {
  readonly committables: readonly Committable[]
  readonly states: readonly WriterState[]
}

/** Makes visible what writers wrote, when the checkpoint that holds it is complete. */
export interface Committer<Committable> {
  /**
   * Makes them visible, in order. When it resolves, each request counts as committed, unless the request was told otherwise. A rejection fails the
   * task: the job restarts and commits again.
   */
  commit(requests: readonly CommitRequest<Committable>[]): Promise<void>
}

/** One committable of one call of `commit`. The last word about it counts. */
export interface CommitRequest<Committable> {
  readonly committable: Committable
  /** How often it was tried before. */
  readonly numberOfRetries: number
  /**
   * It could not be committed now, and may be later: it is tried again after a growing pause, `sink.committer.retries` times, then the task
   * fails with SNK1002. Later checkpoints wait for it, and it stays in the state.
   */
  retryLater(error?: unknown): void
  /** The same, with another committable in its place. */
  updateAndRetryLater(committable: Committable, error?: unknown): void
  /** It was committed before, unnoticed: counted under `alreadyCommitted`. */
  signalAlreadyCommitted(): void
  /** It can never be committed: the job fails with SNK1003. It stays in the state of the last checkpoint. */
  signalFailed(error: unknown): void
}

/** Operator state of a sink: one item of this shape per committable that is not known to be committed; redistributed as `split`. */
export interface PendingCommittable {
  readonly checkpoint: number
  readonly committable: unknown
}

/** An item of that state. */
export function pendingCommittable(item: unknown): PendingCommittable {
  const isOne = typeof item === 'object' && item !== null && 'checkpoint' in item && 'committable' in item
  assert(isOne && typeof item.checkpoint === 'number', 'the driver of the sink wrote its committables')
  return { checkpoint: item.checkpoint, committable: item.committable }
}

/** Name of the operator state that holds `PendingCommittable`s. */
export const COMMITTABLES_STATE = 'committables'
/** Name of the operator state that holds the writer's own states; redistributed as `split`. */
export const WRITER_STATE = 'writer'
