/** From the contents of a window to what leaves it: one strategy for each kind of function. */
import { present } from '../base/assert.ts'
import type { Key } from '../stream/key-groups.ts'
import type { Aggregation } from './aggregation.ts'
import type { RecordReceiver } from './operator.ts'
import { maxTimestampOf, type TimeWindow } from './window-definition.ts'
import type { Elements, Eviction } from './window-eviction.ts'
import { listOf, type WindowEntry } from './window-entry.ts'
import type { WindowProcessCalls } from './window-process-context.ts'

/** Whether the window's contents are still needed behind a firing. */
export type Remains = 'kept' | 'gone'

/** The window has contents. */
export type FireWindow = (key: Key, window: WindowEntry, remains: Remains) => void

/** Computes over what the contents were made into. */
export type ComputeWindow = (key: Key, window: WindowEntry, input: unknown) => void

/** An accumulator whose result becomes one record. */
export function emittingResult(aggregation: Aggregation<unknown, unknown>, output: RecordReceiver): ComputeWindow {
  return (key, entry, accumulator) => {
    const window = boundsOf(entry)
    output.onRecord(aggregation.result(key, window, accumulator), maxTimestampOf(window))
  }
}

/** An accumulator whose result a function gets. */
export function processingResult(aggregation: Aggregation<unknown, unknown>, calls: WindowProcessCalls): ComputeWindow {
  return (key, entry, accumulator) => calls.process(key, entry, aggregation.result(key, boundsOf(entry), accumulator))
}

/** All records. What the function does with the list is its own affair: the window gets no more records into that one. */
export function firingList(calls: WindowProcessCalls): FireWindow {
  return (key, entry, remains) => {
    const list = present(listOf(entry), 'the records of a window that fires')
    calls.process(key, entry, remains === 'kept' ? list.slice() : list)
  }
}

export function firingAccumulator(compute: ComputeWindow): FireWindow {
  return (key, entry) => compute(key, entry, entry.contents)
}

/** Elements, some of which are evicted. */
export function firingEvicted(
  eviction: Eviction,
  compute: (key: Key, window: WindowEntry, elements: Elements) => void,
): FireWindow {
  return (key, entry) => {
    const firing = { key, window: boundsOf(entry) }
    const elements = eviction.before(elementsOf(entry).slice(), firing)
    compute(key, entry, elements)
    const left = eviction.after(elements, firing)
    entry.contents = left.length === 0 ? undefined : [...left]
  }
}

/** Aggregates elements at each firing; nothing is computed over no elements. */
export function foldingElements(
  aggregation: Aggregation<unknown, unknown>,
  compute: ComputeWindow,
): (key: Key, window: WindowEntry, elements: Elements) => void {
  return (key, entry, elements) => {
    const [first, ...rest] = elements
    if (first === undefined) return
    let accumulator = aggregation.first(first.value)
    for (const { value } of rest) accumulator = aggregation.add(value, accumulator)
    compute(key, entry, accumulator)
  }
}

function elementsOf(entry: WindowEntry): Elements {
  return present(listOf<Elements[number]>(entry), 'the elements of a window that fires')
}

function boundsOf({ start, end }: WindowEntry): TimeWindow {
  return { start, end }
}
