/** The records of the keyed window rows: the same for the engine and for the loops written by hand. */

export interface KeyedEvent {
  readonly key: string
  /** Milliseconds of event time. */
  readonly timestampMs: number
}

export const KEY_COUNT = 10_000
export const WINDOW_MS = 60_000
/** Records come at most this much behind the greatest timestamp seen. */
export const DISORDER_MS = 2_000
/** Records between two watermarks of the loops written by hand: as many as the engine's sources leave at the most. */
export const WATERMARK_RECORDS = 16_384

const START_MS = Date.UTC(2026, 0, 1)
const EVENTS_PER_MS = 4

/** Keys and disorder in pseudo-random order, as real ones come; a stride would be far kinder to the caches. */
export function eventAt(index: number, keyCount = KEY_COUNT): KeyedEvent {
  const bits = mixed(index)
  // a new string for every record, as every decoder makes them
  return {
    key: `key-${bits % keyCount}`,
    timestampMs: START_MS + Math.floor(index / EVENTS_PER_MS) - ((bits >>> 8) % DISORDER_MS),
  }
}

/** The finalizer of murmur3: never negative. */
export function mixed(index: number): number {
  let h = Math.imul(index, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
