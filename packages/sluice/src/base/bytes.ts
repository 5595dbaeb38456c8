/**
 * Bytes in and out: everything that leaves a thread or reaches a disk is written and read here.
 *
 * Owns: how numbers and text become bytes (docs/spec/bytes.md, "Primitives"). Does not own: what the bytes mean.
 *
 * B1 A reader never reads past its end, and never allocates from a length it has not compared with what remains.
 * B2 Every string and every number comes back as it was: lone surrogates, -0 and infinities included. All NaNs become one.
 * B3 Equal calls give equal bytes, on every machine (little-endian).
 * B4 What `take` returns belongs to the caller; `view`, `buffer` and `dataView` are valid until the next call that writes.
 */
import { Buffer } from 'node:buffer'
import { crc32 as zlibCrc32 } from 'node:zlib'
import { assert, unreachable } from './assert.ts'
import { EngineError } from './errors.ts'

/** Most bytes one writer holds. */
const WRITER_BYTES_MAX = 0x7fff_ffff
/** A writer that grew beyond this gives its memory back when it is reset. */
export const WRITER_BYTES_RETAINED_MAX = 4 * 1024 * 1024

/** Strings up to this length are written and read without a call into native code, which costs as much as ten characters. */
const SHORT_STRING_MAX = 10
/** V8 keeps typed arrays up to this size in its own heap, which is five times cheaper than an ArrayBuffer. */
const SMALL_COPY_MAX = 64
/** Seven bits a byte, 53 bits. */
const VARINT_BYTES_MAX = 8
const REPLACEMENT_CHARACTER = '\ufffd'
const CODE_UNITS_PER_PIECE = 4096

export class ByteWriter {
  #buffer: Buffer<ArrayBuffer>
  #view: DataView<ArrayBuffer>
  #length = 0
  readonly #initialCapacity: number

  constructor(initialCapacity = 256) {
    this.#initialCapacity = initialCapacity
    this.#buffer = Buffer.allocUnsafeSlow(initialCapacity)
    this.#view = new DataView(this.#buffer.buffer)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** The memory itself, for loops over what `claim` gave. */
  get buffer(): Buffer<ArrayBuffer> {
    return this.#buffer
  }

  get dataView(): DataView<ArrayBuffer> {
    return this.#view
  }

  u8(value: number): void {
    if (this.#length === this.#buffer.length) this.#grow(1)
    this.#buffer[this.#length++] = value
  }

  u16(value: number): void {
    const at = this.claim(2) // first: it may replace the view
    this.#view.setUint16(at, value, true)
  }

  u32(value: number): void {
    const at = this.claim(4) // first: it may replace the view
    this.#view.setUint32(at, value, true)
  }

  i32(value: number): void {
    const at = this.claim(4) // first: it may replace the view
    this.#view.setInt32(at, value, true)
  }

  f64(value: number): void {
    const at = this.claim(8)
    this.#view.setFloat64(at, Number.isNaN(value) ? Number.NaN : value, true)
  }

  /** A safe integer >= 0. */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) unreachable('a varint is a safe integer and not negative', value)
    if (value < 0x80) this.u8(value)
    else this.#varintRest(value)
  }

  /** A safe integer of either sign. -0 becomes 0. */
  zigzag(value: number): void {
    if (!Number.isSafeInteger(value)) unreachable('a zigzag is a safe integer', value)
    const sign = value < 0 ? 1 : 0
    const magnitude = value < 0 ? -(value + 1) : value
    if (magnitude < 64) return this.u8(2 * magnitude + sign)
    // 2 * magnitude can need a bit more than a number has, so the lowest seven bits go first.
    this.u8(0x80 | ((magnitude % 64) * 2) | sign)
    this.#varintRest(Math.floor(magnitude / 64))
  }

  /** Text: its length in bytes, then the bytes of `text`. */
  string(value: string): void {
    if (this.shortAscii(value, 0)) return
    const byteCount = Buffer.byteLength(value)
    this.varint(byteCount)
    this.text(value, byteCount)
  }

  /**
   * The bytes of a string without its length: UTF-8, where a lone surrogate takes the three bytes it would have as a code point.
   * `byteCount` is `Buffer.byteLength(value)`.
   */
  text(value: string, byteCount: number): void {
    const at = this.claim(byteCount)
    if (byteCount === value.length || value.isWellFormed()) this.#buffer.write(value, at, byteCount)
    else writeIllFormed(this.#buffer, at, value)
  }

  /** A short ASCII string behind one byte, `tag` plus its length. False, and nothing is written, for any other string. */
  shortAscii(value: string, tag: number): boolean {
    const length = value.length
    if (length > SHORT_STRING_MAX) return false
    const start = this.#length
    let at = this.claim(1 + length)
    const buffer = this.#buffer
    buffer[at++] = tag + length
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) {
        this.#length = start
        return false
      }
      buffer[at++] = unit
    }
    return true
  }

  /** Raw bytes without their length. */
  bytes(value: Uint8Array): void {
    const at = this.claim(value.length) // first: it may replace the buffer
    this.#buffer.set(value, at)
  }

  lengthPrefixed(value: Uint8Array): void {
    this.varint(value.length)
    this.bytes(value)
  }

  /** Room for `byteCount` bytes at the end, to be filled through `buffer` or `dataView`. Returns where it starts. */
  claim(byteCount: number): number {
    const at = this.#length
    if (at + byteCount > this.#buffer.length) this.#grow(byteCount)
    this.#length = at + byteCount
    return at
  }

  /** Forgets everything behind `length`. */
  truncate(length: number): void {
    assert(length >= 0 && length <= this.#length, 'a writer is cut within what it holds', {
      length,
      held: this.#length,
    })
    this.#length = length
  }

  reset(): void {
    this.#length = 0
    if (this.#buffer.length <= WRITER_BYTES_RETAINED_MAX) return
    this.#buffer = Buffer.allocUnsafeSlow(this.#initialCapacity)
    this.#view = new DataView(this.#buffer.buffer)
  }

  /** What was written, as bytes that own the whole of their buffer and can be transferred; the writer starts again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken =
      this.#length <= SMALL_COPY_MAX ? this.#smallCopy() : new Uint8Array(this.#buffer.buffer.slice(0, this.#length))
    this.reset()
    return taken
  }

  /** What was written, without a copy. */
  view(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer, 0, this.#length)
  }

  #smallCopy(): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.#length)
    for (let i = 0; i < copy.length; i++) copy[i] = byteAt(this.#buffer, i)
    return copy
  }

  #varintRest(value: number): void {
    let at = this.claim(VARINT_BYTES_MAX)
    const buffer = this.#buffer
    let rest = value
    while (rest > 0x7fff_ffff) {
      buffer[at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    buffer[at++] = rest
    this.#length = at
  }

  #grow(byteCount: number): void {
    const needed = this.#length + byteCount
    if (needed > WRITER_BYTES_MAX) throw tooLong(needed)
    const grown = Buffer.allocUnsafeSlow(Math.min(WRITER_BYTES_MAX, Math.max(needed, 2 * this.#buffer.length)))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
    this.#view = new DataView(grown.buffer)
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #position = 0
  #buffer: Buffer | undefined
  #view: DataView | undefined

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#end = bytes.length
  }

  get position(): number {
    return this.#position
  }

  get remaining(): number {
    return this.#end - this.#position
  }

  /** The bytes read from, for loops over what `claim` gave. */
  get buffer(): Buffer {
    return (this.#buffer ??= Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#end))
  }

  get dataView(): DataView {
    return (this.#view ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#end))
  }

  u8(): number {
    const byte = this.#bytes[this.#position]
    if (byte === undefined) throw this.#tooShort(1, 'a byte')
    this.#position++
    return byte
  }

  u16(): number {
    return this.dataView.getUint16(this.claim(2, 'a u16'), true)
  }

  u32(): number {
    return this.dataView.getUint32(this.claim(4, 'a u32'), true)
  }

  i32(): number {
    return this.dataView.getInt32(this.claim(4, 'an i32'), true)
  }

  f64(): number {
    return this.dataView.getFloat64(this.claim(8, 'an f64'), true)
  }

  varint(): number {
    const first = this.u8()
    return first < 0x80 ? first : this.#varintFrom(first & 0x7f, 128)
  }

  zigzag(): number {
    const first = this.u8()
    const lowest = (first & 0x7f) >>> 1
    const magnitude = first < 0x80 ? lowest : this.#varintFrom(lowest, 64)
    if ((first & 1) === 0) return magnitude
    if (magnitude === Number.MAX_SAFE_INTEGER) throw this.malformed('a negative integer is longer than 53 bits')
    return -magnitude - 1
  }

  string(): string {
    return this.text(this.varint())
  }

  /** A string of so many bytes; what is no UTF-8 as `ByteWriter.text` writes it is refused. */
  text(byteCount: number): string {
    const start = this.claim(byteCount, 'a string')
    if (byteCount <= SHORT_STRING_MAX) {
      const short = shortAscii(this.#bytes, start, byteCount)
      if (short !== undefined) return short
    }
    const value = this.buffer.toString('utf8', start, start + byteCount)
    return value.includes(REPLACEMENT_CHARACTER) ? this.#exactText(start, start + byteCount) : value
  }

  /** So many bytes as a view, not a copy. */
  slice(byteCount: number): Uint8Array {
    const start = this.claim(byteCount, 'bytes')
    return this.#bytes.subarray(start, start + byteCount)
  }

  /** Bytes behind their length, as a view. */
  lengthPrefixed(): Uint8Array {
    return this.slice(this.varint())
  }

  skip(byteCount: number): void {
    this.claim(byteCount, 'bytes to skip')
  }

  /** Passes over `byteCount` bytes, to be read through `buffer` or `dataView`. Returns where they start. */
  claim(byteCount: number, what: string): number {
    const at = this.#position
    if (byteCount > this.#end - at) throw this.#tooShort(byteCount, what)
    this.#position = at + byteCount
    return at
  }

  /** A number of things that take at least `bytesEach` bytes: refused when the bytes for them are not there. */
  count(bytesEach: number, what: string): number {
    const count = this.varint()
    if (count * bytesEach > this.remaining) throw this.#tooShort(count * bytesEach, `${count} ${what}`)
    return count
  }

  /** Refuses bytes behind the end of what was read. */
  finish(what: string): void {
    if (this.#position !== this.#end) throw this.malformed(`${what} ends here, but ${this.remaining} more bytes follow`)
  }

  /** The error for bytes that cannot have been written by us; `problem` says what is wrong at the current position. */
  malformed(problem: string): EngineError {
    return new EngineError(
      'SER1002',
      `bytes cannot be decoded: ${problem} (offset ${this.#position} of ${this.#end}). ` +
        'They were damaged or written by a newer version; nothing of them was used. ' +
        'If a restart from the last checkpoint does not help, check the disk or network they came from.',
    )
  }

  #tooShort(byteCount: number, what: string): EngineError {
    return this.malformed(`expected ${what} (${byteCount} bytes), but only ${this.remaining} bytes are left`)
  }

  #varintFrom(low: number, lowScale: number): number {
    let value = low
    let scale = lowScale
    for (let i = 1; i < VARINT_BYTES_MAX; i++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      scale *= 128
      if (byte >= 0x80) continue
      if (value <= Number.MAX_SAFE_INTEGER) return value
      break
    }
    throw this.malformed('an integer is longer than 53 bits')
  }

  #exactText(start: number, end: number): string {
    const value = readIllFormed(this.#bytes, start, end)
    if (value === undefined) throw this.malformed(`the string at offset ${start} is not UTF-8`)
    return value
  }
}

/** The checksum of gzip and PNG. `seed` continues the checksum of bytes that came before. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed)
}

function tooLong(byteCount: number): EngineError {
  return new EngineError(
    'SER1001',
    `${byteCount} bytes do not fit into one block (limit ${WRITER_BYTES_MAX}). ` +
      'Nothing was written. Keep single records and single state values well below this size.',
  )
}

/** The byte at an index that the caller knows to be within the bytes; the type cannot know. */
function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0
}

function shortAscii(bytes: Uint8Array, start: number, length: number): string | undefined {
  let bits = 0
  for (let i = 0; i < length; i++) bits |= byteAt(bytes, start + i)
  if (bits > 0x7f) return undefined
  let text = ''
  let at = start
  const end = start + length
  for (; at + 4 <= end; at += 4) {
    text += String.fromCharCode(byteAt(bytes, at), byteAt(bytes, at + 1), byteAt(bytes, at + 2), byteAt(bytes, at + 3))
  }
  for (; at < end; at++) text += String.fromCharCode(byteAt(bytes, at))
  return text
}

function writeIllFormed(buffer: Uint8Array, start: number, value: string): void {
  let at = start
  for (const character of value) {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x80) buffer[at++] = code
    else if (code < 0x800) {
      buffer[at++] = 0xc0 | (code >> 6)
      buffer[at++] = 0x80 | (code & 0x3f)
    } else if (code < 0x10000) {
      buffer[at++] = 0xe0 | (code >> 12)
      buffer[at++] = 0x80 | ((code >> 6) & 0x3f)
      buffer[at++] = 0x80 | (code & 0x3f)
    } else {
      buffer[at++] = 0xf0 | (code >> 18)
      buffer[at++] = 0x80 | ((code >> 12) & 0x3f)
      buffer[at++] = 0x80 | ((code >> 6) & 0x3f)
      buffer[at++] = 0x80 | (code & 0x3f)
    }
  }
}

/** Strict, except that lone surrogates are read; undefined for bytes that `writeIllFormed` cannot have written. */
function readIllFormed(bytes: Uint8Array, start: number, end: number): string | undefined {
  let value = ''
  let units: number[] = []
  let at = start
  while (at < end) {
    const lead = byteAt(bytes, at++)
    const length = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1
    if (length < 0 || at + length > end) return undefined
    let code = length === 0 ? lead : lead & (0x3f >> length)
    for (let i = 0; i < length; i++) {
      const byte = byteAt(bytes, at++)
      if ((byte & 0xc0) !== 0x80) return undefined
      code = (code << 6) | (byte & 0x3f)
    }
    if ((length === 2 && code < 0x800) || (length === 3 && code < 0x10000) || code > 0x10ffff) return undefined
    const isLowSurrogate = code >= 0xdc00 && code < 0xe000
    const last = units.length === 0 ? value.charCodeAt(value.length - 1) : (units.at(-1) ?? 0)
    if (isLowSurrogate && last >= 0xd800 && last < 0xdc00) return undefined // a pair is written as one character
    if (code < 0x10000) units.push(code)
    else units.push(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff))
    if (units.length < CODE_UNITS_PER_PIECE) continue
    value += String.fromCharCode(...units)
    units = []
  }
  return value + String.fromCharCode(...units)
}
