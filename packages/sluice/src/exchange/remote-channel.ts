/**
 * The two halves of a channel between threads or processes.
 *
 * Owns: encoding and decoding, credits, the size of batches. Does not own: the link, the gathering of records into batches (batch-writer).
 *
 * X1 The producer starts with `credits` batches and gets one back for each batch that the consumer takes, so at most `credits` encoded batches
 *    wait anywhere between the two.
 * X2 The producer starts with batches of one record; how many a batch may have is told with the credits (debloater).
 * X3 A batch is about BATCH_BYTES_TARGET bytes at the most, and never more than BATCH_BYTES_MAX: what waits is bounded in bytes too.
 */
import { assert } from '../base/assert.ts'
import { EngineError, asEngineError } from '../base/errors.ts'
import { createBatchDecoder, createBatchEncoder, type BatchDecoder, type BatchEncoder } from '../serde/batch-codec.ts'
import type { ControlElement, RecordBatch, StreamElement } from '../stream/element.ts'
import type { OutputPressure } from './blocking.ts'
import { BATCHES_OVERDRAFT_MAX, type InputChannel, type OutputChannel } from './channel.ts'
import type { DataFrame, DataLink } from './data-link.ts'
import { Debloater, NO_DEBLOATING, RECORDS_AT_START, type Debloating } from './debloater.ts'
import { ElementQueue } from './element-queue.ts'

/** What one batch aims at; records that turn out larger than those before make one that is longer. */
const BATCH_BYTES_TARGET = 128 * 1024
/** Below the least that a frame of the network may be limited to. */
export const BATCH_BYTES_MAX = 32 * 1024 * 1024

export class RemoteOutputChannel implements OutputChannel {
  recordsMax = RECORDS_AT_START
  readonly #channel: number
  readonly #link: DataLink
  readonly #pressure: OutputPressure
  readonly #producer: string
  readonly #encoder: BatchEncoder = createBatchEncoder()
  #credits: number
  /** Records that the consumer wants in a batch. */
  #toldRecordsMax = RECORDS_AT_START
  /** Records of the last size that make BATCH_BYTES_TARGET. */
  #recordsPerTarget = Number.POSITIVE_INFINITY
  #isBlocked = false
  #isClosed = false

  /** @param producer uid of the operator whose records it carries */
  constructor(channel: number, link: DataLink, credits: number, pressure: OutputPressure, producer: string) {
    this.#channel = channel
    this.#link = link
    this.#credits = credits
    this.#pressure = pressure
    this.#producer = producer
  }

  sendBatch({ values, timestamps }: RecordBatch): void {
    if (!this.#isClosed) this.#send(values, timestamps)
  }

  sendControl(element: ControlElement): void {
    if (!this.#isClosed) this.#link.post({ kind: 'control', channel: this.#channel, element })
  }

  /** The consumer took `batches` batches. */
  onCredit(batches: number, recordsMax: number | undefined): void {
    this.#credits += batches
    if (recordsMax !== undefined) {
      this.#toldRecordsMax = recordsMax
      this.#limitRecords()
    }
    if (this.#isBlocked && this.#credits > 0) {
      this.#isBlocked = false
      this.#pressure.free()
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#isBlocked) this.#pressure.free()
    this.#isBlocked = false
  }

  #send(values: readonly unknown[], timestamps: readonly number[]): void {
    const bytes = this.#encode(values, timestamps)
    this.#recordsPerTarget = Math.floor((BATCH_BYTES_TARGET * values.length) / bytes.length)
    this.#limitRecords()
    if (bytes.length > BATCH_BYTES_MAX) return this.#sendHalves(values, timestamps, bytes.length)
    this.#takeCredit()
    this.#link.post({ kind: 'batch', channel: this.#channel, bytes })
  }

  // X3
  #sendHalves(values: readonly unknown[], timestamps: readonly number[], byteCount: number): void {
    const half = values.length >> 1
    if (half === 0) throw this.#tooLarge(byteCount)
    this.#send(values.slice(0, half), timestamps.slice(0, half))
    this.#send(values.slice(half), timestamps.slice(half))
  }

  #limitRecords(): void {
    this.recordsMax = Math.max(1, Math.min(this.#toldRecordsMax, this.#recordsPerTarget))
  }

  #takeCredit(): void {
    this.#credits--
    assert(this.#credits >= -BATCHES_OVERDRAFT_MAX, 'a channel was overdrawn without pause', { credits: this.#credits })
    if (this.#isBlocked || this.#credits > 0) return
    this.#isBlocked = true
    this.#pressure.block()
  }

  #encode(values: readonly unknown[], timestamps: readonly number[]): Uint8Array<ArrayBuffer> {
    try {
      return this.#encoder.encode(values, timestamps, values.length)
    } catch (error) {
      // The record that the task is at is another one: the batch has gathered since.
      const context = { operator: this.#producer, record: `among the last ${values.length}` }
      throw asEngineError(error, 'SER1001', 'a batch of records cannot be encoded. Nothing of it was sent', context)
    }
  }

  #tooLarge(byteCount: number): EngineError {
    return new EngineError(
      'SER1001',
      `a record of operator "${this.#producer}" has ${byteCount} bytes; at most ${BATCH_BYTES_MAX} pass from one slot to another. ` +
        'It was not sent and the task stops. Split large values, or pass their address (a path, a key) instead.',
      { context: { operator: this.#producer } },
    )
  }
}

export class RemoteInputChannel implements InputChannel {
  readonly #channel: number
  readonly #link: DataLink
  readonly #creditGroup: number
  readonly #debloater: Debloater
  readonly #clock: Debloating['clock']
  readonly #decoder: BatchDecoder = createBatchDecoder()
  readonly #queue = new ElementQueue<ControlElement | Uint8Array>()
  #isClosed = false
  /** Batches taken since credit was given back. */
  #taken = 0
  #toldRecordsMax = RECORDS_AT_START
  #notify: () => void = nothing

  /** @param credits of the producer at the start */
  constructor(channel: number, link: DataLink, credits: number, debloating: Debloating = NO_DEBLOATING) {
    this.#channel = channel
    this.#link = link
    this.#creditGroup = Math.max(1, Math.floor(credits / 2))
    this.#debloater = new Debloater(debloating.settings, credits)
    this.#clock = debloating.clock
  }

  onFrame(frame: DataFrame): void {
    if (this.#isClosed || frame.kind === 'credit') return
    this.#queue.push(frame.kind === 'batch' ? frame.bytes : frame.element)
    if (this.#queue.size === 1) this.#notify()
  }

  poll(): StreamElement | undefined {
    const next = this.#queue.shift()
    if (next instanceof Uint8Array) return this.#onTaken(next)
    // Behind a barrier nothing is taken until those of the other channels are there: that is not the consumer's work.
    if (next === undefined || next.kind === 'barrier') this.#onPause()
    return next
  }

  hasNext(): boolean {
    return this.#queue.size > 0
  }

  onAvailable(notify: () => void): void {
    this.#notify = notify
  }

  close(): void {
    this.#isClosed = true
    this.#queue.clear()
  }

  #onPause(): void {
    if (this.#debloater.isBusy) this.#debloater.onPause(this.#clock.monotonicMs())
  }

  #onTaken(bytes: Uint8Array): RecordBatch {
    const nowMs = this.#clock.monotonicMs() // decoding is work of the consumer
    const { values, timestamps } = this.#decoder.decode(bytes)
    this.#debloater.onTaken(values.length, nowMs)
    this.#giveBackCredit()
    return { kind: 'records', values, timestamps }
  }

  /** Half of all at a time: a message for each batch would be a third of what the hand-over costs. A new limit does not wait. */
  #giveBackCredit(): void {
    this.#taken++
    const { limit } = this.#debloater
    if (limit !== this.#toldRecordsMax) {
      this.#toldRecordsMax = limit
      this.#link.post({ kind: 'credit', channel: this.#channel, batches: this.#taken, recordsMax: limit })
    } else if (this.#taken >= this.#creditGroup) {
      this.#link.post({ kind: 'credit', channel: this.#channel, batches: this.#taken })
    } else return
    this.#taken = 0
  }
}

function nothing(): void {}
