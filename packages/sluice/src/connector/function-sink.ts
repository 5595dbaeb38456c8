import { directSink } from './print-sink.ts'
import type { Sink } from './sink.ts'

export interface FunctionSinkOptions {
  /** Shown in plans. */
  readonly name?: string
}

/**
 * Calls a function with each record and its timestamp. At-least-once: the function sees records after the last checkpoint again after a restart. It runs in the
 * thread of its subtask, so it sees variables of the program only where the job runs inline, as in tests.
 *
 * @example
 * const seen: number[] = []
 * totals.sinkTo(functionSink((total) => seen.push(total)))
 */
export function functionSink<T>(
  handle: (value: T, timestamp: number) => unknown,
  options: FunctionSinkOptions = {},
): Sink<T, never, never> {
  return directSink<T>(
    'function',
    options.name ?? 'function',
    () => (value, timestamp) => void handle(value, timestamp),
  )
}
