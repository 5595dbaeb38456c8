import type { ControlElement } from '../stream/element.ts'
import type { OutputChannel } from './channel.ts'

/**
 * Gathers the records of one channel into batches.
 *
 * Batches are copies of full-length arrays: growing them record by record costs more than everything else that happens here.
 */
export class BatchWriter {
  readonly #channel: OutputChannel
  readonly #recordsMax: number
  readonly #emptyValues: readonly unknown[]
  readonly #emptyTimestamps: readonly number[]
  #values: unknown[] = []
  #timestamps: number[] = []
  #count = 0
  /** Records of the batch at hand. */
  #limit: number
  /** Records sent so far. */
  recordsOut = 0

  constructor(channel: OutputChannel, recordsMax: number) {
    this.#channel = channel
    this.#recordsMax = recordsMax
    this.#limit = recordsMax
    this.#emptyValues = Array.from({ length: recordsMax }, () => undefined)
    // fractions, so that the copies are arrays of doubles from the beginning
    this.#emptyTimestamps = Array.from({ length: recordsMax }, () => 0.5)
  }

  append(value: unknown, timestamp: number): void {
    const count = this.#count
    if (count === 0) this.#begin()
    this.#values[count] = value
    this.#timestamps[count] = timestamp
    this.#count = count + 1
    if (count + 1 === this.#limit) this.flush()
  }

  /** Sends what has gathered. */
  flush(): void {
    const count = this.#count
    if (count === 0) return
    const batch = { kind: 'records', values: this.#values, timestamps: this.#timestamps } as const
    if (count < this.#limit) {
      batch.values.length = count
      batch.timestamps.length = count
    }
    this.recordsOut += count
    this.#forget()
    this.#channel.sendBatch(batch)
  }

  /** Behind everything appended before. */
  sendControl(element: ControlElement): void {
    this.flush()
    this.#channel.sendControl(element)
  }

  close(): void {
    this.#forget()
    this.#channel.close()
  }

  #begin(): void {
    const limit = Math.min(this.#recordsMax, this.#channel.recordsMax)
    this.#limit = limit
    this.#values = this.#emptyValues.slice(0, limit)
    this.#timestamps = this.#emptyTimestamps.slice(0, limit)
  }

  #forget(): void {
    this.#values = []
    this.#timestamps = []
    this.#count = 0
  }
}
