/**
 * Hosts the enumerator of one source for one attempt: splits and events out, requests and events in, a snapshot at each checkpoint.
 *
 * Owns: the enumerator, what it says before the tasks run. Does not own: the stream to the slots, which is the caller's and is
 * ordered; limits of watermark alignment (alignment-driver.ts). docs/spec/connectors.md, "Splits".
 *
 * C1 What is said before `open` is queued and sent, in order, by it. What readers say before it waits for it.
 * C2 `snapshot` is synchronous: the caller sends the trigger in the same turn.
 * C3 After `close` nothing is sent, and no failure is reported.
 * C4 Scheduled calls begin with `open`: between `start` and `open` nothing changes.
 * C5 `close` ends a `start` that is under way: a discovery that hangs keeps nobody from cancelling or restarting the job.
 * C6 A split goes to a reader that will ask for it: none behind `noMoreSplits`, where it would be lost in silence.
 */
import { assert } from '../base/assert.ts'
import { deferred } from '../base/deferred.ts'
import type { Env } from '../base/env.ts'
import type { ErrorCode } from '../base/error-codes.ts'
import { EngineError, asEngineError } from '../base/errors.ts'
import { type OperatorUid, type SubtaskIndex, subtaskIndex } from '../base/ids.ts'
import type { EnumeratorContext, SourceEvent, SourceSplit, SplitEnumerator } from '../connector/source.ts'
import type { FromReader, ToReader } from '../control/messages.ts'
import type { SourceNode } from '../graph/logical-graph.ts'
import { bytesToValue, valueToBytes } from '../serde/value-codec.ts'
import type { AlignmentDriver } from './alignment-driver.ts'
import { EnumeratorCalls } from './enumerator-calls.ts'

/** What the coordinator needs of its owner. */
export interface SplitChannel {
  send(message: ToReader): void
  fail(error: EngineError): void
}

/** Splits that a reader had at the restored checkpoint; `subtask` is its number then. */
export interface HandedBack {
  readonly subtask: SubtaskIndex
  readonly splits: readonly SourceSplit[]
}

export interface SourceCoordinatorOptions {
  readonly uid: OperatorUid
  readonly node: Pick<SourceNode, 'source' | 'watermarks'>
  readonly parallelism: number
  readonly env: Env
  /** What `snapshot` gave at the restored checkpoint. */
  readonly restored: Uint8Array | undefined
  /** Empty unless the source wants them (`restoredSplits`). */
  readonly handedBack: readonly HandedBack[]
  readonly alignment: AlignmentDriver
  readonly channel: SplitChannel
}

/** What readers say that may wait for the end of the discovery; a reader asks once and waits. */
const WORDS_WAITING_MAX = 100_000

type CoordinatorState = 'discovering' | 'discovered' | 'open' | 'closed'

export class SourceCoordinator {
  readonly uid: OperatorUid
  readonly #options: SourceCoordinatorOptions
  readonly #enumerator: SplitEnumerator<SourceSplit, unknown>
  readonly #calls: EnumeratorCalls
  readonly #closed = deferred<void>()
  /** Readers that were told that no more splits come. */
  readonly #complete = new Set<SubtaskIndex>()
  #state: CoordinatorState = 'discovering'
  #unsent: ToReader[] = []
  #unheard: FromReader[] = []

  /** Throws what the source throws. */
  constructor(options: SourceCoordinatorOptions) {
    this.uid = options.uid
    this.#options = options
    this.#calls = new EnumeratorCalls({
      timers: options.env.timers,
      fail: (failure, error) =>
        failure === 'handler' ? this.#fail(error) : this.#report(this.#describeAs('SRC1005', LOOKING_FAILED, error)),
    })
    const restored = options.restored === undefined ? undefined : bytesToValue(options.restored)
    this.#enumerator = options.node.source.createEnumerator(this.#context(), restored)
  }

  /** Discovers splits. Rejects with an EngineError. */
  async start(): Promise<void> {
    try {
      for (const { splits, subtask } of this.#options.handedBack) this.#enumerator.addSplitsBack(splits, subtask)
      await Promise.race([this.#enumerator.start(), this.#closed.promise]) // C5
    } catch (error) {
      throw this.#describe(error)
    }
    if (this.#state === 'discovering') this.#state = 'discovered'
  }

  /** The tasks run: what was said goes out from here on. */
  open(): void {
    assert(this.#state === 'discovered', 'a source was opened before its discovery was over', { uid: this.uid })
    this.#state = 'open'
    const { channel } = this.#options
    const unsent = this.#unsent
    const unheard = this.#unheard
    this.#unsent = []
    this.#unheard = []
    for (const message of unsent) channel.send(message)
    this.#joinAlignment()
    this.#tell(() => this.#subtasks().forEach((subtask) => this.#enumerator.addReader?.(subtask)))
    for (const message of unheard) this.onReaderMessage(message)
    this.#calls.begin() // C4
  }

  onReaderMessage(message: FromReader): void {
    if (this.#state === 'closed') return
    if (this.#state !== 'open') return this.#keep(message)
    switch (message.kind) {
      case 'request-split':
        return this.#tell(() => this.#enumerator.onSplitRequest(message.subtask))
      case 'source-event':
        return this.#tell(() => this.#onEvent(message.subtask, bytesToValue(message.event)))
      case 'source-watermark':
        return this.#options.alignment.report(this.uid, message.subtask, message.progress)
    }
  }

  /** The splits that no reader has (connector/source.ts C3). */
  snapshot(): Uint8Array {
    assert(this.#state === 'open', 'a checkpoint was taken of a source that is not open', {
      uid: this.uid,
      state: this.#state,
    })
    assert(this.#unsent.length === 0, 'assigned splits were not sent before a checkpoint', { uid: this.uid })
    return valueToBytes(this.#enumerator.snapshot())
  }

  notifyCheckpointComplete(checkpoint: number): void {
    if (this.#state === 'open') this.#tell(() => this.#enumerator.notifyCheckpointComplete?.(checkpoint))
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#closed.resolve()
    this.#unsent = []
    this.#unheard = []
    this.#calls.close()
    this.#options.alignment.leave(this.uid)
    await this.#enumerator.close()
  }

  #context(): EnumeratorContext<SourceSplit> {
    const { env, parallelism } = this.#options
    return {
      env,
      parallelism,
      registeredReaders: () => (this.#state === 'open' ? this.#subtasks() : []),
      assign: (subtask, splits) => this.#assign(subtask, splits, 'more'),
      noMoreSplits: (subtask) => this.#assign(subtask, [], 'no-more'),
      sendEventToSourceReader: (subtask, event) =>
        this.#send({
          kind: 'source-event',
          source: this.uid,
          subtask: this.#expectSubtask(subtask),
          event: valueToBytes(event),
        }),
      callAsync: (callable, handler, schedule = {}) => this.#calls.add(callable, handler, schedule),
      fail: (error) => this.#fail(error),
    }
  }

  #subtasks(): readonly SubtaskIndex[] {
    return Array.from({ length: this.#options.parallelism }, (_, subtask) => subtaskIndex(subtask))
  }

  #joinAlignment(): void {
    const { node, parallelism, alignment } = this.#options
    const wanted = node.watermarks.alignment
    if (wanted === undefined) return
    const { group, maxDriftMs, updateIntervalMs } = wanted
    alignment.join({
      member: { source: this.uid, group, maxDriftMs, parallelism },
      updateIntervalMs,
      announce: (watermarkMax) => {
        for (const subtask of this.#subtasks())
          this.#send({ kind: 'align-source', source: this.uid, subtask, watermarkMax })
      },
    })
  }

  #assign(subtask: number, splits: readonly SourceSplit[], more: 'more' | 'no-more'): void {
    const to = this.#expectSubtask(subtask)
    const noMore = more === 'no-more'
    if (splits.length > 0 && this.#complete.has(to)) throw this.#tooLate(to, splits) // C6
    if (noMore) this.#complete.add(to)
    this.#send({ kind: 'assign-splits', source: this.uid, subtask: to, splits: valueToBytes(splits), noMore })
  }

  #expectSubtask(subtask: number): SubtaskIndex {
    const inRange = Number.isInteger(subtask) && subtask >= 0 && subtask < this.#options.parallelism
    assert(inRange, 'an enumerator spoke to a subtask that does not exist', { uid: this.uid, subtask })
    return subtaskIndex(subtask)
  }

  #send(message: ToReader): void {
    if (this.#state === 'closed') return
    if (this.#state === 'open') this.#options.channel.send(message)
    else this.#unsent.push(message) // bounded by the splits that exist
  }

  #keep(message: FromReader): void {
    assert(this.#unheard.length < WORDS_WAITING_MAX, 'too many readers wait for a discovery', { uid: this.uid })
    this.#unheard.push(message)
  }

  #onEvent(subtask: SubtaskIndex, event: SourceEvent): void {
    if (this.#enumerator.handleSourceEvent === undefined) throw this.#notUnderstood(subtask)
    this.#enumerator.handleSourceEvent(subtask, event)
  }

  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#report(this.#describe(error))
  }

  // C3
  #report(error: EngineError): void {
    if (this.#state !== 'closed') this.#options.channel.fail(error)
  }

  #describe(error: unknown): EngineError {
    return this.#describeAs('SRC1003', 'failed. No further input is found. Look at the cause', error)
  }

  #describeAs(code: ErrorCode, what: string, error: unknown): EngineError {
    const { uid, node } = this.#options
    return asEngineError(error, code, `the enumerator of source "${uid}" (${node.source.kind}) ${what}`, {
      operator: uid,
    })
  }

  #tooLate(subtask: SubtaskIndex, splits: readonly SourceSplit[]): EngineError {
    const { uid, node } = this.#options
    const ids = splits.map(({ id }) => JSON.stringify(id)).join(', ')
    return new EngineError(
      'SRC1003',
      `the enumerator of source "${uid}" (${node.source.kind}) assigned ${ids} to reader ${subtask} behind noMoreSplits: that reader may have ended, and nobody would read ` +
        'it. The job fails and restarts from its last checkpoint. Call noMoreSplits when nothing more is to come.',
      { context: { operator: uid, subtask } },
    )
  }

  #notUnderstood(subtask: SubtaskIndex): EngineError {
    const { uid, node } = this.#options
    return new EngineError(
      'SRC1006',
      `reader ${subtask} of source "${uid}" (${node.source.kind}) sent an event, and the enumerator has no handleSourceEvent. The job fails and restarts from its last checkpoint. Give the enumerator that method.`,
      { context: { operator: uid, subtask } },
    )
  }
}

const LOOKING_FAILED =
  'could not look for splits. The job restarts from its last checkpoint and looks again; give callAsync an onError to go on instead. Look at the cause'
