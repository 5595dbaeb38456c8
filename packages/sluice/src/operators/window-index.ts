/**
 * Number of the last window that starts at or before `timestamp`: the greatest n with `offset + n * slide <= timestamp`.
 *
 * By division, because the remainder of numbers as large as timestamps is several times slower. Rounding cannot reach the next whole
 * quotient as long as the distance is a safe integer, which the limits of timestamps, sizes and offsets see to (event-time.ts).
 */
export function windowIndex(timestamp: number, offsetMs: number, slideMs: number): number {
  return Math.floor((timestamp - offsetMs) / slideMs)
}
