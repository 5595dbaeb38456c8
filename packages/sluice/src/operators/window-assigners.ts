/**
 * Which windows a record belongs to. Frozen plain data, part of the graph; the arithmetic is in docs/spec/windows.md.
 *
 * A1 `time` says whose clock places records and ends windows; absent means event time, so that graphs of event time need not say it.
 */
import { formatDuration, parseDuration } from '../base/duration.ts'
import type { Trigger } from './triggers.ts'
import type { TimeWindow } from './window-definition.ts'
import { invalidWindow, lengthOf, WINDOWS_PER_RECORD_MAX } from './window-limits.ts'

/** Windows of one size, side by side, in event time. */
export interface TumblingEventTimeWindows {
  readonly kind: 'tumbling'
  readonly time?: 'event'
  readonly sizeMs: number
  readonly offsetMs: number
}

/** Windows of one size, side by side, of the wall time at which records arrive. */
export interface TumblingProcessingTimeWindows {
  readonly kind: 'tumbling'
  readonly time: 'processing'
  readonly sizeMs: number
  readonly offsetMs: number
}

/** Windows of one size, one starting at every slide: a record is in size / slide of them. */
export interface SlidingEventTimeWindows {
  readonly kind: 'sliding'
  readonly time?: 'event'
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs: number
}

/** Sliding windows of the wall time at which records arrive. */
export interface SlidingProcessingTimeWindows {
  readonly kind: 'sliding'
  readonly time: 'processing'
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs: number
}

/** Windows that end when no record of the key came for a gap. */
export interface EventTimeSessionWindows {
  readonly kind: 'session'
  readonly time?: 'event'
  readonly gapMs: number
}

/** Windows that end when no record of the key arrived for a gap of wall time. */
export interface ProcessingTimeSessionWindows {
  readonly kind: 'session'
  readonly time: 'processing'
  readonly gapMs: number
}

/** Sessions where each record says how long a gap may follow it. */
export interface DynamicSessionWindows<T> {
  readonly kind: 'dynamic-session'
  readonly time: 'event' | 'processing'
  /** Milliseconds. */
  gapMsOf(value: T): number
}

/** One window per key, without an end. */
export interface GlobalWindows {
  readonly kind: 'global'
  readonly firesAt: 'never' | 'end-of-stream'
}

/** What an assigner of the user's own can ask for. */
export interface WindowAssignerContext {
  /** Milliseconds of wall time. */
  processingTimeMs(): number
}

/**
 * Windows of the user's own.
 *
 * @example
 * const perWeek: CustomWindowAssigner<Sale> = {
 *   kind: 'custom',
 *   name: 'per-week',
 *   isEventTime: true,
 *   assignWindows: (sale, timestamp) => [weekOf(timestamp)],
 * }
 */
export interface CustomWindowAssigner<T> {
  readonly kind: 'custom'
  /** Part of what a checkpoint must match: change it when the windows of a record change. */
  readonly name: string
  /** Whether windows end by the watermark, and records need timestamps; otherwise by wall time. */
  readonly isEventTime: boolean
  /** Whether windows of a key that touch are joined into one, as sessions are. Default false. */
  readonly isMerging?: boolean
  /** Default: fires when the window ends, by its own time. */
  readonly defaultTrigger?: Trigger<T>
  /** The windows of a record, none to leave it out (it is counted). Bounds are whole milliseconds. Synchronous; the same record, the same windows. */
  assignWindows(value: T, timestamp: number, ctx: WindowAssignerContext): readonly TimeWindow[]
}

export type TumblingWindows = TumblingEventTimeWindows | TumblingProcessingTimeWindows
export type SlidingWindows = SlidingEventTimeWindows | SlidingProcessingTimeWindows
export type SessionWindows = EventTimeSessionWindows | ProcessingTimeSessionWindows

/** Says which windows a record of type T belongs to. */
export type WindowAssigner<T = never> =
  | TumblingWindows
  | SlidingWindows
  | SessionWindows
  | DynamicSessionWindows<T>
  | GlobalWindows
  | CustomWindowAssigner<T>

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
    return Object.freeze({ kind: 'tumbling', ...tumbling(size, offset) })
  },
})

export const TumblingProcessingTimeWindows = Object.freeze({
  /**
   * Windows of `size` of the wall time at which records arrive, aligned with 1970-01-01T00:00Z plus `offset`. Records need no timestamps and are never
   * late; another run of the same input gives other windows.
   *
   * @param size a duration such as `'10s'`, at least one millisecond
   * @param offset shifts the alignment; shorter than `size`; default none
   * @throws GRA1005 when size or offset are out of their limits, CFG1002 when they are no durations
   * @example TumblingProcessingTimeWindows.of('10s')
   */
  of(size: string, offset = '0ms'): TumblingProcessingTimeWindows {
    return Object.freeze({ kind: 'tumbling', time: 'processing', ...tumbling(size, offset) })
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
    return Object.freeze({ kind: 'sliding', ...sliding(size, slide, offset) })
  },
})

export const SlidingProcessingTimeWindows = Object.freeze({
  /**
   * Windows of `size` of the wall time at which records arrive, one starting at every `slide`. Records need no timestamps and are never late.
   *
   * @param size a duration such as `'1m'`, at least one millisecond
   * @param slide a duration, at least one millisecond and at least a ten-millionth of `size`
   * @param offset shifts the alignment; shorter than `slide`; default none
   * @throws GRA1005 when size, slide or offset are out of their limits, CFG1002 when they are no durations
   * @example SlidingProcessingTimeWindows.of('1m', '10s')
   */
  of(size: string, slide: string, offset = '0ms'): SlidingProcessingTimeWindows {
    return Object.freeze({ kind: 'sliding', time: 'processing', ...sliding(size, slide, offset) })
  },
})

export const EventTimeSessionWindows = Object.freeze({
  /**
   * Sessions: the records of a key that follow one another by no more than `gap`. Aggregates over them need `merge`.
   *
   * @param gap a duration such as `'30m'`, at least one millisecond
   * @throws GRA1005 when the gap is out of its limits, CFG1002 when it is no duration
   * @example EventTimeSessionWindows.withGap('30m')
   */
  withGap(gap: string): EventTimeSessionWindows {
    return Object.freeze({ kind: 'session', gapMs: lengthOf(gap, 'gap') })
  },

  /**
   * Sessions where each record says how long a gap may follow it.
   *
   * @param gapMsOf gives milliseconds, a whole number from 1 to a million days (TSK1001 while the job runs otherwise)
   * @example EventTimeSessionWindows.withDynamicGap((click: Click) => (click.isMobile ? 60_000 : 600_000))
   */
  withDynamicGap<T>(gapMsOf: (value: T) => number): DynamicSessionWindows<T> {
    return Object.freeze({ kind: 'dynamic-session', time: 'event', gapMsOf })
  },
})

export const ProcessingTimeSessionWindows = Object.freeze({
  /**
   * Sessions of the wall time at which records arrive. Records need no timestamps and are never late.
   *
   * @param gap a duration such as `'30s'`, at least one millisecond
   * @throws GRA1005 when the gap is out of its limits, CFG1002 when it is no duration
   * @example ProcessingTimeSessionWindows.withGap('30s')
   */
  withGap(gap: string): ProcessingTimeSessionWindows {
    return Object.freeze({ kind: 'session', time: 'processing', gapMs: lengthOf(gap, 'gap') })
  },

  /**
   * Sessions of wall time where each record says how long a gap may follow it.
   *
   * @param gapMsOf gives milliseconds, a whole number from 1 to a million days (TSK1001 while the job runs otherwise)
   * @example ProcessingTimeSessionWindows.withDynamicGap((request: Request) => request.timeoutMs)
   */
  withDynamicGap<T>(gapMsOf: (value: T) => number): DynamicSessionWindows<T> {
    return Object.freeze({ kind: 'dynamic-session', time: 'processing', gapMsOf })
  },
})

export const GlobalWindows = Object.freeze({
  /**
   * One window per key that never ends: it gives results only by a trigger, e.g. `.trigger(CountTrigger.of(100))`, and what it holds is freed only by
   * one that purges.
   *
   * @example orders.keyBy((order) => order.shop).window(GlobalWindows.create()).trigger(PurgingTrigger.of(CountTrigger.of(100)))
   */
  create(): GlobalWindows {
    return Object.freeze({ kind: 'global', firesAt: 'never' })
  },

  /**
   * One window per key that gives its result when the input has ended: for bounded sources.
   *
   * @example orders.keyBy((order) => order.shop).window(GlobalWindows.createWithEndOfStreamTrigger()).aggregate(count())
   */
  createWithEndOfStreamTrigger(): GlobalWindows {
    return Object.freeze({ kind: 'global', firesAt: 'end-of-stream' })
  },
})

function tumbling(size: string, offset: string): { sizeMs: number; offsetMs: number } {
  const sizeMs = lengthOf(size, 'size')
  return { sizeMs, offsetMs: offsetOf(offset, sizeMs, 'size') }
}

function sliding(size: string, slide: string, offset: string): { sizeMs: number; slideMs: number; offsetMs: number } {
  const sizeMs = lengthOf(size, 'size')
  const slideMs = lengthOf(slide, 'slide')
  if (sizeMs / slideMs > WINDOWS_PER_RECORD_MAX) {
    throw invalidWindow(
      `every record would be in ${Math.ceil(sizeMs / slideMs)} windows`,
      'Choose a longer slide or a shorter size.',
    )
  }
  return { sizeMs, slideMs, offsetMs: offsetOf(offset, slideMs, 'slide') }
}

function offsetOf(text: string, limitMs: number, limitName: string): number {
  const isNegative = text.trim().startsWith('-')
  const distanceMs = parseDuration(isNegative ? text.trim().slice(1) : text, 'window offset')
  if (distanceMs < limitMs) return isNegative && distanceMs > 0 ? -distanceMs : distanceMs
  throw invalidWindow(
    `the offset ${text} is not shorter than the ${limitName}, ${formatDuration(limitMs)}`,
    'An offset only shifts where windows begin, so any longer one is the same as what remains of it.',
  )
}
