/** Milliseconds since 1970 with fractions: comparable between the threads and processes of one machine. */
export function preciseWallMs(): number {
  return performance.timeOrigin + performance.now()
}
