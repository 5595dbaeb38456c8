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
/** Differences of four bytes. */
const INTEGERS_RANGE_MAX = 0xffff_ffff
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

  /** `values` is not empty; `depth` is the number of columns around this one. */
  write(values: readonly unknown[], depth: number): void {
    this.#cells += values.length
    const isSpecial = this.#cells <= ENCODED_CELLS_MAX && depth < COLUMN_DEPTH_MAX && this.#writeSpecial(values, depth)
    if (!isSpecial) this.#writeValues(values)
  }

  /** Safe integers. */
  writeTimestamps(timestamps: readonly number[]): void {
    for (const timestamp of timestamps) {
      if (!Number.isSafeInteger(timestamp)) unreachable('timestamps are checked where they enter a stream', timestamp)
    }
    this.#writeNumbers(timestamps)
  }

  #writeSpecial(values: readonly unknown[], depth: number): boolean {
    const first = values[0]
    switch (typeof first) {
      case 'number':
        if (this.#writeNumbers(values)) return true
        break
      case 'string':
        if (this.#writeStrings(values)) return true
        break
      case 'boolean':
        if (this.#writeBooleans(values)) return true
        break
      case 'object':
        if (first !== null && this.#writeStruct(first, values, depth)) return true
        break
      case 'bigint':
      case 'function':
      case 'symbol':
      case 'undefined':
    }
    return this.#writeNullable(values, depth)
  }

  #writeValues(values: readonly unknown[]): void {
    this.#out.u8(COLUMN_VALUES)
    for (const value of values) writeValue(this.#out, value, this.#shapes, 0)
  }

  #writeConstant(value: unknown): true {
    this.#out.u8(COLUMN_CONSTANT)
    writeValue(this.#out, value, this.#shapes, 0)
    return true
  }

  #writeNumbers(values: readonly unknown[]): boolean {
    let min = Number.MAX_SAFE_INTEGER
    let max = Number.MIN_SAFE_INTEGER
    let isInteger = true
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (typeof value !== 'number') return false
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) isInteger = false
      if (value < min) min = value
      if (value > max) max = value
    }
    const numbers = values as readonly number[] // checked above
    if (isInteger && max - min <= INTEGERS_RANGE_MAX) {
      this.#out.u8(COLUMN_INTEGERS)
      writeIntegers(this.#out, numbers, min, max)
      return true
    }
    if (isConstant(numbers)) return this.#writeConstant(numbers[0])
    this.#out.u8(COLUMN_F64)
    this.#writeF64(numbers)
    return true
  }

  #writeF64(numbers: readonly number[]): void {
    let at = this.#out.claim(numbers.length * 8)
    const view = this.#out.dataView
    for (const number of numbers) {
      view.setFloat64(at, Number.isNaN(number) ? Number.NaN : number, true)
      at += 8
    }
  }

  #writeBooleans(values: readonly unknown[]): boolean {
    for (const value of values) if (typeof value !== 'boolean') return false
    if (isConstant(values)) return this.#writeConstant(values[0])
    this.#out.u8(COLUMN_BOOLEANS)
    this.#writeBits(values, true)
    return true
  }

  /** A bit for each value, set where it is `set`; the lowest bit of a byte first. */
  #writeBits(values: readonly unknown[], set: unknown): void {
    let at = this.#out.claim(Math.ceil(values.length / 8))
    const buffer = this.#out.buffer
    for (let i = 0; i < values.length; i += 8) {
      const end = Math.min(8, values.length - i)
      let bits = 0
      for (let j = 0; j < end; j++) if (values[i + j] === set) bits |= 1 << j
      buffer[at++] = bits
    }
  }

  #writeStrings(values: readonly unknown[]): boolean {
    for (const value of values) if (typeof value !== 'string') return false
    const strings = values as readonly string[] // checked above
    if (isConstant(strings)) return this.#writeConstant(strings[0])
    if (strings.length < DICTIONARY_RECORDS_MIN || !this.#writeDictionary(strings)) this.#writeTexts(strings)
    return true
  }

  #writeDictionary(strings: readonly string[]): boolean {
    const numbers = new Map<string, number>()
    const indexes = new Uint8Array(strings.length)
    let last: string | undefined
    let lastNumber = 0
    let limit = Math.min(strings.length, DICTIONARY_SAMPLE) / 2
    for (let i = 0; i < strings.length; i++) {
      const string = strings[i] as string // i < length
      if (i === DICTIONARY_SAMPLE) limit = Math.min(DICTIONARY_ENTRIES_MAX, strings.length / 2)
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
    this.#writeTexts([...numbers.keys()])
    this.#out.bytes(indexes)
    return true
  }

  #writeTexts(strings: readonly string[]): void {
    const lengths: number[] = []
    let total = 0
    for (const string of strings) {
      lengths.push(string.length)
      total += string.length
    }
    const joined = total <= JOINED_TEXT_MAX ? strings.join('') : undefined
    if (joined !== undefined && Buffer.byteLength(joined) === total) {
      this.#out.u8(COLUMN_ASCII)
      writeLengths(this.#out, lengths)
      this.#out.text(joined, total)
      return
    }
    const byteCounts = strings.map((string) => Buffer.byteLength(string))
    this.#out.u8(COLUMN_UTF8)
    writeLengths(this.#out, byteCounts)
    for (const string of strings) this.#out.text(string, Buffer.byteLength(string))
  }

  #writeNullable(values: readonly unknown[], depth: number): boolean {
    if (!values.some(isMissing)) return false
    const present: unknown[] = []
    const missing: unknown[] = []
    const isPresent: boolean[] = []
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      isPresent.push(!isMissing(value))
      if (isMissing(value)) missing.push(value)
      else present.push(value)
    }
    if (present.length === 0) return isConstant(values) && this.#writeConstant(values[0])
    const hasNull = missing.includes(null)
    const hasUndefined = missing.includes(undefined)
    this.#out.u8(COLUMN_NULLABLE)
    this.#out.u8(hasNull && hasUndefined ? MISSING_EITHER : hasNull ? MISSING_NULL : MISSING_UNDEFINED)
    this.#writeBits(isPresent, true)
    if (hasNull && hasUndefined) this.#writeBits(missing, undefined)
    this.write(present, depth + 1)
    return true
  }

  #writeStruct(first: object, values: readonly unknown[], depth: number): boolean {
    if (values.length < STRUCT_RECORDS_MIN || Object.getPrototypeOf(first) !== Object.prototype) return false
    const keys = Object.keys(first)
    if (keys.length === 0 || keys.length > STRUCT_FIELDS_MAX) return false
    const code = this.#codeOf(keys, depth)
    const columns = code.gather(values)
    if (columns === undefined) return false
    this.#out.u8(COLUMN_STRUCT)
    this.#out.lengthPrefixed(code.keyBytes)
    for (const column of columns) this.write(column, depth + 1)
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

/** Safe integers whose greatest difference is at most INTEGERS_RANGE_MAX. */
function writeIntegers(out: ByteWriter, values: readonly number[], min: number, max: number): void {
  const range = max - min
  const width = range === 0 ? 0 : range <= 0xff ? 1 : range <= 0xffff ? 2 : 4
  out.zigzag(min)
  out.u8(width)
  if (width === 0) return
  const at = out.claim(values.length * width)
  const view = out.dataView
  if (width === 1) for (let i = 0; i < values.length; i++) view.setUint8(at + i, (values[i] as number) - min) // i < length
  else if (width === 2)
    for (let i = 0; i < values.length; i++) view.setUint16(at + i * 2, (values[i] as number) - min, true)
  else for (let i = 0; i < values.length; i++) view.setUint32(at + i * 4, (values[i] as number) - min, true)
}

function writeLengths(out: ByteWriter, lengths: readonly number[]): void {
  let min = Number.MAX_SAFE_INTEGER
  let max = 0
  for (const length of lengths) {
    if (length < min) min = length
    if (length > max) max = length
  }
  writeIntegers(out, lengths, min, max)
}

function isMissing(value: unknown): boolean {
  return value === null || value === undefined
}

function isConstant(values: readonly unknown[]): boolean {
  const first = values[0]
  if (!Object.is(first, values.at(-1))) return false
  for (let i = 1; i < values.length; i++) if (!Object.is(first, values[i])) return false
  return true
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
