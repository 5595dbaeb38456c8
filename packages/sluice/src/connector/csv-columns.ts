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

/** A date, alone or with a time; the time may have a zone. Years of other than four digits are as `toISOString` gives them. */
const MOMENT = /^(\d{4}|[+-]\d{6})-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/
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

/** What `String` makes of a number, and other decimal texts. `Number` takes more than that: hexadecimal digits, spaces, and what is too large. */
function numberOf(text: string): number {
  const number = Number(text)
  if (Number.isFinite(number) && !isSpecial(text)) return number
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return number
  const problem = number === Infinity || number === -Infinity ? 'is too large for a number' : 'is no number'
  throw new SyntaxError(`${problem}: ${JSON.stringify(text)}`)
}

const ZERO = 48
const NINE = 57
const DOT = 46
const E = 69
const LOWER_CASE = 32

/** Of a text of which `Number` makes a finite one: whether it has spaces around it, is empty, or has another base (`0x…`). */
function isSpecial(text: string): boolean {
  const first = text.charCodeAt(0)
  const last = text.charCodeAt(text.length - 1)
  if (!(isDigit(last) || last === DOT) || !(isDigit(first) || '+-.'.includes(text.charAt(0)))) return true
  const second = text.charCodeAt(1) & ~LOWER_CASE
  return first === ZERO && second > NINE && second !== E
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
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
  const [, year = '', month, day, zone] = match ?? []
  const hasTime = text.length > `${year}-00-00`.length
  const date =
    match === null ? undefined : new Date(text.replace(' ', 'T') + (hasTime && zone === undefined ? 'Z' : ''))
  if (date === undefined || Number.isNaN(date.getTime()) || Number(day) > daysOf(Number(year), Number(month)))
    throw new SyntaxError(`is no ISO 8601 date: ${JSON.stringify(text)}`)
  return date
}

/** Of a month from 1 on. `Date` takes the 30th of February for a day in March. */
function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
