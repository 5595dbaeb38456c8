/**
 * Reads what `ColumnWriter` wrote.
 *
 * R1 Bytes that no writer can have written are refused where the format allows to see it; memory stays within ENCODED_CELLS_MAX and
 *    a small multiple of the bytes.
 * R2 No string keeps the text of its batch alive: V8 copies parts below 13 characters, longer ones are decoded on their own.
 */
import { isAscii } from 'node:buffer'
import { ByteReader } from '../base/bytes.ts'
import {
  COLUMN_ASCII,
  COLUMN_BOOLEANS,
  COLUMN_CONSTANT,
  COLUMN_DEPTH_MAX,
  COLUMN_DICTIONARY,
  COLUMN_F64,
  COLUMN_INTEGERS,
  COLUMN_NULLABLE,
  COLUMN_STRUCT,
  COLUMN_UTF8,
  COLUMN_VALUES,
  ENCODED_CELLS_MAX,
  MISSING_EITHER,
  MISSING_NULL,
  STRUCT_FIELDS_MAX,
} from './column-format.ts'
import { objectCode, type ObjectCode } from './object-code.ts'
import { ShapeTable } from './shape-table.ts'
import { readValue } from './value-reader.ts'

/** From this length on V8 makes a part of a string a reference into it. */
const SLICED_STRING_MIN = 13

/** The shape met last at each depth. Kept by a decoder from batch to batch. */
export type RecentCodes = (ObjectCode | undefined)[]

export class ColumnReader {
  readonly #in: ByteReader
  readonly #recent: RecentCodes
  readonly #shapes = new ShapeTable()
  #cells = 0

  constructor(reader: ByteReader, recent: RecentCodes) {
    this.#in = reader
    this.#recent = recent
  }

  /** A column of safe integers: timestamps. */
  readIntegers(count: number): number[] {
    const kind = this.#in.u8()
    if (kind === COLUMN_INTEGERS) return this.#readIntegers(count)
    if (kind !== COLUMN_F64) throw this.#in.malformed(`column kind ${kind} does not hold timestamps`)
    const values = this.#readF64(count)
    for (const value of values) if (!Number.isSafeInteger(value)) throw this.#in.malformed(`${value} is no timestamp`)
    return values
  }

  /** `depth` is the number of columns around this one. */
  read(count: number, depth: number): unknown[] {
    const kind = this.#in.u8()
    if (kind === COLUMN_VALUES) return this.#readValues(count)
    this.#cells += count
    if (this.#cells > ENCODED_CELLS_MAX) throw this.#in.malformed(`a batch holds more than ${ENCODED_CELLS_MAX} values`)
    switch (kind) {
      case COLUMN_CONSTANT:
        return this.#readConstant(count)
      case COLUMN_INTEGERS:
        return this.#readIntegers(count)
      case COLUMN_F64:
        return this.#readF64(count)
      case COLUMN_BOOLEANS:
        return this.#readBits(count)
      case COLUMN_DICTIONARY:
        return this.#readDictionary(count)
      case COLUMN_NULLABLE:
      case COLUMN_STRUCT:
        if (depth >= COLUMN_DEPTH_MAX)
          throw this.#in.malformed(`columns are nested deeper than ${COLUMN_DEPTH_MAX} levels`)
        return kind === COLUMN_STRUCT ? this.#readStruct(count, depth) : this.#readNullable(count, depth)
      default:
        return this.#readTexts(kind, count)
    }
  }

  #readConstant(count: number): unknown[] {
    const value = readValue(this.#in, this.#shapes, 0)
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(value)
    return values
  }

  #readValues(count: number): unknown[] {
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(readValue(this.#in, this.#shapes, 0))
    return values
  }

  #readIntegers(count: number): number[] {
    const min = this.#in.zigzag()
    const width = this.#in.u8()
    if (width > 4 || width === 3) throw this.#in.malformed(`${width} is no width of integers`)
    const at = this.#in.claim(count * width, 'a column of integers')
    const view = this.#in.dataView
    const values = new Array<number>(count) // oxlint-disable-line unicorn/no-new-array -- twice as fast as push
    if (width === 0) for (let i = 0; i < count; i++) values[i] = min
    else if (width === 1) for (let i = 0; i < count; i++) values[i] = min + view.getUint8(at + i)
    else if (width === 2) for (let i = 0; i < count; i++) values[i] = min + view.getUint16(at + i * 2, true)
    else for (let i = 0; i < count; i++) values[i] = min + view.getUint32(at + i * 4, true)
    if (min > Number.MAX_SAFE_INTEGER - 0xffff_ffff) this.#checkSafe(values)
    return values
  }

  #checkSafe(values: readonly number[]): void {
    for (const value of values) {
      if (value > Number.MAX_SAFE_INTEGER) throw this.#in.malformed('an integer of a column is longer than 53 bits')
    }
  }

  #readF64(count: number): number[] {
    const at = this.#in.claim(count * 8, 'a column of numbers')
    const view = this.#in.dataView
    const values = new Array<number>(count) // oxlint-disable-line unicorn/no-new-array -- twice as fast as push
    for (let i = 0; i < count; i++) values[i] = view.getFloat64(at + i * 8, true)
    return values
  }

  #readBits(count: number): boolean[] {
    const start = this.#in.claim(Math.ceil(count / 8), 'a column of booleans')
    const view = this.#in.dataView
    const values: boolean[] = []
    for (let i = 0; i < count; i++) values.push(((view.getUint8(start + (i >>> 3)) >> (i & 7)) & 1) === 1)
    const bitsOfLast = count & 7
    if (bitsOfLast !== 0 && view.getUint8(start + (count >>> 3)) >> bitsOfLast !== 0) {
      throw this.#in.malformed('bits behind the last record are set')
    }
    return values
  }

  #readTexts(kind: number, count: number): string[] {
    if (kind !== COLUMN_ASCII && kind !== COLUMN_UTF8) throw this.#in.malformed(`${kind} is no kind of column`)
    const lengths = this.#readIntegers(count)
    let total = 0
    let shortest = Number.MAX_SAFE_INTEGER
    for (let i = 0; i < count; i++) {
      const length = lengths[i] as number // i < count
      if (length < shortest) shortest = length
      total += length
    }
    if (shortest < 0) throw this.#in.malformed('the length of a string is negative')
    if (kind === COLUMN_ASCII) return this.#readAscii(lengths, total, shortest)
    if (total > this.#in.remaining) {
      throw this.#in.malformed(`strings of ${total} bytes are promised, but only ${this.#in.remaining} bytes are left`)
    }
    return lengths.map((length) => this.#in.text(length))
  }

  #readAscii(lengths: readonly number[], total: number, shortest: number): string[] {
    const start = this.#in.claim(total, 'the text of a column')
    const buffer = this.#in.buffer
    if (!isAscii(buffer.subarray(start, start + total)))
      throw this.#in.malformed('the text of an ASCII column is not ASCII')
    const text = shortest < SLICED_STRING_MIN ? buffer.toString('latin1', start, start + total) : ''
    const values = new Array<string>(lengths.length) // oxlint-disable-line unicorn/no-new-array -- twice as fast as push
    let at = 0
    for (let i = 0; i < lengths.length; i++) {
      const end = at + (lengths[i] as number) // i < length
      values[i] =
        end - at < SLICED_STRING_MIN ? text.slice(at, end) : buffer.toString('latin1', start + at, start + end)
      at = end
    }
    return values
  }

  #readDictionary(count: number): string[] {
    const entryCount = this.#in.u8() + 1
    const entries = this.#readTexts(this.#in.u8(), entryCount)
    const at = this.#in.claim(count, 'indexes into a dictionary')
    const view = this.#in.dataView
    const values = new Array<string>(count) // oxlint-disable-line unicorn/no-new-array -- twice as fast as push
    for (let i = 0; i < count; i++) {
      const index = view.getUint8(at + i)
      const entry = entries[index]
      if (entry === undefined) throw this.#in.malformed(`a dictionary of ${entryCount} strings has no entry ${index}`)
      values[i] = entry
    }
    return values
  }

  #readNullable(count: number, depth: number): unknown[] {
    const missing = this.#in.u8()
    if (missing > MISSING_EITHER) throw this.#in.malformed(`${missing} is no kind of missing value`)
    const isPresent = this.#readBits(count)
    let presentCount = 0
    for (const bit of isPresent) if (bit) presentCount++
    if (presentCount === 0) throw this.#in.malformed('a nullable column has no value')
    const isUndefined = missing === MISSING_EITHER ? this.#readBits(count - presentCount) : undefined
    const present = this.read(presentCount, depth + 1)
    const values: unknown[] = []
    let presentAt = 0
    for (let i = 0; i < count; i++) {
      if (isPresent[i] === true) values.push(present[presentAt++])
      else if (isUndefined === undefined) values.push(missing === MISSING_NULL ? null : undefined)
      else values.push(isUndefined[i - presentAt] === true ? undefined : null)
    }
    return values
  }

  #readStruct(count: number, depth: number): unknown[] {
    const code = this.#codeOf(this.#in.lengthPrefixed(), depth)
    const columns: unknown[][] = []
    while (columns.length < code.keys.length) columns.push(this.read(count, depth + 1))
    return code.scatter(columns, count)
  }

  #codeOf(keyBytes: Uint8Array, depth: number): ObjectCode {
    const recent = this.#recent[depth]
    if (recent !== undefined && Buffer.compare(recent.keyBytes, keyBytes) === 0) return recent
    const reader = new ByteReader(keyBytes)
    const count = reader.count(1, 'keys of a struct')
    if (count === 0 || count > STRUCT_FIELDS_MAX) throw this.#in.malformed(`a struct has ${count} fields`)
    const keys: string[] = []
    for (let i = 0; i < count; i++) keys.push(reader.string())
    reader.finish('the keys of a struct')
    if (new Set(keys).size !== count) throw this.#in.malformed('a struct has the same key twice')
    const code = objectCode(keys)
    this.#recent[depth] = code
    return code
  }
}
