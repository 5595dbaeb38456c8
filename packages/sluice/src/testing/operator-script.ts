/** What an operator is fed with in a test, and what came out. Plain data. */
import type { Key } from '../stream/key-groups.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'

/** One input of the operator under test. */
export type ScriptStep =
  | { readonly kind: 'record'; readonly value: unknown; readonly timestamp: number; readonly port: number }
  | { readonly kind: 'watermark'; readonly timestamp: number }
  | { readonly kind: 'processing-time'; readonly nowMs: number }
  | { readonly kind: 'end' }

/** What happens to the operator, in order. */
export type OperatorScript = readonly ScriptStep[]

/**
 * A record; without a timestamp it has none.
 *
 * @example const script = [record({ shop: 'a', price: 3 }, 1000), watermark(2000)]
 */
export function record(value: unknown, timestamp = NO_TIMESTAMP): ScriptStep {
  return { kind: 'record', value, timestamp, port: 0 }
}

/**
 * A record of the second input, where the operator has two.
 *
 * @example const script = [record({ id: 1 }, 1000), secondRecord({ orderId: 1 }, 2000)]
 */
export function secondRecord(value: unknown, timestamp = NO_TIMESTAMP): ScriptStep {
  return { kind: 'record', value, timestamp, port: 1 }
}

/**
 * Event time reaches `timestamp`.
 *
 * @param timestamp milliseconds
 * @example const script = [record('a', 1000), watermark(60_000)]
 */
export function watermark(timestamp: number): ScriptStep {
  return { kind: 'watermark', timestamp }
}

/**
 * Processing time reaches `nowMs`; it starts at 0.
 *
 * @param nowMs milliseconds
 * @example const script = [record('a'), processingTime(10_000)]
 */
export function processingTime(nowMs: number): ScriptStep {
  return { kind: 'processing-time', nowMs }
}

/**
 * The input is over: the last watermark comes, then the end.
 *
 * @example const script = [record('a', 1000), endOfInput()]
 */
export function endOfInput(): ScriptStep {
  return { kind: 'end' }
}

/** A record that left the operator. */
export interface OutputRecord<T = unknown> {
  readonly value: T
  /** Milliseconds or NO_TIMESTAMP. */
  readonly timestamp: number
}

/** A record that left the operator, with what is needed to compare runs. */
export interface EmittedRecord extends OutputRecord {
  /** Side output; undefined for the main one. */
  readonly tag: string | undefined
  /** Key of the record or timer that made it; undefined for operators without keys. */
  readonly key: Key | undefined
}

/** What one step of the script brought. */
export interface StepOutput {
  readonly emitted: readonly EmittedRecord[]
  /** Watermark behind the step, as the next operator sees it. */
  readonly watermark: number
  /** What the step added to each counter. */
  readonly counted: Readonly<Record<string, number>>
}

/** A whole run of a script. */
export interface ScriptOutput {
  readonly steps: readonly StepOutput[]
  /** Keys that still have state or timers at the end. */
  readonly keysLeft: number
}

/**
 * A copy of plain data, so that nobody can change what was recorded; anything else (class instances, functions) stays the object it is.
 */
export function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyOf)
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copyOf(inner)]))
}
