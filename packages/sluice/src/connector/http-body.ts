/** Values in the body of a request, by its content type. */
import { isUtf8 } from 'node:buffer'
import { messageOf } from '../base/errors.ts'
import type { DeadLetter } from './text-source.ts'
import type { LiveItem } from './live-source.ts'

export interface BodyTerms {
  /** Of the request, for dead letters. */
  readonly path: string
  readonly decode: (value: unknown) => unknown
}

export type BodyForm = 'json' | 'json-lines' | 'text'

const FORMS: Readonly<Record<string, BodyForm>> = {
  '': 'json',
  'application/json': 'json',
  'application/x-ndjson': 'json-lines',
  'application/jsonl': 'json-lines',
  'text/plain': 'text',
}

/** Undefined: a content type that is not taken. */
export function bodyForm(contentType = ''): BodyForm | undefined {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  if (Object.hasOwn(FORMS, type)) return FORMS[type]
  return type.endsWith('+json') ? 'json' : undefined
}

/** What is in it, in order: records, and what cannot be decoded. */
export function bodyItems(body: Uint8Array, form: BodyForm, terms: BodyTerms): LiveItem<unknown>[] {
  if (!isUtf8(body)) return [{ letter: letterOf(terms, 0, { line: '', error: 'it is not valid UTF-8' }) }]
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  if (form === 'text')
    return [
      itemOf(
        terms,
        0,
        () => text,
        () => text,
      ),
    ]
  if (form === 'json-lines') return lineItems(text, terms)
  return jsonItems(text, terms)
}

function lineItems(text: string, terms: BodyTerms): LiveItem<unknown>[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.map((line, n) =>
    itemOf(
      terms,
      n,
      () => JSON.parse(line),
      () => line,
    ),
  )
}

function jsonItems(text: string, terms: BodyTerms): LiveItem<unknown>[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return [{ letter: letterOf(terms, 0, { line: text, error: messageOf(error) }) }] // the policy of the source handles it
  }
  if (!Array.isArray(value))
    return [
      itemOf(
        terms,
        0,
        () => value,
        () => text,
      ),
    ]
  return value.map((inner: unknown, n) =>
    itemOf(
      terms,
      n,
      () => inner,
      () => JSON.stringify(inner),
    ),
  )
}

/** `lineOf` is what a dead letter shows. */
function itemOf(terms: BodyTerms, n: number, valueOf: () => unknown, lineOf: () => string): LiveItem<unknown> {
  try {
    return { record: terms.decode(valueOf()) }
  } catch (error) {
    return { letter: letterOf(terms, n, { line: lineOf(), error: messageOf(error) }) } // the policy of the source handles it
  }
}

function letterOf(
  { path }: BodyTerms,
  offset: number,
  { line, error }: Pick<DeadLetter, 'line' | 'error'>,
): DeadLetter {
  return { file: path, offset, line, error }
}
