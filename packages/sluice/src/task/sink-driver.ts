/**
 * Runs a sink as the last operator of a chain: the writer takes records, the cut gives committables, a completed checkpoint commits them.
 *
 * Owns: the writer, and what is cut and not durable yet. Does not own: what is durable and not committed (commit-queue.ts).
 *
 * W1 A committable is in the operator state of every checkpoint from its own until it is committed.
 * W2 Commits run one after the other, in order of checkpoints, and only for checkpoints known to be restorable.
 * W3 After a restore everything restored is committed again before anything new (commits are idempotent).
 * W4 A commit that fails fails the task, and so does a post-commit stage; nothing is dropped.
 * W5 A cut that fails, its pre-commit stage included, fails the task: no later checkpoint can hold what it held.
 * W6 Nothing is committed when the host says that the slot's lease is over: another attempt may run by then.
 */
import { assert, present } from '../base/assert.ts'
import type { Env } from '../base/env.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { EngineError, asEngineError } from '../base/errors.ts'
import {
  COMMITTABLES_STATE,
  WRITER_STATE,
  type CommitContext,
  type PendingCommittable,
  type Sink,
  type SinkContext,
  type SinkWriter,
  type WriterSnapshot,
  pendingCommittable,
} from '../connector/sink.ts'
import { BaseOperator } from '../operators/base-operator.ts'
import type { Counter, OperatorContext } from '../operators/operator.ts'
import { userError } from '../operators/user-error.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance } from '../state/turn.ts'
import { type CommitBatch, CommitQueue } from './commit-queue.ts'

export interface SinkRuntime {
  readonly env: Env
  readonly incarnation: string
  readonly delivery: 'exactly-once' | 'at-least-once' | 'none'
  /** Asked right before each commit; absent where leaders do not change. */
  readonly mayCommit?: (() => boolean) | undefined
  /** Default 10. */
  readonly committerRetriesMax?: number | undefined
}

const COMMITTER_RETRIES_MAX = 10

export class SinkOperator extends BaseOperator {
  readonly #sink: Sink<unknown>
  readonly #runtime: SinkRuntime
  #writer: SinkWriter<unknown, unknown, unknown> | undefined
  #queue: CommitQueue | undefined
  #context: OperatorContext | undefined
  #sinkContext: SinkContext | undefined
  #written: Counter | undefined
  /** Cuts whose bytes are not durable yet. One that failed stays (W5). */
  readonly #cuts = new Set<Promise<CommitBatch>>()
  #isClosed = false

  constructor(sink: Sink<unknown>, runtime: SinkRuntime) {
    super()
    this.#sink = sink
    this.#runtime = runtime
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#written = context.counter('writtenRecords')
    const { env, incarnation, delivery } = this.#runtime
    const sinkContext: SinkContext = {
      env,
      incarnation,
      delivery,
      uid: context.info.uid,
      subtask: context.info.subtask,
      parallelism: context.info.parallelism,
      attempt: context.info.attempt,
      wake: () => context.wake(),
      fail: (error) => context.fail(error),
    }
    this.#sinkContext = sinkContext
    this.#writer = this.#sink.createWriter(sinkContext, itemsOf(context.restored, WRITER_STATE))
    this.#queue = this.#createQueue(context, sinkContext)
    const restored = batchesOf(itemsOf(context.restored, COMMITTABLES_STATE).map(pendingCommittable))
    for (const batch of restored) this.#queue.add(batch)
    if (restored.length > 0) void this.#commitUpTo(present(context.restoredCheckpoint, 'the restored checkpoint')) // W3
  }

  onRecord(value: unknown, timestamp: number): void {
    try {
      this.#openWriter().write(value, timestamp)
    } catch (error) {
      throw userError(present(this.#context, 'the context of an open sink').info, 'sink', error)
    }
    this.#written?.add(1)
  }

  override onWatermark(watermark: number): Advance {
    const writer = this.#openWriter()
    try {
      writer.writeWatermark?.(watermark)
    } catch (error) {
      throw userError(present(this.#context, 'the context of an open sink').info, 'writeWatermark of the sink', error)
    }
    return 'done'
  }

  override onEnd(): void {
    this.#openWriter().endOfInput?.()
  }

  override isBlocked(): boolean {
    return this.#writer?.isBlocked() === true
  }

  override snapshot(checkpoint: number): Promise<OperatorStateItems> {
    // The cut: what is pending now, what earlier cuts still make durable, and the writer's own. A writer that throws here fails the task.
    const before = this.#openQueue().pending()
    const earlier = [...this.#cuts]
    const written = this.#openWriter().snapshot(checkpoint)
    return this.#stateOf(before, [...earlier, this.#whenDurable(checkpoint, written)], written)
  }

  async #stateOf(
    before: readonly CommitBatch[],
    cuts: readonly Promise<CommitBatch>[],
    written: Promise<WriterSnapshot<unknown, unknown>>,
  ): Promise<OperatorStateItems> {
    const batches = [...before, ...(await Promise.all(cuts))]
    return [
      { name: COMMITTABLES_STATE, mode: 'split', items: batches.flatMap(toItems) },
      { name: WRITER_STATE, mode: 'split', items: (await written).states },
    ]
  }

  /** From its cut to its end a batch is in `#cuts`, then in the queue: W1 holds also while an earlier cut is not durable yet. */
  #whenDurable(checkpoint: number, written: Promise<WriterSnapshot<unknown, unknown>>): Promise<CommitBatch> {
    const cut = this.#batchOf(checkpoint, written).then((batch) => {
      this.#openQueue().add(batch)
      this.#cuts.delete(cut)
      return batch
    })
    cut.catch((error: unknown) => this.#failCut(error))
    this.#cuts.add(cut)
    return cut
  }

  async #batchOf(checkpoint: number, written: Promise<WriterSnapshot<unknown, unknown>>): Promise<CommitBatch> {
    const { committables } = await written
    if (this.#sink.preCommit === undefined || committables.length === 0) return { checkpoint, committables }
    return { checkpoint, committables: await this.#sink.preCommit(committables, this.#commitContext(checkpoint)) }
  }

  override onCheckpointComplete(checkpoint: number): Promise<void> {
    return this.#commitUpTo(checkpoint)
  }

  /** Without checkpoints the end of the job is the only moment at which output can become visible. */
  override async finish(): Promise<void> {
    const queue = this.#openQueue()
    if (this.#runtime.delivery !== 'none') {
      await queue.settled()
      return
    }
    queue.add(await this.#batchOf(0, this.#openWriter().snapshot(0)))
    await this.#commitUpTo(0)
  }

  override async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue?.close()
    await this.#writer?.close()
  }

  #commitUpTo(checkpoint: number): Promise<void> {
    const commits = this.#openQueue().commitUpTo(checkpoint)
    commits.catch((error: unknown) => this.#failCommit(error))
    return commits
  }

  #createQueue(context: OperatorContext, sinkContext: SinkContext): CommitQueue {
    const { env, committerRetriesMax = COMMITTER_RETRIES_MAX } = this.#runtime
    const { uid, subtask } = context.info
    return new CommitQueue({
      uid,
      subtask,
      committer: this.#sink.createCommitter?.(sinkContext),
      postCommit: async ({ checkpoint, committables }) =>
        this.#sink.postCommit?.(committables, this.#commitContext(checkpoint)),
      timers: env.timers,
      retriesMax: committerRetriesMax,
      expectLease: () => this.#expectLease(), // W6
      counter: (name) => context.counter(name),
    })
  }

  #commitContext(checkpoint: number): CommitContext {
    return { ...present(this.#sinkContext, 'the context of an open sink'), checkpoint }
  }

  #expectLease(): void {
    if (this.#runtime.mayCommit?.() === false) throw leaderLost(present(this.#context, 'the context of an open sink'))
  }

  #failCommit(error: unknown): void {
    const what = 'a commit failed. The job restarts and commits again from its last checkpoint. Look at the cause'
    this.#failTask(error, 'SNK1002', what)
  }

  // W5
  #failCut(error: unknown): void {
    const what =
      'a sink could not make its output durable at a checkpoint. The job restarts from its last checkpoint and writes it again. Look at the cause'
    this.#failTask(error, 'SNK1001', what)
  }

  #failTask(error: unknown, code: ErrorCode, what: string): void {
    const context = this.#context
    if (this.#isClosed || context === undefined) return
    const { uid, subtask } = context.info
    context.fail(asEngineError(error, code, what, { operator: uid, subtask }))
  }

  #openQueue(): CommitQueue {
    assert(this.#queue !== undefined, 'a sink was asked to commit before it was opened')
    return this.#queue
  }

  #openWriter(): SinkWriter<unknown, unknown, unknown> {
    assert(this.#writer !== undefined, 'a sink was used before it was opened')
    return this.#writer
  }
}

function leaderLost({ info }: OperatorContext): EngineError {
  return new EngineError(
    'CLU1004',
    `the output of ${info.uid} was not committed: its TaskManager lost its leader. The tasks end here, and the job commits the output when it goes on from its last checkpoint elsewhere. Nothing needs to be done`,
    { context: { operator: info.uid, subtask: info.subtask } },
  )
}

function itemsOf(restored: OperatorStateItems | undefined, name: string): readonly unknown[] {
  return restored?.find((list) => list.name === name)?.items ?? []
}

function batchesOf(items: readonly PendingCommittable[]): readonly CommitBatch[] {
  return [...Map.groupBy(items, ({ checkpoint }) => checkpoint)].map(([checkpoint, own]) => ({
    checkpoint,
    committables: own.map(({ committable }) => committable),
  }))
}

function toItems(batch: CommitBatch): PendingCommittable[] {
  return batch.committables.map((committable) => ({ checkpoint: batch.checkpoint, committable }))
}
