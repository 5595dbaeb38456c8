/**
 * Writes the values of one field of many records as a column, choosing the kind of column from the values.
 *
 * C1 What a column holds comes back exactly (Object.is); what fits no special kind goes through the value codec.
 * C2 The choice depends on the values only: the same batch gives the same bytes.
 * C3 After an error the bytes written so far are of no use; the next batch starts with `start`.
 */
import { unreachable } from '../base/assert.ts'
import type { ByteWriter } from '../base/bytes.ts'
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
  DICTIONARY_ENTRIES_MAX,
  ENCODED_CELLS_MAX,
  MISSING_EITHER,
  MISSING_NULL,
  MISSING_UNDEFINED,
  STRUCT_FIELDS_MAX,
} from './column-format.ts'
import { objectCode, type ObjectCode } from './object-code.ts'
import { ShapeTable } from './shape-table.ts'
import { writeValue } from './value-writer.ts'

/** Fewer objects are cheaper one by one, and many rare shapes would generate much code. */
const STRUCT_RECORDS_MIN = 8
/** A dictionary is considered from this many strings on, and judged by so many first ones. */
const DICTIONARY_RECORDS_MIN = 16
const DICTIONARY_SAMPLE = 64
/** Texts of a column are joined before they are written when they are not longer than this together. */
const JOINED_TEXT_MAX = 1024 * 1024

export class ColumnWriter {
  readonly #out: ByteWriter
  #shapes = new ShapeTable()
  #cells = 0
  /** The shape met last at each depth: a stream has few. */
  readonly #lastCodes: (ObjectCode | undefined)[] = []

  constructor(out: ByteWriter) {
    this.#out = out
  }

  start(): void {
    this.#shapes = new ShapeTable()
    this.#cells = 0
  }

  /** `count` is at least 1; `depth` is the number of columns around this one. */
  write(values: readonly unknown[], count: number, depth: number): void {
    this.#cells += count
    if (this.#cells > ENCODED_CELLS_MAX || depth >= COLUMN_DEPTH_MAX) return this.#writeValues(values, count)
    if (!this.#writeSpecial(values, count, depth)) this.#writeValues(values, count)
  }

  /** Safe integers. */
  writeTimestamps(timestamps: readonly number[], count: number): void {
    for (let i = 0; i < count; i++) {
      const timestamp = timestamps[i]
      if (!Number.isSafeInteger(timestamp)) unreachable('a timestamp is checked to be a safe integer where it enters', timestamp)
    }
    this.#writeNumbers(timestamps, count)
  }

  #writeSpecial(values: readonly unknown[], count: number, depth: number): boolean {
    const first = values[0]
    switch (typeof first) {
      case 'number':
        if (this.#writeNumbers(values, count)) return true
        break
      case 'string':
        if (this.#writeStrings(values, count)) return true
        break
      case 'boolean':
        if (this.#writeBooleans(values, count)) return true
        break
      case 'object':
        if (first !== null && this.#writeStruct(first, values, count, depth)) return true
        break
      case 'bigint':
      case 'function':
      case 'symbol':
      case 'undefined':
    }
    return this.#writeNullable(values, count, depth)
  }

  #writeValues(values: readonly unknown[], count: number): void {
    this.#out.u8(COLUMN_VALUES)
    for (let i = 0; i < count; i++) writeValue(this.#out, values[i], this.#shapes, 0)
  }

  #writeConstant(value: unknown): true {
    this.#out.u8(COLUMN_CONSTANT)
    writeValue(this.#out, value, this.#shapes, 0)
    return true
  }

  #writeNumbers(values: readonly unknown[], count: number): boolean {
    let min = Number.MAX_SAFE_INTEGER
    let max = Number.MIN_SAFE_INTEGER
    let isInteger = true
    for (let i = 0; i < count; i++) {
      const value = values[i]
      if (typeof value !== 'number') return false
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) isInteger = false
      if (value < min) min = value
      if (value > max) max = value
    }
    const numbers = values as readonly number[] // checked above
    if (isInteger && max - min <= 0xffff_ffff) {
      this.#out.u8(COLUMN_INTEGERS)
      writeIntegers(this.#out, numbers, count, min, max)
      return true
    }
    if (isConstant(numbers, count)) return this.#writeConstant(numbers[0])
    this.#out.u8(COLUMN_F64)
    const at = this.#out.claim(count * 8)
    const view = this.#out.dataView
    for (let i = 0; i < count; i++) {
      const value = numbers[i]! // i < count
      view.setFloat64(at + i * 8, Number.isNaN(value) ? Number.NaN : value, true)
    }
    return true
  }

  #writeBooleans(values: readonly unknown[], count: number): boolean {
    for (let i = 0; i < count; i++) if (typeof values[i] !== 'boolean') return false
    if (isConstant(values, count)) return this.#writeConstant(values[0])
    this.#out.u8(COLUMN_BOOLEANS)
    this.#writeBits(values, count, true)
    return true
  }

  /** A bit for each value, set where it is `set`; the lowest bit of a byte first. */
  #writeBits(values: readonly unknown[], count: number, set: unknown): void {
    let at = this.#out.claim((count + 7) >>> 3)
    const buffer = this.#out.buffer
    for (let i = 0; i < count; i += 8) {
      let bits = 0
      const end = Math.min(8, count - i)
      for (let j = 0; j < end; j++) if (values[i + j] === set) bits |= 1 << j
      buffer[at++] = bits
    }
  }

  #writeStrings(values: readonly unknown[], count: number): boolean {
    for (let i = 0; i < count; i++) if (typeof values[i] !== 'string') return false
    const strings = values as readonly string[] // checked above
    if (isConstant(strings, count)) return this.#writeConstant(strings[0])
    if (count < DICTIONARY_RECORDS_MIN || !this.#writeDictionary(strings, count)) this.#writeTexts(strings, count)
    return true
  }

  #writeDictionary(strings: readonly string[], count: number): boolean {
    const numbers = new Map<string, number>()
    const indexes = new Uint8Array(count)
    let last: string | undefined
    let lastNumber = 0
    let limit = Math.min(count, DICTIONARY_SAMPLE) / 2
    for (let i = 0; i < count; i++) {
      if (i === DICTIONARY_SAMPLE) limit = Math.min(DICTIONARY_ENTRIES_MAX, count / 2)
      const string = strings[i]! // i < count
      if (string !== last) {
        last = string
        lastNumber = numbers.get(string) ?? numbers.size
        if (lastNumber === numbers.size) {
          if (numbers.size >= limit) return false
          numbers.set(string, lastNumber)
        }
      }
      indexes[i] = lastNumber
    }
    this.#out.u8(COLUMN_DICTIONARY)
    this.#out.u8(numbers.size - 1)
    this.#writeTexts([...numbers.keys()], numbers.size)
    this.#out.bytes(indexes)
    return true
  }

  #writeTexts(strings: readonly string[], count: number): void {
    const lengths: number[] = new Array<number>(count)
    let total = 0
    for (let i = 0; i < count; i++) {
      const length = strings[i]!.length // i < count
      lengths[i] = length
      total += length
    }
    const joined = total <= JOINED_TEXT_MAX ? strings.join('') : undefined
    if (joined !== undefined && Buffer.byteLength(joined) === total) {
      this.#out.u8(COLUMN_ASCII)
      writeLengths(this.#out, lengths, count)
      return this.#out.text(joined, total)
    }
    this.#out.u8(COLUMN_UTF8)
    for (let i = 0; i < count; i++) lengths[i] = Buffer.byteLength(strings[i]!) // i < count
    writeLengths(this.#out, lengths, count)
    for (let i = 0; i < count; i++) this.#out.text(strings[i]!, lengths[i]!) // i < count
  }

  #writeNullable(values: readonly unknown[], count: number, depth: number): boolean {
    let nulls = 0
    const present: unknown[] = []
    const isPresent: boolean[] = []
    const missing: unknown[] = []
    for (let i = 0; i < count; i++) {
      const value = values[i]
      const isMissing = value === null || value === undefined
      isPresent.push(!isMissing)
      if (!isMissing) present.push(value)
      else missing.push(value)
      if (value === null) nulls++
    }
    if (missing.length === 0) return false
    if (present.length === 0) {
      if (isConstant(values, count)) return this.#writeConstant(values[0])
      return false
    }
    this.#out.u8(COLUMN_NULLABLE)
    this.#out.u8(nulls === missing.length ? MISSING_NULL : nulls === 0 ? MISSING_UNDEFINED : MISSING_EITHER)
    this.#writeBits(isPresent, count, true)
    if (nulls > 0 && nulls < missing.length) this.#writeBits(missing, missing.length, undefined)
    this.write(present, present.length, depth + 1)
    return true
  }

  #writeStruct(first: object, values: readonly unknown[], count: number, depth: number): boolean {
    if (count < STRUCT_RECORDS_MIN || Object.getPrototypeOf(first) !== Object.prototype) return false
    const keys = Object.keys(first)
    if (keys.length === 0 || keys.length > STRUCT_FIELDS_MAX) return false
    const code = this.#codeOf(keys, depth)
    const columns = code.gather(values, count)
    if (columns === undefined) return false
    this.#out.u8(COLUMN_STRUCT)
    this.#out.lengthPrefixed(code.keyBytes)
    for (const column of columns) this.write(column, count, depth + 1)
    return true
  }

  #codeOf(keys: readonly string[], depth: number): ObjectCode {
    const last = this.#lastCodes[depth]
    if (last !== undefined && isSame(last.keys, keys)) return last
    const code = objectCode(keys)
    this.#lastCodes[depth] = code
    return code
  }
}

/** Safe integers whose greatest difference is below 2^32. */
function writeIntegers(out: ByteWriter, values: readonly number[], count: number, min: number, max: number): void {
  const range = max - min
  const width = range === 0 ? 0 : range <= 0xff ? 1 : range <= 0xffff ? 2 : 4
  out.zigzag(min)
  out.u8(width)
  const at = out.claim(count * width)
  const view = out.dataView
  const buffer = out.buffer
  if (width === 1) for (let i = 0; i < count; i++) buffer[at + i] = values[i]! - min // i < count
  else if (width === 2) for (let i = 0; i < count; i++) view.setUint16(at + i * 2, values[i]! - min, true) // i < count
  else if (width === 4) for (let i = 0; i < count; i++) view.setUint32(at + i * 4, values[i]! - min, true) // i < count
}

function writeLengths(out: ByteWriter, lengths: readonly number[], count: number): void {
  let min = lengths[0]! // a column is not empty
  let max = min
  for (let i = 1; i < count; i++) {
    const length = lengths[i]! // i < count
    if (length < min) min = length
    if (length > max) max = length
  }
  writeIntegers(out, lengths, count, min, max)
}

function isConstant(values: readonly unknown[], count: number): boolean {
  const first = values[0]
  if (!Object.is(first, values[count - 1])) return false
  for (let i = 1; i < count; i++) if (!Object.is(first, values[i])) return false
  return true
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
