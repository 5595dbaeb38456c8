/** The limits of what a window definition says; all are checked when the job is built (GRA1005). */
import { formatDuration, parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { WINDOW_LENGTH_MAX_MS } from './event-time.ts'

/** Most windows that one record may be in. */
export const WINDOWS_PER_RECORD_MAX = 10_000_000

/** A length of the definition in milliseconds. */
export function lengthOf(text: string, what: string): number {
  const lengthMs = parseDuration(text, `window ${what}`)
  if (lengthMs > 0 && lengthMs <= WINDOW_LENGTH_MAX_MS) return lengthMs
  throw invalidWindow(
    `the ${what} is ${text}`,
    `Use a duration between 1ms and ${formatDuration(WINDOW_LENGTH_MAX_MS)}.`,
  )
}

/** A number of records. `what` has it. */
export function checkCount(count: number, what: string): number {
  if (Number.isSafeInteger(count) && count > 0) return count
  throw invalidWindow(`the count of a ${what} is ${String(count)}`, 'Use a whole number of records, at least 1.')
}

/** A distance between records. `what` has it. */
export function checkThreshold(threshold: number, what: string): number {
  if (Number.isFinite(threshold)) return threshold
  throw invalidWindow(`the threshold of a ${what} is ${String(threshold)}`, 'Use a finite number.')
}

export function invalidWindow(problem: string, advice: string): EngineError {
  return new EngineError('GRA1005', `the window is not valid: ${problem}. The job was not built. ${advice}`)
}
