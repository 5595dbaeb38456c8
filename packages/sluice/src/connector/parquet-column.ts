/**
 * Decodes one flat column of one row group into distinct values and an index per row.
 *
 * Owns: definition levels and dictionary indexes, the part of Parquet where the time goes. Does not own: headers, compression, plain values and logical
 * types (hyparquet's), nested columns.
 *
 * P1 `values[0]` is null; `indexes[row]` points to the value of the row.
 * P2 A dictionary is converted once, whatever the number of rows.
 * P3 Pages with other encodings than plain and dictionary are decoded by hyparquet and appended to `values`.
 */
import { crc32 } from 'node:zlib'
import type { ColumnDecoder, DecodedArray, PageHeader, ParquetLibrary } from './parquet-library.ts'
import { plainValue } from './parquet-library.ts'

export interface ColumnValues {
  readonly values: readonly unknown[]
  readonly indexes: Int32Array
}

/** Widest index the fast reader takes; hyparquet reads wider ones. */
const INDEX_BITS_MAX = 24

/** All rows of the column; `bytes` are its pages. */
export function decodeColumn(
  library: ParquetLibrary,
  decoder: ColumnDecoder,
  bytes: Uint8Array,
  rowCount: number,
): ColumnValues {
  const reading = new ColumnReading(library, decoder, rowCount)
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
  while (reading.rows < rowCount && reader.offset < bytes.length) {
    const header = library.column.parquetHeader(reader)
    const start = reader.offset
    const page = bytes.subarray(start, start + header.compressed_page_size)
    // The checksum is optional; without one, what decompression does not notice stays unnoticed.
    if (header.crc !== undefined && header.crc >>> 0 !== crc32(page))
      throw new TypeError('a page does not match its checksum')
    reading.addPage(header, page)
    reader.offset = start + header.compressed_page_size
  }
  return reading.finish()
}

/** A page of data with its levels taken off. */
interface PageBody {
  readonly encoding: string
  readonly valueCount: number
  /** 1 where there is a value; undefined when all have one. */
  readonly present: Int32Array | undefined
  readonly data: Uint8Array
}

class ColumnReading {
  readonly #library: ParquetLibrary
  readonly #decoder: ColumnDecoder
  readonly #values: unknown[] = [null]
  readonly #indexes: Int32Array
  /** Where the dictionary starts in `#values`. */
  #dictionaryStart = 1
  #dictionary: DecodedArray | undefined
  rows = 0

  constructor(library: ParquetLibrary, decoder: ColumnDecoder, rowCount: number) {
    this.#library = library
    this.#decoder = decoder
    this.#indexes = new Int32Array(rowCount)
  }

  addPage(header: PageHeader, compressed: Uint8Array): void {
    if (header.type === 'DICTIONARY_PAGE') return this.#addDictionary(header, compressed)
    const body = this.#bodyOf(header, compressed)
    if (body === undefined) this.#addByLibrary(header, compressed)
    else if (body.encoding === 'PLAIN') this.#addPlain(body)
    else this.#addIndexes(body)
  }

  finish(): ColumnValues {
    if (this.rows !== this.#indexes.length) throw new TypeError(`${this.rows} values for ${this.#indexes.length} rows`)
    return { values: this.#values, indexes: this.#indexes }
  }

  #addDictionary(header: PageHeader, compressed: Uint8Array): void {
    const page = this.#decompress(compressed, header.uncompressed_page_size)
    const count = header.dictionary_page_header?.num_values ?? 0
    this.#dictionary = this.#readPlain(page, count)
    this.#dictionaryStart = this.#values.length
    this.#append(this.#dictionary)
  }

  /** Undefined when the page is none that is read here. */
  #bodyOf(header: PageHeader, compressed: Uint8Array): PageBody | undefined {
    const v1 = header.data_page_header
    if (v1 !== undefined) {
      if (!this.#canRead(v1.encoding)) return undefined
      const page = this.#decompress(compressed, header.uncompressed_page_size)
      if (!this.#isNullable())
        return { encoding: v1.encoding, valueCount: v1.num_values, present: undefined, data: page }
      const levelBytes = new DataView(page.buffer, page.byteOffset).getUint32(0, true)
      const present = presence(page.subarray(4, 4 + levelBytes), v1.num_values)
      return { encoding: v1.encoding, valueCount: v1.num_values, present, data: page.subarray(4 + levelBytes) }
    }
    const v2 = header.data_page_header_v2
    if (v2 === undefined || !this.#canRead(v2.encoding)) return undefined
    const levelBytes = v2.definition_levels_byte_length
    const rest = compressed.subarray(levelBytes)
    const size = header.uncompressed_page_size - levelBytes
    const data = v2.is_compressed === false ? rest : this.#decompress(rest, size)
    const present = v2.num_nulls === 0 ? undefined : presence(compressed.subarray(0, levelBytes), v2.num_values)
    return { encoding: v2.encoding, valueCount: v2.num_values, present, data }
  }

  #canRead(encoding: string): boolean {
    return (
      encoding === 'PLAIN' ||
      ((encoding === 'RLE_DICTIONARY' || encoding === 'PLAIN_DICTIONARY') && this.#dictionary !== undefined)
    )
  }

  #isNullable(): boolean {
    return this.#decoder.element.repetition_type === 'OPTIONAL'
  }

  #addPlain({ data, present, valueCount }: PageBody): void {
    const count = present === undefined ? valueCount : countPresent(present)
    const start = this.#values.length
    this.#append(this.#readPlain(data, count))
    const at = this.rows
    for (let i = 0; i < count; i++) this.#indexes[at + i] = start + i
    this.#spread(present, count, valueCount)
  }

  #addIndexes({ data, present, valueCount }: PageBody): void {
    const count = present === undefined ? valueCount : countPresent(present)
    const out = this.#indexes.subarray(this.rows, this.rows + count)
    const bitWidth = count === 0 ? 0 : (data[0] ?? 0)
    if (bitWidth > INDEX_BITS_MAX) throw new TypeError(`dictionary indexes of ${bitWidth} bits`)
    readHybrid(data.subarray(1), bitWidth, out, this.#dictionaryStart)
    this.#spread(present, count, valueCount)
  }

  /** The dense indexes at the end become one per row, 0 where there is no value. */
  #spread(present: Int32Array | undefined, count: number, valueCount: number): void {
    const at = this.rows
    this.rows += valueCount
    if (present === undefined) return
    let from = at + count
    for (let row = valueCount - 1; row >= 0; row--) {
      this.#indexes[at + row] = present[row] === 1 ? (this.#indexes[--from] ?? 0) : 0
    }
  }

  /** P3 */
  #addByLibrary(header: PageHeader, compressed: Uint8Array): void {
    const reader = { view: new DataView(compressed.buffer, compressed.byteOffset, compressed.byteLength), offset: 0 }
    const page = this.#library.column.readPage(reader, header, this.#decoder, this.#dictionary, undefined, 0).data ?? []
    const start = this.#values.length
    this.#append(page)
    for (let i = 0; i < page.length; i++) this.#indexes[this.rows + i] = start + i
    this.rows += page.length
  }

  #readPlain(page: Uint8Array, count: number): DecodedArray {
    const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 }
    const { type, element } = this.#decoder
    return this.#library.convert.convert(
      this.#library.plain.readPlain(reader, type, count, element.type_length),
      this.#decoder,
    )
  }

  #append(decoded: DecodedArray): void {
    for (let i = 0; i < decoded.length; i++) this.#values.push(plainValue(decoded[i]) ?? null)
  }

  #decompress(compressed: Uint8Array, sizeBytes: number): Uint8Array {
    return this.#library.page.decompressPage(compressed, sizeBytes, this.#decoder.codec, this.#decoder.compressors)
  }
}

/** Definition levels of a flat column: 1 where there is a value; undefined when there is one everywhere. */
function presence(levels: Uint8Array, valueCount: number): Int32Array | undefined {
  const out = new Int32Array(valueCount)
  readHybrid(levels, 1, out, 0)
  return out.includes(0) ? out : undefined
}

function countPresent(present: Int32Array): number {
  let count = 0
  for (const level of present) count += level
  return count
}

/** Fills `out` from runs of one repeated value and runs of bit-packed values; adds `base` to each. */
function readHybrid(data: Uint8Array, bitWidth: number, out: Int32Array, base: number): void {
  let offset = 0
  let at = 0
  while (at < out.length) {
    if (offset >= data.length && bitWidth > 0) throw new TypeError('a page ends before its values')
    let header = 0
    for (let shift = 0; ; shift += 7) {
      const byte = data[offset++] ?? 0
      header |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    if ((header & 1) === 1) {
      const count = Math.min((header >>> 1) * 8, out.length - at)
      unpackBits({ data, offset, bitWidth }, out.subarray(at, at + count), base)
      offset += (header >>> 1) * bitWidth
      at += count
    } else {
      let value = base
      for (let shift = 0; shift < bitWidth; shift += 8) value += (data[offset++] ?? 0) << shift
      const end = Math.min(out.length, at + (header >>> 1))
      if (header === 0 && bitWidth === 0) return void out.fill(base, at)
      out.fill(value, at, end)
      at = end
    }
  }
}

interface Bits {
  readonly data: Uint8Array
  readonly offset: number
  readonly bitWidth: number
}

function unpackBits({ data, offset, bitWidth }: Bits, out: Int32Array, base: number): void {
  const mask = (1 << bitWidth) - 1
  let held = 0
  let heldBits = 0
  for (let i = 0; i < out.length; i++) {
    while (heldBits < bitWidth) {
      held |= (data[offset++] ?? 0) << heldBits
      heldBits += 8
    }
    out[i] = (held & mask) + base
    held >>>= bitWidth
    heldBits -= bitWidth
  }
}
