import { EngineError } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { OperatorInfo } from './operator.ts'

/**
 * The range of timestamps, in both directions from 1970: that of `Date`. Behind it there is room for a window, so that its
 * bounds are exact numbers too.
 */
export const TIMESTAMP_LIMIT_MS = 8.64e15

/** Longest window, slide, gap and lateness: a million days. */
export const WINDOW_LENGTH_MAX_MS = 1_000_000 * 86_400_000

/** The timestamp when it is one; TIM1001 when it is missing, not a whole number or out of range. */
export function checkTimestamp(info: OperatorInfo, timestamp: number): number {
  if (timestamp >= -TIMESTAMP_LIMIT_MS && timestamp <= TIMESTAMP_LIMIT_MS && Math.floor(timestamp) === timestamp) {
    return timestamp
  }
  throw timestampError(info, timestamp)
}

function timestampError(info: OperatorInfo, timestamp: unknown): EngineError {
  const context = { operator: info.uid, subtask: info.subtask }
  const consequence = 'Event time cannot place it, so the task stops.'
  if (timestamp === NO_TIMESTAMP) {
    const advice =
      'Give the source a watermark strategy with .withTimestamp(record => milliseconds), or call assignTimestampsAndWatermarks before this operator.'
    return new EngineError('TIM1001', `a record of operator "${info.name}" has no timestamp. ${consequence} ${advice}`, {
      context,
    })
  }
  const shown = typeof timestamp === 'number' ? String(timestamp) : `a value of type ${typeof timestamp}`
  return new EngineError(
    'TIM1001',
    `a record of operator "${info.name}" has ${shown} as its timestamp, which is not a whole number of milliseconds since 1970. ${consequence} ` +
      'Return such a number from withTimestamp, e.g. Date.parse(text) for a date as text, seconds * 1000 for seconds.',
    { context },
  )
}
