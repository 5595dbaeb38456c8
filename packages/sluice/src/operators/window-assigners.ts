/**
 * Which windows a record belongs to. Frozen plain data, part of the graph; the arithmetic is in docs/spec/windows.md.
 */
import { formatDuration, parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { WINDOW_LENGTH_MAX_MS } from './event-time.ts'

/** Windows of one size, side by side. */
export interface TumblingEventTimeWindows {
  readonly kind: 'tumbling'
  readonly sizeMs: number
  readonly offsetMs: number
}

/** Windows of one size, one starting at every slide: a record is in size / slide of them. */
export interface SlidingEventTimeWindows {
  readonly kind: 'sliding'
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs: number
}

/** Windows that end when no record of the key came for a gap. */
export interface EventTimeSessionWindows {
  readonly kind: 'session'
  readonly gapMs: number
}

export type WindowAssigner = TumblingEventTimeWindows | SlidingEventTimeWindows | EventTimeSessionWindows

/** Most windows that one record of a sliding assigner may be in. */
const WINDOWS_PER_RECORD_MAX = 10_000_000

export const TumblingEventTimeWindows = Object.freeze({
  /**
   * Windows of `size`, side by side, aligned with 1970-01-01T00:00Z plus `offset`.
   *
   * @param size a duration such as `'1h'`, at least one millisecond
   * @param offset shifts the alignment, e.g. `'-2h'` for days that begin at 22:00Z; shorter than `size`; default none
   * @throws GRA1005 when size or offset are out of their limits, CFG1002 when they are no durations
   * @example TumblingEventTimeWindows.of('1h')
   */
  of(size: string, offset = '0ms'): TumblingEventTimeWindows {
    const sizeMs = lengthOf(size, 'size')
    return Object.freeze({ kind: 'tumbling', sizeMs, offsetMs: offsetOf(offset, sizeMs, 'size') })
  },
})

export const SlidingEventTimeWindows = Object.freeze({
  /**
   * Windows of `size`, one starting at every `slide`, aligned with 1970-01-01T00:00Z plus `offset`. A slide longer than the
   * size leaves gaps; records in them are counted in `recordsOutsideWindows`.
   *
   * @param size a duration such as `'1h'`, at least one millisecond
   * @param slide a duration, at least one millisecond and at least a ten-millionth of `size`
   * @param offset shifts the alignment; shorter than `slide`; default none
   * @throws GRA1005 when size, slide or offset are out of their limits, CFG1002 when they are no durations
   * @example SlidingEventTimeWindows.of('1h', '5m')
   */
  of(size: string, slide: string, offset = '0ms'): SlidingEventTimeWindows {
    const sizeMs = lengthOf(size, 'size')
    const slideMs = lengthOf(slide, 'slide')
    if (sizeMs / slideMs > WINDOWS_PER_RECORD_MAX) {
      throw invalid(
        `every record would be in ${Math.ceil(sizeMs / slideMs)} windows`,
        'Choose a longer slide or a shorter size.',
      )
    }
    return Object.freeze({ kind: 'sliding', sizeMs, slideMs, offsetMs: offsetOf(offset, slideMs, 'slide') })
  },
})

export const EventTimeSessionWindows = Object.freeze({
  /**
   * Sessions: the records of a key that follow one another by no more than `gap`. They need an aggregate with `merge`.
   *
   * @param gap a duration such as `'30m'`, at least one millisecond
   * @throws GRA1005 when the gap is out of its limits, CFG1002 when it is no duration
   * @example EventTimeSessionWindows.withGap('30m')
   */
  withGap(gap: string): EventTimeSessionWindows {
    return Object.freeze({ kind: 'session', gapMs: lengthOf(gap, 'gap') })
  },
})

function lengthOf(text: string, what: string): number {
  const lengthMs = parseDuration(text, `window ${what}`)
  if (lengthMs > 0 && lengthMs <= WINDOW_LENGTH_MAX_MS) return lengthMs
  throw invalid(`the ${what} is ${text}`, `Use a duration between 1ms and ${formatDuration(WINDOW_LENGTH_MAX_MS)}.`)
}

function offsetOf(text: string, limitMs: number, limitName: string): number {
  const isNegative = text.trim().startsWith('-')
  const distanceMs = parseDuration(isNegative ? text.trim().slice(1) : text, 'window offset')
  if (distanceMs < limitMs) return isNegative && distanceMs > 0 ? -distanceMs : distanceMs
  throw invalid(
    `the offset ${text} is not shorter than the ${limitName}, ${formatDuration(limitMs)}`,
    'An offset only shifts where windows begin, so any longer one is the same as what remains of it.',
  )
}

function invalid(problem: string, advice: string): EngineError {
  return new EngineError('GRA1005', `the window is not valid: ${problem}. The job was not built. ${advice}`)
}
