/**
 * Decides how many entries the next slice of a running snapshot may encode, so that the task keeps most of its time for records.
 *
 * Entries are encoded by slices and by first touches of records; both count. The share is over the time since the cut, so slices wait while
 * touches already cost enough.
 */

/** Share of the time since the cut that encoding may take while there are records to process. */
const ENCODE_SHARE_MAX = 0.3
/** Even then a snapshot moves on. */
const SLICE_ENTRIES_MIN = 8
/** Below a millisecond or two for ordinary values. */
export const SLICE_ENTRIES_MAX = 1024

export class SnapshotPacer {
  /** Milliseconds to encode one entry, smoothed. */
  #entryMs = 0.001

  /** @param elapsedMs since the cut  @param encoded entries so far */
  entries(elapsedMs: number, encoded: number): number {
    const allowed = Math.floor((elapsedMs * ENCODE_SHARE_MAX) / this.#entryMs) - encoded
    return Math.max(SLICE_ENTRIES_MIN, Math.min(SLICE_ENTRIES_MAX, allowed))
  }

  /** A slice of `entries` took `durationMs`. */
  measured(entries: number, durationMs: number): void {
    if (entries >= SLICE_ENTRIES_MIN) this.#entryMs = 0.9 * this.#entryMs + 0.1 * Math.max(0.0001, durationMs / entries)
  }
}
