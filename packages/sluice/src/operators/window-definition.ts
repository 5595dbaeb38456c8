import { EngineError } from '../base/errors.ts'
import type { Key } from '../stream/key-groups.ts'
import { WINDOW_LENGTH_MAX_MS } from './event-time.ts'
import type { WindowAssigner } from './window-assigners.ts'

/** The records with `start <= timestamp < end`, in milliseconds of event time. */
export interface TimeWindow {
  readonly start: number
  readonly end: number
}

/**
 * Aggregates records one by one: only the accumulator is kept, never the records.
 *
 * An accumulator is encodable, plain data, and never undefined.
 */
export interface AggregateFunction<T, A, R> {
  /** A fresh accumulator: each call makes a new one. */
  createAccumulator(): A
  /** Adds one record. May change `accumulator` and return it, or return another. */
  add(value: T, accumulator: A): A
  /** The result so far. It leaves the operator, so it must not share objects with the accumulator that `add` changes. */
  getResult(accumulator: A): R
  /** Joins two accumulators; may change and return the first. Needed by session windows. */
  merge?(first: A, second: A): A
}

export interface WindowDefinition<T, K extends Key, A, R, O> {
  readonly keySelector: (value: T) => K
  readonly assigner: WindowAssigner
  readonly aggregate: AggregateFunction<T, A, R>
  /** Makes the record that leaves: called at each firing of a window. */
  readonly resultOf: (key: K, window: TimeWindow, result: R) => O
  /** How long, in milliseconds of event time behind its end, a window still takes records. 0 when absent. */
  readonly allowedLatenessMs?: number | undefined
  /** Name of the side output for records that are too late; without it they are dropped. `lateRecords` counts them in both cases. */
  readonly lateTag?: string | undefined
}

/** A window definition as the operators see it: any key, any result. */
export interface WindowFunctions<T, A> {
  readonly keySelector: (value: T) => Key
  readonly aggregate: AggregateFunction<T, A, unknown>
  readonly resultOf: (key: never, window: TimeWindow, result: never) => unknown
  readonly allowedLatenessMs?: number | undefined
  readonly lateTag?: string | undefined
}

/** The allowed lateness, 0 when there is none; GRA1005 when it is out of its limits. */
export function checkLateness(definition: { readonly allowedLatenessMs?: number | undefined }): number {
  const latenessMs = definition.allowedLatenessMs ?? 0
  if (Number.isSafeInteger(latenessMs) && latenessMs >= 0 && latenessMs <= WINDOW_LENGTH_MAX_MS) return latenessMs
  throw new EngineError(
    'GRA1005',
    `the allowed lateness of a window is ${latenessMs} ms. The job was not built. Use whole milliseconds from 0 to ${WINDOW_LENGTH_MAX_MS}.`,
  )
}
