/** Records as lines of text. */
import { EngineError, messageOf } from '../base/errors.ts'

/** Characters of a description of a record in an error message. */
const DESCRIPTION_CHARS = 120

/** Strings as they are, everything else as JSON. */
export function plainLine(value: unknown): string {
  return typeof value === 'string' ? value : jsonLine(value)
}

/** JSON; SER1001 for what JSON cannot say as a whole. */
export function jsonLine(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw unwritable(value, messageOf(error))
  }
  if (text === undefined) throw unwritable(value, `JSON has nothing for a ${typeof value}`)
  return text
}

function unwritable(value: unknown, reason: string): EngineError {
  return new EngineError(
    'SER1001',
    `record ${describe(value)} cannot be written as a line: ${reason}. It was not written and the task fails. ` +
      'Map it to plain JSON values before the sink (a bigint to a string or number), or give textSink a `format`.',
  )
}

/** Fields and their types: the value itself may be what cannot be printed. */
function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `of type ${typeof value}`
  const fields = Object.entries(value).map(([name, inner]) => `${name}: ${inner === null ? 'null' : typeof inner}`)
  const text = `{ ${fields.join(', ')} }`
  return text.length > DESCRIPTION_CHARS ? `${text.slice(0, DESCRIPTION_CHARS)}…` : text
}
