/**
 * Which records a window forgets before or behind its function. Frozen plain data, part of the graph; the rules are in docs/spec/windows.md.
 *
 * A window with an evictor keeps every record, also for `aggregate` and `reduce`.
 */
import { EngineError } from '../base/errors.ts'
import type { TimeWindow } from './window-definition.ts'
import { checkCount, checkThreshold, lengthOf } from './window-limits.ts'

/** A record that a window holds. */
export interface TimestampedValue<T> {
  readonly value: T
  /** Milliseconds, or NO_TIMESTAMP. */
  readonly timestamp: number
}

type Moment = 'before' | 'after'

/** Keeps the last so many records. */
export interface CountEvictor {
  readonly kind: 'count'
  readonly when: Moment
  readonly maxCount: number
}

/** Keeps the records that are younger than a time before the youngest. */
export interface TimeEvictor {
  readonly kind: 'time'
  readonly when: Moment
  readonly sizeMs: number
}

/** Keeps the records that are nearer than a threshold to the last one. */
export interface DeltaEvictor<T> {
  readonly kind: 'delta'
  readonly when: Moment
  /** In the unit of `deltaOf`. */
  readonly threshold: number
  /** How far a record is from the last one. */
  deltaOf(value: T, last: T): number
}

/** What an evictor of the user's own can ask for. */
export interface EvictorContext {
  /** Milliseconds of event time. */
  currentWatermark(): number
  /** Milliseconds of wall time. */
  processingTimeMs(): number
}

/**
 * An evictor of the user's own: each function returns the records to keep, in order, of those it is given, in order of arrival. One that is missing
 * keeps all.
 *
 * @example
 * const withoutTests: CustomEvictor<Order> = {
 *   kind: 'custom',
 *   name: 'without-tests',
 *   evictBefore: (elements) => elements.filter(({ value }) => !value.isTest),
 * }
 */
export interface CustomEvictor<T> {
  readonly kind: 'custom'
  /** Part of what a checkpoint must match. */
  readonly name: string
  /** Called before the window's function; it gets what this returns. */
  evictBefore?(
    elements: readonly TimestampedValue<T>[],
    window: TimeWindow,
    ctx: EvictorContext,
  ): readonly TimestampedValue<T>[]
  /** Called behind the window's function; the window keeps what this returns. */
  evictAfter?(
    elements: readonly TimestampedValue<T>[],
    window: TimeWindow,
    ctx: EvictorContext,
  ): readonly TimestampedValue<T>[]
}

/** Says which records of type T a window forgets when it fires. */
export type Evictor<T = never> = CountEvictor | TimeEvictor | DeltaEvictor<T> | CustomEvictor<T>

/** When an evictor works. */
export interface EvictorOptions {
  /** Whether records are forgotten behind the window's function instead of before it. Default false. */
  readonly evictAfter?: boolean
}

export const CountEvictor = Object.freeze({
  /**
   * Keeps the last `maxCount` records.
   *
   * @throws GRA1005 when the count is no whole number from 1
   * @example windows.evictor(CountEvictor.of(10))
   */
  of(maxCount: number, options: EvictorOptions = {}): CountEvictor {
    return Object.freeze({ kind: 'count', ...momentOf(options), maxCount: checkCount(maxCount, 'count evictor') })
  },
})

export const TimeEvictor = Object.freeze({
  /**
   * Keeps the records whose timestamp is less than `size` behind the greatest one. Without timestamps it keeps all.
   *
   * @param size a duration such as `'10s'`, at least one millisecond
   * @throws GRA1005 when the size is out of its limits, CFG1002 when it is no duration
   * @example windows.evictor(TimeEvictor.of('10s'))
   */
  of(size: string, options: EvictorOptions = {}): TimeEvictor {
    return Object.freeze({ kind: 'time', ...momentOf(options), sizeMs: lengthOf(size, 'size of a time evictor') })
  },
})

export const DeltaEvictor = Object.freeze({
  /**
   * Keeps the records whose `deltaOf(value, last)` is below `threshold`, where `last` is the last record of the window.
   *
   * @throws GRA1005 when the threshold is no finite number
   * @example windows.evictor(DeltaEvictor.of(5, (order: Order, last) => last.price - order.price))
   */
  of<T>(threshold: number, deltaOf: (value: T, last: T) => number, options: EvictorOptions = {}): DeltaEvictor<T> {
    return Object.freeze({
      kind: 'delta',
      ...momentOf(options),
      threshold: checkThreshold(threshold, 'delta evictor'),
      deltaOf,
    })
  },
})

/** @throws GRA1005 when it does nothing at all */
export function checkEvictor<T>(evictor: Evictor<T>): Evictor<T> {
  if (evictor.kind !== 'custom' || evictor.evictBefore !== undefined || evictor.evictAfter !== undefined) return evictor
  throw new EngineError(
    'GRA1005',
    `the evictor "${evictor.name}" has neither evictBefore nor evictAfter. The job was not built, because it would keep every record for nothing. ` +
      'Give it one of the two, or leave it out.',
  )
}

function momentOf(options: EvictorOptions): { readonly when: Moment } {
  return { when: options.evictAfter === true ? 'after' : 'before' }
}
