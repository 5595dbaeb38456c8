/** Days, hours and minutes in UTC, so that they are the same on every machine. */
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const HOURS_PER_DAY = 24

/** E.g. `2015-07-15`. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

/** E.g. `07:09`. */
export function minuteOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(11, 16)
}

/** The number of the day since 1970: cheaper than its name. */
export function dayNumberOf(timeMs: number): number {
  return Math.floor(timeMs / DAY_MS)
}

/** From 0 to 23. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / HOUR_MS) % HOURS_PER_DAY
}

export function dayName(dayNumber: number): string {
  return dayOf(dayNumber * DAY_MS)
}
