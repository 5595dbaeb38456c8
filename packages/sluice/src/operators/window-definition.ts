/** What a user says of windows, and what their functions work with. */
import { EngineError } from '../base/errors.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { WINDOW_LENGTH_MAX_MS } from './event-time.ts'
import type { Evictor } from './evictors.ts'
import type { OutputTag } from './output-tag.ts'
import type { Trigger } from './triggers.ts'
import type { StateDeclarations, StateHandles } from './user-states.ts'
import type { WindowAssigner } from './window-assigners.ts'

/** The records with `start <= timestamp < end`, in milliseconds. */
export interface TimeWindow {
  /** First millisecond of the window. */
  readonly start: number
  /** First millisecond behind it. */
  readonly end: number
}

/** The window of `GlobalWindows`. */
export const GLOBAL_WINDOW: TimeWindow = Object.freeze({ start: MIN_WATERMARK, end: MAX_WATERMARK })

/** The last moment of a window; the global window has none before the end of everything. */
export function maxTimestampOf({ end }: { readonly end: number }): number {
  return end === MAX_WATERMARK ? MAX_WATERMARK : end - 1
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
  /**
   * Joins two accumulators, `first` that of earlier records where the order is known; may change and return the first. Needed by session windows.
   * Windows that overlap cost a fraction with it: they are merged from panes, so it must be associative there, and a sum of floating-point numbers may
   * differ in its last bits from one that was added up record by record.
   */
  merge?(first: A, second: A): A
}

/** Which windows there are, and when they fire. */
export interface WindowSettings<T, K extends Key> {
  readonly keySelector: (value: T) => K
  readonly assigner: WindowAssigner<T>
  /** Default: that of the assigner. */
  readonly trigger?: Trigger<T> | undefined
  readonly evictor?: Evictor<T> | undefined
  /** How long, in milliseconds of event time behind its end, a window still takes records. 0 when absent. */
  readonly allowedLatenessMs?: number | undefined
  /** Name of the side output for records that are too late; without it they are dropped. `lateRecords` counts them in both cases. */
  readonly lateTag?: string | undefined
}

/** Windows whose function only makes the record that leaves. */
export interface WindowDefinition<T, K extends Key, A, R, O> extends WindowSettings<T, K> {
  readonly aggregate: AggregateFunction<T, A, R>
  /** Makes the record that leaves: called at each firing of a window. */
  readonly resultOf: (key: K, window: TimeWindow, result: R) => O
}

/** What a function with states over windows works with. One object serves all calls: do not keep it. */
export interface ProcessWindowContext<K extends Key, S extends StateDeclarations, W extends StateDeclarations, O> {
  readonly key: K
  /** Of `GlobalWindows`: from `Number.MIN_SAFE_INTEGER` to `Number.MAX_SAFE_INTEGER`. */
  readonly window: TimeWindow
  /** States of the key, shared by all of its windows. They stay when a window goes. */
  readonly state: StateHandles<S>
  /** States of the key and window. They are freed with the window. */
  readonly windowState: StateHandles<W>
  /** Milliseconds of event time. */
  currentWatermark(): number
  /** Milliseconds of wall time. */
  processingTimeMs(): number
  /** Emits with the last millisecond of the window as timestamp. */
  emit(value: O): void
  /** Emits to a side output, with the last millisecond of the window as timestamp. */
  sideOutput<V>(tag: OutputTag<V> | string, value: V): void
}

/** What `clear` works with: nothing can be emitted any more. */
export type ClearWindowContext<K extends Key, S extends StateDeclarations, W extends StateDeclarations> = Omit<
  ProcessWindowContext<K, S, W, never>,
  'emit' | 'sideOutput'
>

/** A function over windows with states and any number of records out. `In` is all records of the window, or what they were aggregated to. */
export interface WindowProcess<In, K extends Key, S extends StateDeclarations, W extends StateDeclarations, O> {
  readonly state?: S
  readonly windowState?: W
  /** Called at each firing of a window. Synchronous. `ctx` is one object for all calls: do not keep it. */
  process(key: K, input: In, ctx: ProcessWindowContext<K, S, W, O>): void
  /** Called when a window goes, before its `windowState` is freed. */
  clear?(ctx: ClearWindowContext<K, S, W>): void
}

/** Windows with a function of the user's own over their records, or over what those were aggregated to. */
export interface ProcessWindowDefinition<
  T,
  K extends Key,
  In,
  S extends StateDeclarations,
  W extends StateDeclarations,
  O,
> extends WindowSettings<T, K> {
  /** Aggregates the records one by one; without it the function gets them all. */
  readonly aggregate?: AggregateFunction<T, unknown, In> | undefined
  readonly process: WindowProcess<In, K, S, W, O>
}

/** A window definition as the operators see it: any key, any result. */
export interface WindowFunctions<T, A> {
  readonly keySelector: (value: T) => Key
  readonly aggregate: AggregateFunction<T, A, unknown>
  /** A method: keys and results come from the same definition. */
  resultOf(this: void, key: Key, window: TimeWindow, result: unknown): unknown
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
