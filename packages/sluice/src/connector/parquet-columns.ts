/** The columns of a Parquet file that is written: their types, and what values they take. */
import type { SchemaElement } from 'hyparquet'
import { EngineError } from '../base/errors.ts'

/** What a column holds; null and undefined are null in each of them. */
export type ParquetScalarType =
  | 'string'
  | 'boolean'
  /** A whole number of 32 bits. */
  | 'int32'
  /** A bigint of 64 bits, or a safe integer. */
  | 'int64'
  | 'float'
  | 'double'
  /** A Date, or milliseconds since 1970. */
  | 'timestamp'
  /** A Date, or milliseconds since 1970, of which the day in UTC is kept. */
  | 'date'
  /** Any value that JSON can say. */
  | 'json'
  | 'uuid'

/** A type, or a list of values of one. */
export type ParquetColumnType = ParquetScalarType | { readonly list: ParquetScalarType }

/** Types of columns by their names, in the order in which they are written. */
export type ParquetColumnTypes = Readonly<Record<string, ParquetColumnType>>

interface ScalarRow {
  readonly element: Omit<SchemaElement, 'name' | 'repetition_type'>
  /** What is kept of a value; undefined: it does not fit. */
  readonly keep: (value: unknown) => unknown
  /** About, in the file. */
  readonly bytes: (value: unknown) => number
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
/** Of a length. */
const LENGTH_BYTES = 4

const SCALARS: Readonly<Record<ParquetScalarType, ScalarRow>> = {
  string: {
    element: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    keep: (value) => (typeof value === 'string' ? value : undefined),
    bytes: (value) => String(value).length + LENGTH_BYTES,
  },
  boolean: {
    element: { type: 'BOOLEAN' },
    keep: (value) => (typeof value === 'boolean' ? value : undefined),
    bytes: () => 1,
  },
  int32: {
    element: { type: 'INT32' },
    keep: (value) => (typeof value === 'number' && (value | 0) === value ? value : undefined),
    bytes: () => 4,
  },
  int64: { element: { type: 'INT64' }, keep: keepInt64, bytes: () => 8 },
  float: { element: { type: 'FLOAT' }, keep: keepFloat, bytes: () => 4 },
  double: { element: { type: 'DOUBLE' }, keep: keepNumber, bytes: () => 8 },
  timestamp: { element: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }, keep: keepMoment, bytes: () => 8 },
  date: { element: { type: 'INT32', converted_type: 'DATE' }, keep: keepMoment, bytes: () => 4 },
  json: {
    element: { type: 'BYTE_ARRAY', converted_type: 'JSON' },
    keep: keepJson,
    bytes: (value) => JSON.stringify(value).length + LENGTH_BYTES,
  },
  uuid: {
    element: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } },
    keep: (value) => (typeof value === 'string' && UUID.test(value) ? value : undefined),
    bytes: () => 16,
  },
}

function keepNumber(value: unknown): unknown {
  return typeof value === 'number' ? value : undefined
}

/** It may lose digits, but not become infinite. */
function keepFloat(value: unknown): unknown {
  if (typeof value !== 'number') return undefined
  return Number.isFinite(value) && !Number.isFinite(Math.fround(value)) ? undefined : value
}

function keepInt64(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  return typeof value === 'bigint' && value >= INT64_MIN && value <= INT64_MAX ? value : undefined
}

/** A copy, as of JSON. */
function keepMoment(value: unknown): unknown {
  const date = value instanceof Date || typeof value === 'number' ? new Date(value) : undefined
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date
}

/** A copy: the record may change before its row group is written. */
function keepJson(value: unknown): unknown {
  try {
    const text = JSON.stringify(value)
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined // SER1001 names the column
  }
}

/** The values of one column, for the rows of one row group. */
export class ParquetColumn {
  readonly name: string
  readonly #type: ParquetColumnType
  readonly #scalar: ScalarRow
  #values: unknown[] = []
  #bytes = 0

  constructor(name: string, type: ParquetColumnType) {
    this.name = name
    this.#type = type
    this.#scalar = SCALARS[typeof type === 'string' ? type : type.list]
  }

  /** About, of all values. */
  get bytes(): number {
    return this.#bytes
  }

  /** What is kept of the value; SER1001 when it does not fit. */
  keep(value: unknown): unknown {
    if (value === null || value === undefined) return null
    const kept = typeof this.#type === 'string' ? this.#scalar.keep(value) : this.#keepList(value)
    if (kept === undefined) throw misfit(this.name, this.#type, value)
    return kept
  }

  add(kept: unknown): void {
    this.#values.push(kept)
    if (kept === null) this.#bytes += 1
    else if (typeof this.#type === 'string') this.#bytes += this.#scalar.bytes(kept)
    else for (const item of kept as readonly unknown[]) this.#bytes += item === null ? 1 : this.#scalar.bytes(item) // of keepList
  }

  take(): unknown[] {
    const values = this.#values
    this.#values = []
    this.#bytes = 0
    return values
  }

  /** As the file's schema has it, in depth-first order. */
  schema(): readonly SchemaElement[] {
    const { element } = this.#scalar
    if (typeof this.#type === 'string') return [{ ...element, name: this.name, repetition_type: 'OPTIONAL' }]
    return [
      { name: this.name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { ...element, name: 'element', repetition_type: 'OPTIONAL' },
    ]
  }

  #keepList(value: unknown): unknown {
    if (!Array.isArray(value)) return undefined
    const kept = value.map((item: unknown) => (item === null || item === undefined ? null : this.#scalar.keep(item)))
    return kept.includes(undefined) ? undefined : kept
  }
}

/** @throws CFG1002 when there is none, or one has another type */
export function parquetColumns(types: ParquetColumnTypes): readonly ParquetColumn[] {
  const columns = Object.entries(types)
  const bad = columns.find(([, type]) => !isType(type))
  if (columns.length > 0 && bad === undefined) return columns.map(([name, type]) => new ParquetColumn(name, type))
  throw new EngineError(
    'CFG1002',
    `parquetSink: ${bad === undefined ? 'columns is empty' : `the type of column ${JSON.stringify(bad[0])} is ${JSON.stringify(bad[1])}`}. The graph was not built. ` +
      `Give each column one of ${Object.keys(SCALARS).join(', ')}, or { list: one of them }; deeper values go into a json column.`,
  )
}

function isType(type: unknown): boolean {
  if (typeof type === 'string') return Object.hasOwn(SCALARS, type)
  if (typeof type !== 'object' || type === null || !('list' in type)) return false
  return typeof type.list === 'string' && Object.hasOwn(SCALARS, type.list)
}

function misfit(name: string, type: ParquetColumnType, value: unknown): EngineError {
  const wanted = typeof type === 'string' ? type : `list of ${type.list}`
  const found =
    typeof value === 'object' ? (Array.isArray(value) ? 'a list' : 'an object') : `${typeof value} ${String(value)}`
  return new EngineError(
    'SER1001',
    `column ${JSON.stringify(name)} of a Parquet sink holds ${wanted}, and the record has ${found} there. The record was not written and the task fails. Map it to what the column holds, or give the column another type.`,
  )
}
