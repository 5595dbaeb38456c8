/** What a keyed window count gave, in a form that two ways of counting can be compared by. */
import { WINDOW_MS, mixed } from './events.ts'

export interface ResultSummary {
  /** Pairs of key and window. */
  readonly results: number
  /** Sum of all counts. */
  readonly records: number
  /** Depends on the count of every key and window, not on their order. */
  readonly checksum: number
}

export class ResultSumming {
  #results = 0
  #records = 0
  #checksum = 0

  add(key: string, windowStartMs: number, count: number): void {
    this.#results++
    this.#records += count
    const place = mixed(Number(key.slice('key-'.length)) ^ Math.imul(Math.floor(windowStartMs / WINDOW_MS), 0x01000193))
    this.#checksum = (this.#checksum + Math.imul(place | 1, count)) >>> 0
  }

  summary(): ResultSummary {
    return { results: this.#results, records: this.#records, checksum: this.#checksum }
  }
}

/** Of the parts that several threads counted. */
export function joined(parts: readonly ResultSummary[]): ResultSummary {
  return {
    results: parts.reduce((sum, part) => sum + part.results, 0),
    records: parts.reduce((sum, part) => sum + part.records, 0),
    checksum: parts.reduce((sum, part) => (sum + part.checksum) >>> 0, 0),
  }
}

export function areEqual(a: ResultSummary, b: ResultSummary): boolean {
  return a.results === b.results && a.records === b.records && a.checksum === b.checksum
}
