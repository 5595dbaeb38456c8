/** Sends records to another system in batches, without waiting for one before the next. The rules are in docs/spec/connectors.md. */
import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { parseSize } from '../base/size.ts'
import { AsyncSinkWriter, type AsyncSinkTerms } from './async-sink-writer.ts'
import type { Sink } from './sink.ts'

/** What `asyncSink` sends, and how. */
export interface AsyncSinkOptions<T> {
  /** What is written to: shown in plans and errors, and the same when a checkpoint is restored. */
  readonly name: string
  /**
   * Sends a batch. Resolves when the other side has it; with `retry`, those of its records are sent again, in front of all others. A rejection: the whole batch is.
   */
  readonly send: (batch: readonly T[], context: AsyncSendContext) => Promise<AsyncSendResult<T> | void>
  /** When a batch is sent: what comes first. */
  readonly batch?: {
    /** Default 500, from 1 to 100,000. */
    readonly records?: number
    /** E.g. `1mb`, by `sizeOf`. A record that is larger is sent alone. Default: no limit. */
    readonly bytes?: string
    /** Since its first record came. Default `1s`. */
    readonly after?: string
  }
  /** Bytes of a record, for `batch.bytes`. Default: the characters of its JSON. */
  readonly sizeOf?: (value: T) => number
  /** Batches on their way at once, for each subtask. Default 8, from 1 to 1000. */
  readonly inFlight?: number
  /** Records that wait or are on their way, for each subtask, before the stream has to wait; all of them go into a checkpoint. Default 10,000. */
  readonly buffered?: number
  /** Of one call of `send`; then its signal is aborted, and the batch has failed. Default `30s`, at most `1d`. */
  readonly timeout?: string
  /**
   * `any` (default): batches overtake each other. `kept`: one batch at a time, in the order of the records of a subtask; only what `send` itself gives back as `retry`
   * can come behind others.
   */
  readonly order?: 'any' | 'kept'
  readonly retry?: AsyncRetryOptions
}

/** How a batch that failed is sent again. */
export interface AsyncRetryOptions {
  /** How often a record is sent at the most, the first time included; then the job fails with SNK1005. Default 10, from 1 to 1000. */
  readonly attempts?: number
  /** Pause after the first failure; it doubles with each further one. Default `100ms`. */
  readonly initial?: string
  /** Longest pause. Default `10s`. */
  readonly max?: string
  /** Errors of `send` that no retry repairs: the job fails at once. Default: none. */
  readonly isFatal?: (error: unknown) => boolean
}

/** What `send` of an `asyncSink` is told about a call. */
export interface AsyncSendContext {
  /** Aborted when nobody waits for the result any more: the call timed out, or the task ends. */
  readonly signal: AbortSignal
  /** 1 for the first try; of records of several tries in one batch, the highest. */
  readonly attempt: number
  /** Index of the subtask that sends, from 0. */
  readonly subtask: number
}

/** What `send` of an `asyncSink` gives back when only a part of a batch was taken. */
export interface AsyncSendResult<T> {
  /** Records of the batch that were not taken, as they were given. */
  readonly retry: readonly T[]
}

const RECORDS_MAX = 100_000
const IN_FLIGHT_MAX = 1000
const BUFFERED_MAX = 1_000_000
const ATTEMPTS_MAX = 1000
const TIMEOUT_MS_MAX = 86_400_000

/**
 * Sends records in batches to a system that answers asynchronously. At least once: what was not acknowledged at a checkpoint is part of it, and is sent again after a
 * restart. It is effectively once where the other side knows a record it has by a key that is in the record.
 *
 * @throws CFG1002 when an option does not fit, CFG1003 when two contradict each other; the job fails with SNK1005 when a record cannot be sent
 * @example stream.sinkTo(asyncSink<Order>({
 *   name: 'orders-api',
 *   batch: { records: 100, after: '200ms' },
 *   send: async (batch, { signal }) => {
 *     const response = await fetch('https://orders.example/bulk', { method: 'POST', body: JSON.stringify(batch), signal })
 *     if (!response.ok) throw new TypeError(`HTTP ${response.status}`)
 *   },
 * }))
 */
export function asyncSink<T>(options: AsyncSinkOptions<T>): Sink<T, never, readonly T[]> {
  const terms = termsOf(options)
  return Object.freeze<Sink<T, never, readonly T[]>>({
    kind: 'async',
    identity: { name: options.name },
    createWriter: (context, restored) => new AsyncSinkWriter<T>(terms, context, restored),
  })
}

function termsOf<T>(options: AsyncSinkOptions<T>): AsyncSinkTerms<T> {
  const { batch = {}, retry = {}, order = 'any' } = options
  const whole = (name: string, value: number, max: number): number => wholeNumber(options.name, [name, max], value)
  const duration = (name: string, text: string): number => parseDuration(text, `asyncSink ${options.name}: ${name}`)
  const recordsMax = whole('batch.records', batch.records ?? 500, RECORDS_MAX)
  const bufferedMax = whole('buffered', options.buffered ?? Math.max(10_000, recordsMax), BUFFERED_MAX)
  if (bufferedMax < recordsMax) throw tooFewBuffered(options.name, bufferedMax, recordsMax)
  return {
    name: options.name,
    send: options.send,
    recordsMax,
    bytesMax: batch.bytes === undefined ? Infinity : parseSize(batch.bytes),
    afterMs: duration('batch.after', batch.after ?? '1s'),
    sizeOf: batch.bytes === undefined ? () => 0 : (options.sizeOf ?? jsonLength),
    inFlightMax: order === 'kept' ? 1 : whole('inFlight', options.inFlight ?? 8, IN_FLIGHT_MAX),
    bufferedMax,
    timeoutMs: whole('timeout in milliseconds', duration('timeout', options.timeout ?? '30s'), TIMEOUT_MS_MAX),
    attemptsMax: whole('retry.attempts', retry.attempts ?? 10, ATTEMPTS_MAX),
    backoffMs: {
      initial: duration('retry.initial', retry.initial ?? '100ms'),
      max: duration('retry.max', retry.max ?? '10s'),
    },
    isFatal: retry.isFatal ?? (() => false),
  }
}

function wholeNumber(sink: string, [name, max]: readonly [string, number], value: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value
  throw new EngineError(
    'CFG1002',
    `asyncSink ${sink}: ${name} is ${String(value)}. The graph was not built. Give a whole number from 1 to ${max}.`,
  )
}

function tooFewBuffered(sink: string, bufferedMax: number, recordsMax: number): EngineError {
  return new EngineError(
    'CFG1003',
    `asyncSink ${sink}: buffered is ${bufferedMax}, and batch.records ${recordsMax}. The graph was not built, because no batch would ever be full. Give buffered at least as many records as a batch has.`,
  )
}

function jsonLength(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0
}
