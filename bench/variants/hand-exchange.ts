/** What two hand-written threads exchange: batches of records as bytes, and how far each of them is. */
import { Buffer } from 'node:buffer'

export const BATCH_RECORDS = 512
/** Longest key here, one byte a character, with its length, and a timestamp. */
const RECORD_BYTES_MAX = 24

export type HandMessage =
  | { readonly kind: 'batch'; readonly bytes: ArrayBuffer; readonly length: number }
  | { readonly kind: 'watermark'; readonly timestampMs: number }
  | { readonly kind: 'credit' }
  | { readonly kind: 'end' }

/** Appends `length, characters, timestamp` of each record to one buffer. */
export class HandBatchWriter {
  #buffer = Buffer.allocUnsafeSlow(BATCH_RECORDS * RECORD_BYTES_MAX)
  #length = 0
  count = 0

  append(key: string, timestampMs: number): void {
    const buffer = this.#buffer
    let at = this.#length
    buffer[at++] = key.length
    for (let i = 0; i < key.length; i++) buffer[at++] = key.charCodeAt(i)
    this.#length = buffer.writeDoubleLE(timestampMs, at)
    this.count++
  }

  take(): { readonly kind: 'batch'; readonly bytes: ArrayBuffer; readonly length: number } {
    const batch = { kind: 'batch', bytes: this.#buffer.buffer, length: this.#length } as const
    this.#buffer = Buffer.allocUnsafeSlow(BATCH_RECORDS * RECORD_BYTES_MAX)
    this.#length = 0
    this.count = 0
    return batch
  }
}

/** Calls `take` with each record of a batch. */
export function readBatch(bytes: ArrayBuffer, length: number, take: (key: string, timestampMs: number) => void): void {
  const buffer = Buffer.from(bytes)
  for (let at = 0; at < length;) {
    const end = at + 1 + buffer[at]! // the length byte of a record
    take(buffer.toString('latin1', at + 1, end), buffer.readDoubleLE(end))
    at = end + Float64Array.BYTES_PER_ELEMENT
  }
}

/** Which of two threads counts a key. */
export function ownerOf(key: string): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = (Math.imul(31, hash) + key.charCodeAt(i)) | 0
  return (hash ^ (hash >>> 16)) & 1
}
