import { unreachable } from '../base/assert.ts'
import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { parseSize } from '../base/size.ts'
import type { OptionRow } from './option-row.ts'
import { optionRow, type OptionKey, type OptionValue } from './options.ts'

type ParsedValue = string | number | boolean

/** Why a text is no value of its option, as the part of a sentence after "is"; or the value. */
export type ParsedOption<Key extends OptionKey> =
  | { readonly ok: true; readonly value: OptionValue<Key> }
  | { readonly ok: false; readonly expected: string }

/** The value of an option's text. */
export function parseOption<Key extends OptionKey>(key: Key, text: string): ParsedOption<Key> {
  const row = optionRow(key)
  const value = valueOf(row, text.trim())
  if (value === undefined || !isWithin(row, value)) return { ok: false, expected: expectedOf(row) }
  return { ok: true, value: value as OptionValue<Key> } // the row of the key says so: its type, words and choices were checked
}

/** What may stand there, in words: `a duration from 10ms to 7d, or "off"`. */
function expectedOf(row: OptionRow): string {
  if (row.choices !== undefined) return `one of ${row.choices.map(quoted).join(', ')}`
  const words = (row.words ?? []).map((word) => `, or ${quoted(word)}`).join('')
  return `${TYPE_WORDS[row.type]}${limitsOf(row)}${words}`
}

const TYPE_WORDS: Readonly<Record<OptionRow['type'], string>> = {
  duration: 'a duration such as "30s"',
  size: 'a size such as "64mb"',
  integer: 'a whole number',
  number: 'a number',
  boolean: '"true" or "false"',
  choice: 'a word',
  uri: 'a URI such as "file:///var/lib/sluice", or empty',
  host: 'a host name or address such as "127.0.0.1", without a port',
  path: 'the path of a folder',
}

function limitsOf({ min, max }: OptionRow): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  if (min !== undefined) return ` of at least ${min}`
  return max === undefined ? '' : ` of at most ${max}`
}

function valueOf(row: OptionRow, text: string): ParsedValue | undefined {
  if (row.words?.includes(text) === true) return text
  switch (row.type) {
    case 'uri':
      return text === '' || /^file:\/\/\/./.test(text) ? text : undefined
    case 'host':
      return isHost(text) ? text : undefined
    case 'path':
      return text.includes('\0') ? undefined : text
    case 'choice':
      return row.choices?.includes(text) === true ? text : undefined
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'integer':
      return /^-?\d+$/.test(text) ? Number(text) : undefined
    case 'number':
      return /^-?\d+(?:\.\d+)?(?:e-?\d+)?$/i.test(text) ? Number(text) : undefined
    case 'duration':
      return orUndefined(parseDuration, text)
    case 'size':
      return orUndefined(parseSize, text)
    default:
      return unreachable('every type of option has a parser', row.type)
  }
}

/** A name, an IPv4 address, or an IPv6 address without brackets. */
function isHost(text: string): boolean {
  return (
    /^[a-z0-9](?:[a-z0-9._-]{0,252})$/i.test(text) || /^(?=.*:.*:)[0-9a-f:.]{2,45}(?:%[a-z0-9._-]{1,32})?$/i.test(text)
  )
}

function isWithin(row: OptionRow, value: ParsedValue): boolean {
  if (typeof value !== 'number') return true
  if (!Number.isFinite(value)) return false
  return value >= limitOf(row, row.min, -Infinity) && value <= limitOf(row, row.max, Infinity)
}

function limitOf(row: OptionRow, text: string | undefined, otherwise: number): number {
  const limit = text === undefined ? otherwise : valueOf(row, text)
  return typeof limit === 'number' ? limit : unreachable('a limit is a value of its own option', text)
}

/** A parser's refusal as no value: the table words it better. */
function orUndefined(parse: (text: string) => number, text: string): number | undefined {
  try {
    return parse(text)
  } catch (refused) {
    if (refused instanceof EngineError && refused.code === 'CFG1002') return undefined
    throw refused
  }
}

function quoted(word: string): string {
  return JSON.stringify(word)
}
