import { valueText } from '../base/value-text.ts'
import { NO_TIMESTAMP } from './element.ts'

/** A record in a message where nobody knows its place in a source. */
export function recordText(value: unknown, timestamp: number | undefined): string {
  const hasTimestamp = timestamp !== undefined && timestamp !== NO_TIMESTAMP
  return `${valueText(value)} ${hasTimestamp ? `with timestamp ${timestamp}` : 'without timestamp'}`
}
