/**
 * The two halves of a channel between threads or processes. Credits: the producer starts with `credits` batches and gets one back for each
 * batch that the consumer takes, so at most `credits` encoded batches wait anywhere between the two.
 */
import { assert } from '../base/assert.ts'
import { asEngineError } from '../base/errors.ts'
import { createBatchDecoder, createBatchEncoder, type BatchDecoder, type BatchEncoder } from '../serde/batch-codec.ts'
import type { ControlElement, RecordBatch, StreamElement } from '../stream/element.ts'
import type { OutputPressure } from './blocking.ts'
import { BATCHES_OVERDRAFT_MAX, type InputChannel, type OutputChannel } from './channel.ts'
import type { DataFrame, DataLink } from './data-link.ts'
import { ElementQueue } from './element-queue.ts'

export class RemoteOutputChannel implements OutputChannel {
  readonly #channel: number
  readonly #link: DataLink
  readonly #pressure: OutputPressure
  readonly #producer: string
  readonly #encoder: BatchEncoder = createBatchEncoder()
  #credits: number
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

  sendBatch(batch: RecordBatch): void {
    if (this.#isClosed) return
    const bytes = this.#encode(batch)
    this.#credits--
    assert(this.#credits >= -BATCHES_OVERDRAFT_MAX, 'a channel was overdrawn without pause', { credits: this.#credits })
    if (!this.#isBlocked && this.#credits <= 0) {
      this.#isBlocked = true
      this.#pressure.block()
    }
    this.#link.post({ kind: 'batch', channel: this.#channel, bytes })
  }

  sendControl(element: ControlElement): void {
    if (!this.#isClosed) this.#link.post({ kind: 'control', channel: this.#channel, element })
  }

  /** The consumer took `batches` batches. */
  onCredit(batches: number): void {
    this.#credits += batches
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

  #encode({ values, timestamps }: RecordBatch): Uint8Array<ArrayBuffer> {
    try {
      return this.#encoder.encode(values, timestamps, values.length)
    } catch (error) {
      // The record that the task is at is another one: the batch has gathered since.
      const context = { operator: this.#producer, record: `among the last ${values.length}` }
      throw asEngineError(error, 'SER1001', 'a batch of records cannot be encoded. Nothing of it was sent', context)
    }
  }
}

export class RemoteInputChannel implements InputChannel {
  readonly #channel: number
  readonly #link: DataLink
  readonly #creditGroup: number
  readonly #decoder: BatchDecoder = createBatchDecoder()
  readonly #queue = new ElementQueue<ControlElement | Uint8Array>()
  #isClosed = false
  /** Batches taken since credit was given back. */
  #taken = 0
  #notify: () => void = nothing

  /** @param credits of the producer at the start */
  constructor(channel: number, link: DataLink, credits: number) {
    this.#channel = channel
    this.#link = link
    this.#creditGroup = Math.max(1, Math.floor(credits / 2))
  }

  onFrame(frame: DataFrame): void {
    if (this.#isClosed || frame.kind === 'credit') return
    this.#queue.push(frame.kind === 'batch' ? frame.bytes : frame.element)
    if (this.#queue.size === 1) this.#notify()
  }

  poll(): StreamElement | undefined {
    const next = this.#queue.shift()
    if (next === undefined || !(next instanceof Uint8Array)) return next
    this.#giveBackCredit()
    return this.#toBatch(next)
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

  /** Half of all at a time: a message for each batch would be a third of what the hand-over costs. */
  #giveBackCredit(): void {
    this.#taken++
    if (this.#taken < this.#creditGroup) return
    this.#link.post({ kind: 'credit', channel: this.#channel, batches: this.#taken })
    this.#taken = 0
  }

  #toBatch(bytes: Uint8Array): RecordBatch {
    const { values, timestamps } = this.#decoder.decode(bytes)
    return { kind: 'records', values, timestamps }
  }
}

function nothing(): void {}
