import type { AggregateFunction } from 'sluice'

export interface Greatest<T> {
  value: number
  /** All that have this value. */
  records: T[]
}

/** The records with the greatest value of a number: all of them when there are several. */
export function greatest<T>(numberOf: (record: T) => number): AggregateFunction<T, Greatest<T>, readonly T[]> {
  return {
    createAccumulator: () => ({ value: Number.NEGATIVE_INFINITY, records: [] }),
    add(record, found) {
      const value = numberOf(record)
      if (value > found.value) {
        found.value = value
        found.records = [record]
      } else if (value === found.value) found.records.push(record)
      return found
    },
    getResult: ({ records }) => records.slice(),
    merge(first, second) {
      if (second.value > first.value) {
        first.value = second.value
        first.records = second.records.slice()
      } else if (second.value === first.value) first.records.push(...second.records)
      return first
    },
  }
}
