/** How far the right record of an interval join may be from the left one: `left + lower <= right <= left + upper`. */
import { formatDuration, parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { WINDOW_LENGTH_MAX_MS } from './event-time.ts'

type BoundKind = 'inclusive' | 'exclusive'

/** As the user wrote it. */
export interface JoinInterval {
  readonly lowerMs: number
  readonly upperMs: number
  readonly lowerBound: BoundKind
  readonly upperBound: BoundKind
}

/** Both ends belong to it. Whole milliseconds. */
export interface InclusiveInterval {
  readonly lowerMs: number
  readonly upperMs: number
}

/** A duration that may be negative, in milliseconds; CFG1002 for anything else. */
export function parseBound(text: string, what: string): number {
  const trimmed = text.trim()
  if (!trimmed.startsWith('-')) return parseDuration(trimmed, what)
  const distanceMs = parseDuration(trimmed.slice(1), what)
  return distanceMs === 0 ? 0 : -distanceMs
}

/** An exclusive bound is the inclusive one a millisecond further in. GRA1005 when nothing could ever be within the interval. */
export function checkInterval(interval: JoinInterval): InclusiveInterval {
  const { lowerMs, upperMs, lowerBound, upperBound } = interval
  checkBound(lowerMs, 'lower')
  checkBound(upperMs, 'upper')
  const inclusive = {
    lowerMs: lowerBound === 'inclusive' ? lowerMs : lowerMs + 1,
    upperMs: upperBound === 'inclusive' ? upperMs : upperMs - 1,
  }
  if (inclusive.lowerMs <= inclusive.upperMs) return Object.freeze(inclusive)
  throw new EngineError(
    'GRA1005',
    `the interval of a join is empty: from ${show(lowerMs)} (${lowerBound}) to ${show(upperMs)} (${upperBound}). The job was not built, because no ` +
      'two records could ever be joined. Give the lower bound first, and leave at least one millisecond between exclusive ones.',
  )
}

function checkBound(boundMs: number, name: string): void {
  if (Number.isSafeInteger(boundMs) && Math.abs(boundMs) <= WINDOW_LENGTH_MAX_MS) return
  throw new EngineError(
    'GRA1005',
    `the ${name} bound of an interval join is ${boundMs} ms. The job was not built. Use whole milliseconds, at most ` +
      `${formatDuration(WINDOW_LENGTH_MAX_MS)} in either direction.`,
  )
}

function show(boundMs: number): string {
  return boundMs < 0 ? `-${formatDuration(-boundMs)}` : formatDuration(boundMs)
}
