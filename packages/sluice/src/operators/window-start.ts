/**
 * Start of the last window that starts at or before `timestamp`: the greatest `offset + n * slide` that is not greater.
 *
 * Division instead of the remainder, which is several times slower for numbers of the size of timestamps; the quotient may be off by
 * one after rounding and is put right.
 */
export function windowStart(timestamp: number, offsetMs: number, slideMs: number): number {
  const distance = timestamp - offsetMs
  const start = Math.floor(distance / slideMs) * slideMs
  if (start > distance) return start - slideMs + offsetMs
  if (distance - start >= slideMs) return start + slideMs + offsetMs
  return start + offsetMs
}
