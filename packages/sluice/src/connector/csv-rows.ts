/**
 * Rows and fields of CSV (RFC 4180), found in bytes.
 *
 * The reader has to name the byte at which each row begins, because that is where a restored job goes on; parsers of text streams do not. What is needed
 * besides is one state machine over the bytes of a row.
 *
 * W1 `rowEnds` and `fieldsOf` agree: a line break that `fieldsOf` takes as part of a field ends no row, and any other one does.
 * W2 A quote opens a quoted field only at the start of the field; anywhere else it is a character like any other.
 * W3 The characters of a dialect are ASCII, so no byte of another UTF-8 character is mistaken for one of them.
 */
import type { CsvDialect } from './csv-dialect.ts'

const NEWLINE = 10
const SPACE = 32
const TAB = 9

/** Some bytes of a file, from the start of a row on. */
export interface RowBytes {
  readonly bytes: Buffer
  /** Only rows that begin in front of it are wanted. */
  readonly limit: number
  /** Whether the file ends with these bytes: then the last row needs no line break. */
  readonly isLast: boolean
}

/** Where the rows end, behind their line breaks. A row of which the end is not there yet is left out. */
export function rowEnds({ bytes, limit, isLast }: RowBytes, dialect: CsvDialect): number[] {
  const quote = dialect.quote.charCodeAt(0)
  const ends: number[] = []
  let nextQuote = dialect.rows === 'of-one-line' ? Infinity : indexOf(bytes, quote, 0)
  let start = 0
  while (start < limit && start < bytes.length) {
    if (nextQuote < start) nextQuote = indexOf(bytes, quote, start)
    let end = bytes.indexOf(NEWLINE, start) + 1
    if (end > 0 && nextQuote < end && !isComment(bytes, start, dialect)) end = quotedRowEnd(bytes, start, dialect)
    if (end === 0) break
    ends.push(end)
    start = end
  }
  if (isLast && start < limit && start < bytes.length) ends.push(bytes.length)
  return ends
}

function indexOf(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? Infinity : at
}

function isComment(bytes: Buffer, start: number, { comment }: CsvDialect): boolean {
  return comment !== undefined && bytes[start] === comment.charCodeAt(0)
}

/** Of a row that holds quotes; 0 when it does not end in these bytes. */
function quotedRowEnd(bytes: Buffer, start: number, dialect: CsvDialect): number {
  const quote = dialect.quote.charCodeAt(0)
  const delimiter = dialect.delimiter.charCodeAt(0)
  let i = start
  while (i < bytes.length) {
    if (dialect.spaces === 'trimmed') while (isSpace(bytes[i], delimiter)) i++
    if (bytes[i] === quote) i = behindQuotes(bytes, i + 1, dialect)
    while (i < bytes.length && bytes[i] !== delimiter && bytes[i] !== NEWLINE) i++
    if (bytes[i] === NEWLINE) return i + 1
    i++
  }
  return 0
}

/** A delimiter is never a space to trim. */
function isSpace(code: number | undefined, delimiter: number): boolean {
  return (code === SPACE || code === TAB) && code !== delimiter
}

/** `i` is behind the opening quote. */
function behindQuotes(bytes: Buffer, i: number, dialect: CsvDialect): number {
  const quote = dialect.quote.charCodeAt(0)
  const escape = dialect.escape.charCodeAt(0)
  while (i < bytes.length) {
    const byte = bytes[i]
    if (byte === escape && (escape !== quote || bytes[i + 1] === quote)) i += 2
    else if (byte === quote) return i + 1
    else i++
  }
  return i
}

/** Whether the row is a comment, or there is nothing in it: no record by design. */
export function isNoRow(row: string, { comment, delimiter, spaces }: CsvDialect): boolean {
  if (comment !== undefined && row.startsWith(comment)) return true
  return row === '' || (spaces === 'trimmed' && trimmed(row, delimiter) === '')
}

/** The fields of a row without its line break; what it throws says why there are none. */
export function fieldsOf(row: string, dialect: CsvDialect): string[] {
  const { delimiter, quote, spaces } = dialect
  if (row.includes(quote)) return new QuotedRow(row, dialect).fields()
  const fields = row.split(delimiter)
  if (spaces === 'trimmed') for (let k = 0; k < fields.length; k++) fields[k] = trimmed(fields[k] ?? '', delimiter) // in bounds
  return fields
}

/** Without spaces and tabs around it; unlike `trim`, which takes more than these for spaces, and a tab that is the delimiter. */
function trimmed(text: string, delimiter: string): string {
  const code = delimiter.charCodeAt(0)
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start), code)) start++
  while (end > start && isSpace(text.charCodeAt(end - 1), code)) end--
  return text.slice(start, end)
}

class QuotedRow {
  readonly #row: string
  readonly #dialect: CsvDialect
  #at = 0

  constructor(row: string, dialect: CsvDialect) {
    this.#row = row
    this.#dialect = dialect
  }

  fields(): string[] {
    const fields: string[] = []
    do fields.push(this.#field())
    while (this.#at++ < this.#row.length)
    return fields
  }

  /** Leaves `#at` at the delimiter behind it, or at the end. */
  #field(): string {
    this.#skipSpaces()
    if (this.#row[this.#at] === this.#dialect.quote) return this.#quoted()
    const start = this.#at
    const end = this.#row.indexOf(this.#dialect.delimiter, start)
    this.#at = end < 0 ? this.#row.length : end
    const field = this.#row.slice(start, this.#at)
    return this.#dialect.spaces === 'trimmed' ? trimmed(field, this.#dialect.delimiter) : field
  }

  #quoted(): string {
    const { quote, escape, delimiter } = this.#dialect
    const row = this.#row
    let text = ''
    let start = ++this.#at
    for (;;) {
      const character = row[this.#at]
      if (character === undefined) throw new SyntaxError('a quoted field is not closed')
      if (character === escape && (escape !== quote || row[this.#at + 1] === quote)) {
        text += row.slice(start, this.#at)
        start = this.#at + 1
        this.#at += 2
      } else if (character === quote) break
      else this.#at++
    }
    text += row.slice(start, this.#at++)
    this.#skipSpaces()
    if (this.#at < row.length && row[this.#at] !== delimiter)
      throw new SyntaxError(`character ${this.#at + 1} follows a closing quote and is no delimiter`)
    return text
  }

  #skipSpaces(): void {
    if (this.#dialect.spaces === 'kept') return
    const delimiter = this.#dialect.delimiter.charCodeAt(0)
    while (isSpace(this.#row.charCodeAt(this.#at), delimiter)) this.#at++
  }
}
