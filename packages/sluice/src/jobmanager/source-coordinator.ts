/**
 * Hosts the enumerator of one source for one attempt: splits out, requests in, a snapshot at each checkpoint.
 *
 * Owns: the enumerator, the splits assigned before the tasks run. Does not own: the stream to the slots, which is the caller's and is
 * ordered. docs/spec/job-lifecycle.md, "Splits".
 *
 * C1 Assignments before `open` are queued and sent, in order, by it. Requests before the discovery is over wait for it.
 * C2 `snapshot` is synchronous: the caller sends the trigger in the same turn.
 * C3 After `close` nothing is sent, and no failure is reported.
 */
import { assert } from '../base/assert.ts'
import type { Env } from '../base/env.ts'
import { type EngineError, asEngineError } from '../base/errors.ts'
import type { OperatorUid, SubtaskIndex } from '../base/ids.ts'
import { subtaskIndex } from '../base/ids.ts'
import type { Source, SourceSplit, SplitEnumerator } from '../connector/source.ts'
import { bytesToValue, valueToBytes } from '../serde/value-codec.ts'

export interface SplitAssignment {
  readonly source: OperatorUid
  readonly subtask: SubtaskIndex
  /** Encoded array of splits. */
  readonly splits: Uint8Array
  readonly noMore: boolean
}

/** What the coordinator needs of its owner. */
export interface SplitChannel {
  assign(assignment: SplitAssignment): void
  fail(error: EngineError): void
}

export interface SourceCoordinatorOptions {
  readonly uid: OperatorUid
  readonly source: Source<unknown>
  readonly parallelism: number
  readonly env: Env
  /** What `snapshot` gave at the restored checkpoint. */
  readonly restored: Uint8Array | undefined
  readonly channel: SplitChannel
}

/** Requests that may wait for the end of the discovery; a reader asks once and waits. */
const REQUESTS_WAITING_MAX = 100_000

type CoordinatorState = 'discovering' | 'discovered' | 'open' | 'closed'

export class SourceCoordinator {
  readonly uid: OperatorUid
  readonly #options: SourceCoordinatorOptions
  readonly #enumerator: SplitEnumerator<SourceSplit, unknown>
  #state: CoordinatorState = 'discovering'
  #assignments: SplitAssignment[] = []
  #requests: SubtaskIndex[] = []

  /** Throws what the source throws. */
  constructor(options: SourceCoordinatorOptions) {
    this.uid = options.uid
    this.#options = options
    const context = {
      env: options.env,
      parallelism: options.parallelism,
      assign: (subtask: number, splits: readonly SourceSplit[]) => this.#assign(subtask, splits, 'more'),
      noMoreSplits: (subtask: number) => this.#assign(subtask, [], 'no-more'),
      fail: (error: unknown) => this.#fail(error),
    }
    const restored = options.restored === undefined ? undefined : bytesToValue(options.restored)
    this.#enumerator = options.source.createEnumerator(context, restored)
  }

  /** Discovers splits. Rejects with an EngineError. */
  async start(): Promise<void> {
    try {
      await this.#enumerator.start()
    } catch (error) {
      throw this.#describe(error)
    }
    if (this.#state === 'discovering') this.#state = 'discovered'
  }

  /** The tasks run: assignments go out from here on. */
  open(): void {
    assert(this.#state === 'discovered', 'a source was opened before its discovery was over', { uid: this.uid })
    this.#state = 'open'
    const assignments = this.#assignments
    const requests = this.#requests
    this.#assignments = []
    this.#requests = []
    for (const assignment of assignments) this.#options.channel.assign(assignment)
    for (const subtask of requests) this.onSplitRequest(subtask)
  }

  onSplitRequest(subtask: SubtaskIndex): void {
    if (this.#state === 'closed') return
    if (this.#state !== 'open') return this.#keepRequest(subtask)
    try {
      this.#enumerator.onSplitRequest(subtask)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The splits that no reader has (connector/source.ts C3). */
  snapshot(): Uint8Array {
    assert(this.#state === 'open', 'a checkpoint was taken of a source that is not open', {
      uid: this.uid,
      state: this.#state,
    })
    assert(this.#assignments.length === 0, 'assigned splits were not sent before a checkpoint', { uid: this.uid })
    return valueToBytes(this.#enumerator.snapshot())
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#assignments = []
    this.#requests = []
    await this.#enumerator.close()
  }

  #assign(subtask: number, splits: readonly SourceSplit[], more: 'more' | 'no-more'): void {
    if (this.#state === 'closed') return
    const inRange = Number.isInteger(subtask) && subtask >= 0 && subtask < this.#options.parallelism
    assert(inRange, 'an enumerator assigned splits to a subtask that does not exist', { uid: this.uid, subtask })
    const assignment: SplitAssignment = {
      source: this.uid,
      subtask: subtaskIndex(subtask),
      splits: valueToBytes(splits),
      noMore: more === 'no-more',
    }
    if (this.#state === 'open') this.#options.channel.assign(assignment)
    else this.#assignments.push(assignment) // bounded by the splits that exist
  }

  #keepRequest(subtask: SubtaskIndex): void {
    assert(this.#requests.length < REQUESTS_WAITING_MAX, 'too many split requests wait for a discovery', {
      uid: this.uid,
    })
    this.#requests.push(subtask)
  }

  #fail(error: unknown): void {
    if (this.#state !== 'closed') this.#options.channel.fail(this.#describe(error))
  }

  #describe(error: unknown): EngineError {
    const { uid, source } = this.#options
    const what = `the enumerator of source "${uid}" (${source.kind}) failed. No further input is found. Look at the cause`
    return asEngineError(error, 'SRC1003', what, { operator: uid })
  }
}
