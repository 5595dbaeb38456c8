/** How a CSV file is written: the characters that mean something, checked when the graph is built. */
import { EngineError } from '../base/errors.ts'

/** How fields and rows are told apart. */
export interface CsvDialectOptions {
  /** Between two fields: one ASCII character. Default `,`. */
  readonly delimiter?: string
  /** Around fields that hold a delimiter, a quote or a line break: one ASCII character. Default `"`. */
  readonly quoteChar?: string
}

export interface CsvDialect {
  readonly delimiter: string
  readonly quote: string
  /** In front of a quote inside quotes; the quote itself for doubled quotes. */
  readonly escape: string
  /** Rows that begin with it are none; undefined: there are no comments. */
  readonly comment: string | undefined
  /** Whether spaces and tabs around fields belong to them. */
  readonly spaces: 'kept' | 'trimmed'
  /** Whether a row may go on behind a line break inside quotes. */
  readonly rows: 'of-several-lines' | 'of-one-line'
}

export interface CsvDialectTerms extends CsvDialectOptions {
  readonly escapeChar?: string | undefined
  readonly comment?: string | undefined
  readonly trim?: boolean | undefined
  readonly splittable?: boolean | undefined
}

/** @throws CFG1002 for what is not one ASCII character, CFG1003 when two of them are the same */
export function csvDialect(what: string, terms: CsvDialectTerms): CsvDialect {
  const { delimiter = ',', quoteChar = '"', escapeChar = quoteChar, comment } = terms
  const characters = { delimiter, quoteChar, ...(comment === undefined ? {} : { comment }) }
  for (const [name, value] of Object.entries({ ...characters, escapeChar })) checkCharacter(what, name, value)
  const seen = new Map<string, string>()
  const distinct = escapeChar === quoteChar ? characters : { ...characters, escapeChar }
  for (const [name, value] of Object.entries(distinct)) {
    const other = seen.get(value)
    if (other !== undefined) throw ambiguous(what, [other, name], value)
    seen.set(value, name)
  }
  return Object.freeze({
    delimiter,
    quote: quoteChar,
    escape: escapeChar,
    comment,
    spaces: terms.trim === true ? 'trimmed' : 'kept',
    rows: terms.splittable === true ? 'of-one-line' : 'of-several-lines',
  })
}

function checkCharacter(what: string, name: string, value: string): void {
  if (typeof value === 'string' && /^[\t\x20-\x7e]$/.test(value)) return
  throw new EngineError(
    'CFG1002',
    `${what}: ${name} is ${JSON.stringify(value)}. The graph was not built. Give one ASCII character that is no line break, such as ";" or "\\t".`,
  )
}

function ambiguous(what: string, names: readonly string[], value: string): EngineError {
  return new EngineError(
    'CFG1003',
    `${what}: ${names.join(' and ')} are both ${JSON.stringify(value)}. The graph was not built, because a row could be read in two ways. Give each a character of its own.`,
  )
}
