/**
 * The head of a source task: polls the reader, assigns timestamps, makes watermarks per split, limits the rate.
 *
 * Owns: the reader and its splits, the watermark of the source. Does not own: barriers (the task puts them in between two polls).
 *
 * V1 `poll` is one bounded, synchronous piece of work; between two polls the reader's snapshot is exact.
 * V2 A watermark says something about all records emitted before it, and nothing about splits that are not assigned yet.
 * V2a A reader that can pause splits pauses those that are ahead of the limit of watermark alignment; the head pauses the others.
 * V3 Timestamps are safe integers or NO_TIMESTAMP; anything else is TIM1001.
 */
import { present } from '../base/assert.ts'
import type { Clock } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import {
  SPLITS_STATE,
  type PollResult,
  type ReaderContext,
  type ReaderOutput,
  type SourceEvent,
  type SourceReader,
  type SourceSplit,
  type SplitOutput,
} from '../connector/source.ts'
import { splitsIn } from '../connector/splits.ts'
import type { RecordReceiver } from '../operators/operator.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import { SplitWatermarks, type SplitWatermark } from '../time/split-watermarks.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'
import type { WatermarkUpdate } from '../time/watermark-update.ts'
import type { SourceNode } from '../graph/logical-graph.ts'
import type { OutputPressure } from '../exchange/blocking.ts'
import type { GuardedErrors } from './guarded-errors.ts'
import { GuardedSplit } from './guarded-receiver.ts'
import { RateLimiter } from './rate-limiter.ts'

/** Records of one poll at the most. */
const POLL_RECORDS_MAX = 512

export interface SourceDriverOptions {
  readonly node: SourceNode
  readonly reader: ReaderContext
  readonly clock: Clock
  readonly receiver: RecordReceiver
  readonly sideOutput: (tag: string) => RecordReceiver
  readonly pressure: OutputPressure
  /** What becomes of records that get no timestamp; undefined: the task fails. */
  readonly errors?: GuardedErrors | undefined
}

export interface SourceProgress {
  readonly poll: PollResult
  /** When `poll` is `nothing` because of the rate limit: monotonic milliseconds until which to wait. */
  readonly resumeAtMs: number | undefined
}

export class SourceDriver {
  readonly #reader: SourceReader<unknown, SourceSplit>
  readonly #output: DriverOutput
  readonly #rate: RateLimiter | undefined
  readonly #clock: Clock
  readonly #watermarks: SplitWatermarks
  readonly #name: string
  #isEnded = false

  constructor(options: SourceDriverOptions) {
    const { node, reader, clock } = options
    this.#reader = node.source.createReader(reader)
    this.#clock = clock
    this.#name = node.name
    this.#watermarks = new SplitWatermarks(node.watermarks)
    this.#output = new DriverOutput(options, this.#watermarks)
    this.#rate =
      node.rateLimit === undefined
        ? undefined
        : new RateLimiter(node.rateLimit / reader.parallelism, clock.monotonicMs())
  }

  start(restored: OperatorStateItems | undefined): void {
    this.#reader.start()
    this.addSplits(restored?.find((list) => list.name === SPLITS_STATE)?.items ?? [])
  }

  addSplits(items: readonly unknown[]): void {
    if (items.length === 0) return
    const splits = splitsIn(items) // made by the same source's enumerator, or by snapshot below
    for (const split of splits) this.#watermarks.assigned(split)
    this.#reader.addSplits(splits)
  }

  noMoreSplits(): void {
    this.#reader.noMoreSplits()
  }

  handleEvent(event: SourceEvent): void {
    if (this.#reader.handleSourceEvents === undefined) throw notUnderstood(this.#name)
    this.#reader.handleSourceEvents(event)
  }

  onCheckpointComplete(checkpoint: number): Promise<void> | undefined {
    return this.#reader.notifyCheckpointComplete?.(checkpoint) ?? undefined
  }

  get recordsIn(): number {
    return this.#output.records
  }

  poll(): SourceProgress {
    if (this.#isEnded) return ENDED
    const allowed = this.#allowedRecords()
    if (allowed === 0)
      return { poll: 'nothing', resumeAtMs: present(this.#rate, 'the rate limit').freeAtMs(this.#clock.monotonicMs()) }
    const before = this.#output.records
    const result = this.#reader.poll(this.#output, allowed)
    this.#rate?.take(this.#output.records - before)
    if (result === 'end') this.#isEnded = true
    return result === 'more' ? MORE : result === 'end' ? ENDED : NOTHING
  }

  /** The combined watermark of the splits if it grew, and whether all are idle. */
  watermark(nowMs: number): WatermarkUpdate {
    return this.#watermarks.emit(nowMs)
  }

  /** What was emitted last. */
  get currentWatermark(): number {
    return this.#watermarks.current()
  }

  /** For watermark alignment: it is idle, or it waits for other readers of its source, which must not wait for it. */
  isWaitedFor(): boolean {
    return !this.#watermarks.isIdle() && this.#output.expected.size === 0
  }

  // V2a
  alignSplits(watermarkMax: number): void {
    const reader = this.#reader
    if (reader.pauseOrResumeSplits === undefined) return
    const pauses = this.#watermarks.align(watermarkMax)
    if (pauses !== undefined) reader.pauseOrResumeSplits(pauses.pause, pauses.resume)
  }

  /** Output has no room: silence is not the splits' doing. */
  onBlocked(): void {
    this.#watermarks.onBlocked()
  }

  snapshot(checkpoint: number): OperatorStateItems {
    return [{ name: SPLITS_STATE, mode: 'split', items: this.#reader.snapshot(checkpoint) }]
  }

  position(): string | undefined {
    return this.#reader.position()
  }

  close(): Promise<void> {
    return this.#reader.close()
  }

  #allowedRecords(): number {
    if (this.#rate === undefined) return POLL_RECORDS_MAX
    return Math.min(POLL_RECORDS_MAX, this.#rate.available(this.#clock.monotonicMs()))
  }
}

const MORE: SourceProgress = { poll: 'more', resumeAtMs: undefined }
const NOTHING: SourceProgress = { poll: 'nothing', resumeAtMs: undefined }
const ENDED: SourceProgress = { poll: 'end', resumeAtMs: undefined }

class DriverOutput implements ReaderOutput<unknown> {
  readonly #options: SourceDriverOptions
  readonly #watermarks: SplitWatermarks
  readonly #splits = new Map<string, SplitOutput<unknown>>()
  /** Announced by `expectSplit`, and neither opened nor finished yet. */
  readonly expected = new Set<string>()
  records = 0

  constructor(options: SourceDriverOptions, watermarks: SplitWatermarks) {
    this.#options = options
    this.#watermarks = watermarks
  }

  split(splitId: string): SplitOutput<unknown> {
    let split = this.#splits.get(splitId)
    if (split === undefined) {
      this.expected.delete(splitId)
      const { node, receiver, errors } = this.#options
      split = new DriverSplit(this, receiver, node.watermarks, this.#watermarks.split(splitId))
      if (errors !== undefined) split = new GuardedSplit(split, errors)
      this.#splits.set(splitId, split)
    }
    return split
  }

  finishSplit(splitId: string): void {
    this.#splits.delete(splitId)
    this.expected.delete(splitId)
    this.#watermarks.remove(splitId) // also one that was assigned and never opened: it would hold back the watermark for ever
  }

  expectSplit(splitId: string): void {
    this.expected.add(splitId)
    this.#watermarks.assigned({ id: splitId })
  }

  sideOutput(tag: string, value: unknown): void {
    this.records++
    this.#options.sideOutput(tag).onRecord(value, NO_TIMESTAMP)
  }

  isFull(): boolean {
    return this.#options.pressure.blocked !== 0
  }
}

type TimestampOf = (value: unknown, sourceTimestamp: number) => number

class DriverSplit implements SplitOutput<unknown> {
  readonly #owner: DriverOutput
  readonly #receiver: RecordReceiver
  readonly #timestampOf: TimestampOf | undefined
  readonly #watermark: SplitWatermark

  constructor(
    owner: DriverOutput,
    receiver: RecordReceiver,
    strategy: WatermarkStrategy<unknown>,
    watermark: SplitWatermark,
  ) {
    this.#owner = owner
    this.#receiver = receiver
    this.#timestampOf = strategy.timestampOf
    this.#watermark = watermark
  }

  emit(value: unknown, sourceTimestamp: number): void {
    const timestamp =
      this.#timestampOf === undefined ? sourceTimestamp : this.#assigned(this.#timestampOf, value, sourceTimestamp)
    if (!Number.isSafeInteger(timestamp)) throw badTimestamp(timestamp)
    this.#owner.records++
    if (timestamp !== NO_TIMESTAMP) this.#watermark.onEvent(timestamp)
    this.#receiver.onRecord(value, timestamp)
  }

  #assigned(timestampOf: TimestampOf, value: unknown, sourceTimestamp: number): number {
    try {
      return timestampOf(value, sourceTimestamp)
    } catch (thrown) {
      throw new EngineError(
        'TSK1001',
        `withTimestamp() threw: ${messageOf(thrown)}. The record was not processed and the task fails. Return a timestamp for every record, also for one that lacks a field`,
        { cause: thrown },
      )
    }
  }
}

function notUnderstood(source: string): EngineError {
  return new EngineError(
    'SRC1006',
    `the enumerator of source "${source}" sent an event, and the reader has no handleSourceEvents. The task fails and the job restarts from its last checkpoint. Give the reader that method.`,
  )
}

function badTimestamp(timestamp: unknown): EngineError {
  return new EngineError(
    'TIM1001',
    `the timestamp of a record is ${typeof timestamp === 'number' ? timestamp : `a value of type ${typeof timestamp}`}, not a safe integer of milliseconds. The record was not processed and the task fails. Make withTimestamp() return milliseconds since 1970 as an integer (Math.round, Date.parse) for every record`,
  )
}
