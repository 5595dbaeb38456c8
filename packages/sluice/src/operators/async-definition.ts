/** What makes an asynchronous operator: the function and its limits, checked when the job is built. */
import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import type { AsyncRetryStrategy } from './async-retry.ts'

/** What an asynchronous function works with: one object for each call of it, which it may keep until its promise is settled. */
export interface AsyncContext {
  /** Of the record: milliseconds, or NO_TIMESTAMP. */
  readonly timestamp: number
  /** 1 for the first try, one more for each retry. */
  readonly attempt: number
  /** Aborted when nobody waits for the result any more: the request timed out, or the task ends. Made when it is first asked for. */
  readonly signal: AbortSignal
}

/** One result for each record; `undefined` is none. */
export type AsyncFunction<T, U> = (value: T, context: AsyncContext) => Promise<U | undefined>

/** How long, how many and how often. */
export interface AsyncWaitOptions<T, U> {
  /** A duration such as `'30s'`: how long a record may wait for its result, over all tries, from its first one. */
  readonly timeout: string
  /** Requests under way, and results that wait for their turn, in one subtask at the most. Default 100. */
  readonly capacity?: number
  /** Default: a request is made once. */
  readonly retry?: AsyncRetryStrategy<U>
  /** The result of a record that timed out; `undefined` is none. Default: the record is an error (TSK1008), for the operator's error policy. */
  readonly onTimeout?: (value: T) => U | undefined
}

/** `ordered`: results leave in the order of their records; `unordered`: as they come, but never across a watermark. */
export type AsyncOrder = 'ordered' | 'unordered'

export interface AsyncDefinition<T = unknown, U = unknown> {
  readonly order: AsyncOrder
  readonly request: AsyncFunction<T, U>
  readonly timeoutMs: number
  readonly capacity: number
  readonly retry: AsyncRetryStrategy<U> | undefined
  readonly onTimeout: ((value: T) => U | undefined) | undefined
}

const CAPACITY_DEFAULT = 100
/** What is under way is in every checkpoint: more would make them large. */
const CAPACITY_MAX = 1_000_000

/**
 * @throws CFG1002 when the timeout is no duration
 * @throws GRA1005 when the timeout is 0 or the capacity no whole number from 1 to 1,000,000
 */
export function asyncDefinition<T, U>(
  order: AsyncOrder,
  request: AsyncFunction<T, U>,
  options: AsyncWaitOptions<T, U>,
): AsyncDefinition<T, U> {
  const timeoutMs = parseDuration(options.timeout, 'timeout of an asynchronous function')
  if (timeoutMs === 0) throw badDefinition('the timeout 0: every request would time out', 'Give a duration above 0')
  const capacity = options.capacity ?? CAPACITY_DEFAULT
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > CAPACITY_MAX)
    throw badDefinition(`the capacity ${capacity}`, `Give a whole number from 1 to ${CAPACITY_MAX}`)
  return Object.freeze({ order, request, timeoutMs, capacity, retry: options.retry, onTimeout: options.onTimeout })
}

function badDefinition(problem: string, advice: string): EngineError {
  return new EngineError('GRA1005', `an asynchronous function has ${problem}. The job was not built. ${advice}.`)
}
