/** What the slots of states with a time to live hold: the same as without one, and when it was used last. */
import { UNKNOWN_TIME_MS } from './expiry.ts'
import type { StateMap } from './state-map.ts'

/** A value and when it was used last. */
export class Stamped<T> {
  value: T
  usedMs: number

  constructor(value: T, usedMs: number) {
    this.value = value
    this.usedMs = usedMs
  }
}

/** The elements of a list and when each was used last. Never empty. */
export class ExpiringList<T> {
  values: T[]
  usedMs: number[]
  /** No element was used before. */
  earliestMs: number

  constructor(values: T[], usedMs: number[]) {
    this.values = values
    this.usedMs = usedMs
    this.earliestMs = earliestOf(usedMs)
  }

  add(value: T, usedMs: number): void {
    this.values.push(value)
    this.usedMs.push(usedMs)
    if (usedMs < this.earliestMs) this.earliestMs = usedMs
  }

  /** Keeps the elements that the test is true for; the array that was there before stays as it is, because a function may hold it. */
  keep(isKept: (usedMs: number) => boolean): void {
    const kept = this.usedMs.map(isKept)
    this.values = this.values.filter((_, index) => kept[index])
    this.usedMs = this.usedMs.filter((_, index) => kept[index])
    this.earliestMs = earliestOf(this.usedMs)
  }

  /** Elements without a time count from now. */
  start(nowMs: number): void {
    this.usedMs = this.usedMs.map((usedMs) => (usedMs === UNKNOWN_TIME_MS ? nowMs : usedMs))
    this.earliestMs = earliestOf(this.usedMs)
  }

  /** All elements were used at this time, or later. */
  refresh(usedMs: number): void {
    this.usedMs = this.usedMs.map((knownMs) => Math.max(knownMs, usedMs))
    this.earliestMs = earliestOf(this.usedMs)
  }
}

/** The pairs of a map, each with its own time. Never empty. */
export type ExpiringMap<K, V> = StateMap<K, Stamped<V>>

function earliestOf(times: readonly number[]): number {
  return times.reduce((earliest, time) => Math.min(earliest, time), Number.MAX_SAFE_INTEGER)
}
