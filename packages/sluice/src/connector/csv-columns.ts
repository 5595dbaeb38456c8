/** The columns of a CSV file: their names, and records made of the fields of a row. */
import { messageOf } from '../base/errors.ts'
import { keyText } from './parquet-rows.ts'

/** What the text of a column becomes. An empty field is null, except in a column of strings. */
export type CsvType = 'string' | 'number' | 'boolean' | 'bigint' | 'date'

/** Types by column; a column without one holds strings. */
export type CsvTypes = Readonly<Record<string, CsvType>>

interface CsvValues {
  readonly string: string
  readonly number: number | null
  readonly boolean: boolean | null
  readonly bigint: bigint | null
  readonly date: Date | null
}

/** The record of a row whose columns have these types. */
export type CsvRecordOf<Types extends CsvTypes> = { readonly [Column in keyof Types]: CsvValues[Types[Column]] }

/** What a type makes of a field that is not empty. Throws the reason when it cannot. */
type Convert = (text: string) => unknown

type MakeRecord = (fields: readonly string[], convert: readonly (Convert | undefined)[]) => object

/** A date, alone or with a time; the time may have a zone. */
const MOMENT = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/
const INTEGER = /^[+-]?\d+$/

export const CSV_CONVERTERS: Readonly<Record<CsvType, Convert | undefined>> = {
  string: undefined,
  number: numberOf,
  boolean: booleanOf,
  bigint: bigintOf,
  date: dateOf,
}

/** Makes records of rows with these columns. */
export class CsvColumns {
  readonly names: readonly string[]
  readonly #converters: readonly (Convert | undefined)[]
  readonly #make: MakeRecord

  constructor(names: readonly string[], types: CsvTypes) {
    this.names = names
    const converters = names.map((name) =>
      Object.hasOwn(types, name) ? CSV_CONVERTERS[types[name] ?? 'string'] : undefined,
    )
    this.#converters = converters.map((convert, k) => convert && nullable(names[k] ?? '', convert)) // as many as names
    this.#make = compileRecord(names, converters)
  }

  /** Throws the reason why there is none. */
  record(fields: readonly string[]): object {
    if (fields.length !== this.names.length)
      throw new SyntaxError(`it has ${fields.length} fields where there are ${this.names.length} columns`)
    return this.#make(fields, this.#converters)
  }
}

/** As in parquet-rows.ts: the only text in it that is not ours is a name as a JSON string literal. */
function compileRecord(names: readonly string[], converters: readonly (Convert | undefined)[]): MakeRecord {
  const fields = names.map((name, k) => {
    const value = converters[k] === undefined ? `fields[${k}]` : `convert[${k}](fields[${k}])`
    return `${keyText(name)}: ${value}`
  })
  return new Function('fields', 'convert', `return { ${fields.join(', ')} }`) as MakeRecord // the text above
}

function nullable(name: string, convert: Convert): Convert {
  return (text) => {
    if (text === '') return null
    try {
      return convert(text)
    } catch (error) {
      throw new SyntaxError(`column ${JSON.stringify(name)} ${messageOf(error)}`)
    }
  }
}

function numberOf(text: string): number {
  const number = Number(text)
  if (!Number.isNaN(number) && text.trim() !== '') return number
  if (text === 'NaN') return number
  throw new SyntaxError(`is no number: ${JSON.stringify(text)}`)
}

function booleanOf(text: string): boolean {
  const lower = text.toLowerCase()
  if (lower === 'true') return true
  if (lower === 'false') return false
  throw new SyntaxError(`is neither true nor false: ${JSON.stringify(text)}`)
}

function bigintOf(text: string): bigint {
  if (!INTEGER.test(text)) throw new SyntaxError(`is no whole number: ${JSON.stringify(text)}`)
  return BigInt(text.startsWith('+') ? text.slice(1) : text)
}

/** Without a zone it is UTC: a job reads the same on every machine. */
function dateOf(text: string): Date {
  const match = MOMENT.exec(text)
  const iso = text.replace(' ', 'T')
  const date = match === null ? undefined : new Date(iso.length > 10 && match[1] === undefined ? `${iso}Z` : iso)
  if (date === undefined || Number.isNaN(date.getTime()))
    throw new SyntaxError(`is no ISO 8601 date: ${JSON.stringify(text)}`)
  return date
}
