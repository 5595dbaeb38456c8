/**
 * Cuts bytes that come in pieces at a delimiter.
 *
 * Owns: what came behind the last delimiter, up to the longest record. A record that is longer is given with its first bytes and its length.
 * What a piece costs does not depend on how much of its record came before.
 */
export interface DelimitedOptions {
  /** ASCII. In front of `\n` a `\r` is dropped. */
  readonly delimiter: string
  readonly recordBytesMax: number
  /** `length` is above the number of bytes for a record that was too long. The bytes are only there during the call. */
  onRecord(bytes: Uint8Array, length: number): void
}

const CARRIAGE_RETURN = 13
/** Of a buffer that waits for the next long record; a larger one is let go of. */
const SPARE_BYTES = 64 * 1024

export class DelimitedBytes {
  readonly #options: DelimitedOptions
  readonly #delimiter: Buffer
  /** At its start the first bytes of the begun record: at most `recordBytesMax` and one, which may be a `\r`. */
  #begun: Buffer = Buffer.alloc(0)
  #begunLength = 0
  /** Bytes of the begun record that came, kept or not. */
  #length = 0
  /** The last ones of them: a delimiter may have begun there. */
  #last: Buffer = Buffer.alloc(0)

  constructor(options: DelimitedOptions) {
    this.#options = options
    this.#delimiter = Buffer.from(options.delimiter, 'latin1')
  }

  push(bytes: Uint8Array): void {
    const piece = asBuffer(bytes)
    let start = this.#length === 0 ? 0 : this.#finishBegun(piece)
    if (start === undefined) return this.#keep(piece)
    for (let at = this.#find(piece, start); at >= 0; at = this.#find(piece, start)) {
      this.#emit(piece.subarray(start, at), at - start, piece[at - 1])
      start = at + this.#delimiter.length
    }
    this.#keep(piece.subarray(start))
  }

  /** What came behind the last delimiter is a record, if there is anything. */
  end(): void {
    if (this.#length > 0) this.#emitBegun()
  }

  #find(piece: Buffer, from: number): number {
    return piece.indexOf(this.#delimiter, from)
  }

  /** Where in the piece the next record begins; undefined: the begun one goes on behind it. */
  #finishBegun(piece: Buffer): number | undefined {
    const overlap = this.#delimiter.length - 1
    const before = this.#last.subarray(Math.max(0, this.#last.length - overlap))
    const inSeam = overlap === 0 ? -1 : this.#find(Buffer.concat([before, piece.subarray(0, overlap)]), 0)
    const at = inSeam >= 0 ? inSeam - before.length : this.#find(piece, 0)
    if (at < 0 && inSeam < 0) return undefined
    if (at >= 0) this.#keep(piece.subarray(0, at))
    else this.#length += at // the delimiter's own bytes
    this.#emitBegun()
    return at + this.#delimiter.length
  }

  #emitBegun(): void {
    const [length, last] = [this.#length, this.#last.at(-1)]
    const bytes = this.#begun.subarray(0, Math.min(this.#begunLength, length))
    this.#length = 0
    this.#begunLength = 0
    this.#last = this.#last.subarray(0, 0)
    if (this.#begun.length > SPARE_BYTES) this.#begun = Buffer.alloc(0)
    this.#emit(bytes, length, last)
  }

  /** The first bytes of a record, its length, and its last byte. */
  #emit(bytes: Buffer, length: number, last: number | undefined): void {
    const { delimiter, recordBytesMax } = this.#options
    const whole = delimiter === '\n' && length > 0 && last === CARRIAGE_RETURN ? length - 1 : length
    this.#options.onRecord(bytes.subarray(0, Math.min(whole, recordBytesMax)), whole)
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return
    const kept = part.subarray(0, this.#options.recordBytesMax + 1 - this.#begunLength)
    this.#grow(this.#begunLength + kept.length)
    kept.copy(this.#begun, this.#begunLength)
    this.#begunLength += kept.length
    this.#length += part.length
    const size = this.#delimiter.length
    this.#last = Buffer.concat([this.#last, part.subarray(-size)]).subarray(-size)
  }

  #grow(bytes: number): void {
    if (bytes <= this.#begun.length) return
    const larger = Buffer.alloc(Math.min(this.#options.recordBytesMax + 1, Math.max(bytes, this.#begun.length * 2)))
    this.#begun.copy(larger, 0, 0, this.#begunLength)
    this.#begun = larger
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
