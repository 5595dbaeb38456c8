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

/** The timestamp when it is one; TIM1001 when it is missing, not a whole number or out of range. `what` has it, for the error. */
export function checkTimestamp(info: OperatorInfo, timestamp: number, what = 'a record'): number {
  if (Number.isInteger(timestamp) && timestamp >= -TIMESTAMP_LIMIT_MS && timestamp <= TIMESTAMP_LIMIT_MS) {
    return timestamp
  }
  const context = { operator: info.uid, subtask: info.subtask }
  const who = `${what} of operator "${info.name}"`
  if (timestamp === NO_TIMESTAMP) throw new EngineError('TIM1001', `${who} has no timestamp. ${MISSING}`, { context })
  throw new EngineError('TIM1001', `${who} has ${shown(timestamp)} as its timestamp. ${NOT_A_TIMESTAMP}`, { context })
}

const MISSING =
  'Event time cannot place it, so the task stops. Give the source a watermark strategy with .withTimestamp(record => milliseconds), ' +
  'or call assignTimestampsAndWatermarks before this operator.'
const NOT_A_TIMESTAMP =
  'That is not a whole number of milliseconds since 1970 in the range of Date, so event time cannot place it and the task stops. ' +
  'Use such a number, e.g. Date.parse(text) for a date as text, seconds * 1000 for seconds.'

function shown(timestamp: unknown): string {
  return typeof timestamp === 'number' ? String(timestamp) : `a value of type ${typeof timestamp}`
}
