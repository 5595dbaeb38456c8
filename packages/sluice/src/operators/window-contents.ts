/** What a window holds of its records: one strategy for each way of computing over them. */
import { assert } from '../base/assert.ts'
import type { Aggregation } from './aggregation.ts'
import type { TimestampedValue } from './evictors.ts'
import { listOf, type WindowEntry } from './window-entry.ts'

export interface WindowContents {
  add(window: WindowEntry, value: unknown, timestamp: number): void
  /** Both as one; neither is undefined, and neither is used again. */
  merge(first: unknown, second: unknown): unknown
}

/** One accumulator. */
export class AccumulatorContents implements WindowContents {
  readonly #aggregation: Aggregation<unknown, unknown>

  constructor(aggregation: Aggregation<unknown, unknown>) {
    this.#aggregation = aggregation
  }

  add(window: WindowEntry, value: unknown): void {
    const { contents } = window
    window.contents = contents === undefined ? this.#aggregation.first(value) : this.#aggregation.add(value, contents)
  }

  merge(first: unknown, second: unknown): unknown {
    return this.#aggregation.merge(first, second)
  }
}

/** All records, in order of arrival. */
export class ListContents implements WindowContents {
  add(window: WindowEntry, value: unknown): void {
    const list = listOf<unknown>(window)
    if (list === undefined) window.contents = [value]
    else list.push(value)
  }

  merge(first: unknown, second: unknown): unknown {
    return joined(first, second)
  }
}

/** All records with their timestamps, for evictors. */
export class ElementContents implements WindowContents {
  add(window: WindowEntry, value: unknown, timestamp: number): void {
    const element: TimestampedValue<unknown> = { value, timestamp }
    const list = listOf<TimestampedValue<unknown>>(window)
    if (list === undefined) window.contents = [element]
    else list.push(element)
  }

  merge(first: unknown, second: unknown): unknown {
    return joined(first, second)
  }
}

/** Pushed one by one: a call with a million arguments would not fit on the stack. */
function joined(first: unknown, second: unknown): unknown {
  assert(Array.isArray(first) && Array.isArray(second), 'a window of records holds a list')
  for (const value of second) first.push(value)
  return first
}
