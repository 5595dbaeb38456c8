/** Writes CSV files (RFC 4180), exactly once. The protocol of the files is docs/spec/file-sink.md. */
import { EngineError } from '../base/errors.ts'
import { type CsvDialect, type CsvDialectOptions, csvDialect } from './csv-dialect.ts'
import { lineFileFormat } from './file-content.ts'
import { type BucketOptions, type FileSink, type FileSinkOptions, fileSink } from './file-sink.ts'

/** Which fields are written, and how. */
export interface CsvSinkOptions<T> extends FileSinkOptions, BucketOptions<T>, CsvDialectOptions {
  /** The fields of a record that are written, in this order. */
  readonly columns: readonly (keyof T & string)[]
  /** Whether each file begins with the names of the columns. Default `true`. */
  readonly header?: boolean
  /** `minimal` (default): only fields that need it are quoted; `always`: all are, except empty ones for null. */
  readonly quoting?: 'minimal' | 'always'
}

/**
 * Writes records as rows of CSV files in a directory; exactly once with checkpointing on.
 *
 * Strings, numbers, bigints and booleans are written as text, dates as ISO 8601, null and undefined as an empty field. Anything else fails the task (SER1001).
 *
 * @throws CFG1002 when an option does not fit, CFG1003 when two contradict each other
 * @example stream.sinkTo(csvSink<Order>('out/orders', { columns: ['id', 'total', 'at'], delimiter: ';' }))
 */
export function csvSink<T extends object>(directory: string, options: CsvSinkOptions<T>): FileSink<T> {
  const { columns, header = true, quoting = 'minimal' } = options
  checkColumns(columns)
  const dialect = csvDialect('csvSink', options)
  const row = new RowText(dialect, quoting)
  const names = header ? row.of(columns, columns) : undefined
  const fieldsOf = (record: T): readonly unknown[] => columns.map((column) => record[column])
  const format = lineFileFormat<T>((record) => row.of(fieldsOf(record), columns), names)
  return fileSink<T>('csv-files', directory, { extension: '.csv', ...options, format })
}

function checkColumns(columns: readonly string[]): void {
  const twice = columns.find((name, k) => columns.indexOf(name) !== k)
  if (columns.length > 0 && twice === undefined) return
  throw new EngineError(
    'CFG1002',
    `csvSink: columns ${twice === undefined ? 'is empty' : `names ${JSON.stringify(twice)} twice`}. The graph was not built. Name each field that is to be written once, in the order of the columns.`,
  )
}

class RowText {
  readonly #dialect: CsvDialect
  readonly #quoting: 'minimal' | 'always'
  /** What a field must not hold without quotes. */
  readonly #special: RegExp

  constructor(dialect: CsvDialect, quoting: 'minimal' | 'always') {
    this.#dialect = dialect
    this.#quoting = quoting
    const escaped = [dialect.delimiter, dialect.quote].map((character) => `\\u00${hex(character)}`).join('')
    // A byte order mark at the start of a file would be dropped by whoever reads it.
    this.#special = new RegExp(`[${escaped}\\r\\n\\ufeff]`)
  }

  of(values: readonly unknown[], columns: readonly string[]): string {
    const { delimiter, quote } = this.#dialect
    let text = ''
    for (let k = 0; k < values.length; k++) text += (k === 0 ? '' : delimiter) + this.#field(values[k], columns[k])
    return text === '' ? quote + quote : text // a blank row would be no record
  }

  #field(value: unknown, column: string | undefined): string {
    if (value === null || value === undefined) return ''
    const text = textOf(value, column)
    if (this.#quoting === 'minimal' && !this.#special.test(text)) return text
    const { quote } = this.#dialect
    return quote + text.replaceAll(quote, quote + quote) + quote
  }
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(2, '0')
}

function textOf(value: unknown, column: string | undefined): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
      throw new EngineError(
        'SER1001',
        `column ${JSON.stringify(column)} of a CSV sink holds ${value instanceof Date ? 'a date that is none' : `a value of type ${typeof value}`}, which has no text. The record was not written and the task fails. Map it to a string before the sink.`,
      )
  }
}
