import { present } from '../base/assert.ts'

/**
 * What one side of an interval join keeps for one key. Plain data: it is state.
 *
 * Two arrays side by side, sorted by time: records that come roughly in order are appended, the ones that are due go from the front, and the
 * ones within an interval are found by halving.
 */
export interface IntervalBuffer<T> {
  /** The timer that cleans up next. */
  timerAt: number
  /** Ascending; of one timestamp in order of arrival. */
  readonly times: number[]
  readonly values: T[]
}

/** The first place whose time is not below `timestamp`. */
export function placeFrom(times: readonly number[], timestamp: number): number {
  let from = 0
  let to = times.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (timeAt(times, middle) < timestamp) from = middle + 1
    else to = middle
  }
  return from
}

/** Behind all records of its time. */
export function insertByTime<T>({ times, values }: IntervalBuffer<T>, value: T, timestamp: number): void {
  const last = times.at(-1)
  if (last === undefined || last <= timestamp) {
    times.push(timestamp)
    values.push(value)
    return
  }
  const place = placeFrom(times, timestamp + 1)
  times.splice(place, 0, timestamp)
  values.splice(place, 0, value)
}

/** Forgets every record up to and including `timestamp`. */
export function dropUntil<T>({ times, values }: IntervalBuffer<T>, timestamp: number): void {
  const count = placeFrom(times, timestamp + 1)
  if (count === 0) return
  times.splice(0, count)
  values.splice(0, count)
}

export function timeAt(times: readonly number[], index: number): number {
  return present(times[index], 'a time of the buffer')
}
