import type { ControlElement } from '../stream/element.ts'
import type { OutputChannel } from './channel.ts'

/** Gathers the records of one channel into batches. */
export class BatchWriter {
  readonly #channel: OutputChannel
  readonly #recordsMax: number
  #values: unknown[] = []
  #timestamps: number[] = []
  /** Records sent so far. */
  recordsOut = 0

  constructor(channel: OutputChannel, recordsMax: number) {
    this.#channel = channel
    this.#recordsMax = recordsMax
  }

  append(value: unknown, timestamp: number): void {
    this.#values.push(value)
    this.#timestamps.push(timestamp)
    if (this.#values.length >= this.#recordsMax) this.flush()
  }

  /** Sends what has gathered. */
  flush(): void {
    if (this.#values.length === 0) return
    const batch = { kind: 'records', values: this.#values, timestamps: this.#timestamps } as const
    this.recordsOut += this.#values.length
    this.#values = []
    this.#timestamps = []
    this.#channel.sendBatch(batch)
  }

  /** Behind everything appended before. */
  sendControl(element: ControlElement): void {
    this.flush()
    this.#channel.sendControl(element)
  }

  close(): void {
    this.#values = []
    this.#timestamps = []
    this.#channel.close()
  }
}
