/**
 * Cuts bytes that come in pieces at a delimiter.
 *
 * Owns: what came behind the last delimiter, up to the longest record. A record that is longer is given with its first bytes and its length.
 */
export interface DelimitedOptions {
  /** ASCII. In front of `\n` a `\r` is dropped. */
  readonly delimiter: string
  readonly recordBytesMax: number
  /** `length` is above the number of bytes for a record that was too long. */
  onRecord(bytes: Uint8Array, length: number): void
}

const CARRIAGE_RETURN = 13

export class DelimitedBytes {
  readonly #options: DelimitedOptions
  readonly #delimiter: Buffer
  /** The begun record: at most `recordBytesMax` bytes and a delimiter. */
  #rest: Buffer = Buffer.alloc(0)
  /** Of the begun record, more than `#rest` has where it was too long. */
  #length = 0

  constructor(options: DelimitedOptions) {
    this.#options = options
    this.#delimiter = Buffer.from(options.delimiter, 'latin1')
  }

  push(bytes: Uint8Array): void {
    const overlap = this.#length - this.#rest.length
    const joined = this.#rest.length === 0 ? asBuffer(bytes) : Buffer.concat([this.#rest, bytes])
    // A delimiter may have begun in the bytes before.
    let searchFrom = Math.max(0, this.#rest.length - this.#delimiter.length + 1)
    let start = 0
    let dropped = overlap
    for (;;) {
      const at = joined.indexOf(this.#delimiter, searchFrom)
      if (at < 0) break
      this.#emit(joined.subarray(start, at), dropped)
      dropped = 0
      start = at + this.#delimiter.length
      searchFrom = start
    }
    this.#keep(joined.subarray(start), dropped)
  }

  /** What came behind the last delimiter is a record, if there is anything. */
  end(): void {
    if (this.#length > 0) this.#emit(this.#rest, this.#length - this.#rest.length)
    this.#rest = Buffer.alloc(0)
    this.#length = 0
  }

  #emit(bytes: Buffer, dropped: number): void {
    const isLine = this.#options.delimiter === '\n' && bytes.at(-1) === CARRIAGE_RETURN
    const record = isLine ? bytes.subarray(0, -1) : bytes
    const kept = record.subarray(0, this.#options.recordBytesMax)
    this.#options.onRecord(kept, record.length + dropped)
  }

  /** Of a record that is too long, the first bytes and the last ones, in which a delimiter may have begun. */
  #keep(rest: Buffer, dropped: number): void {
    const { recordBytesMax } = this.#options
    const tail = this.#delimiter.length
    this.#length = rest.length + dropped
    const isTooLong = rest.length > recordBytesMax + tail
    this.#rest = isTooLong ? Buffer.concat([rest.subarray(0, recordBytesMax), rest.subarray(-tail)]) : Buffer.from(rest) // a copy: the piece it is of is large
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
