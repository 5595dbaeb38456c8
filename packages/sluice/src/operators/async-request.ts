/** One record that waits for its result, from its coming in to its leaving. */
import { recordText } from '../stream/record-text.ts'
import type { AsyncContext } from './async-definition.ts'
import type { FailedRecord } from './operator.ts'

export type AsyncOutcome<U = unknown> =
  | { readonly kind: 'result'; readonly value: U | undefined }
  | { readonly kind: 'error'; readonly error: unknown }

/**
 * | state | becomes |
 * |---|---|
 * | `waiting`: no room yet, or restored | `under-way` |
 * | `under-way`: the function was called | `delayed`, `settled` |
 * | `delayed`: the function failed and is called again at `retryAtMs` | `under-way`, `settled` by its timeout |
 * | `settled`: has its outcome, waits for its turn to leave | – |
 */
type RequestState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'under-way' }
  | { readonly kind: 'delayed'; readonly retryAtMs: number }
  | { readonly kind: 'settled'; readonly outcome: AsyncOutcome }

const WAITING: RequestState = Object.freeze({ kind: 'waiting' })
const UNDER_WAY: RequestState = Object.freeze({ kind: 'under-way' })

/** What of a request is in a checkpoint. */
export interface RequestItem {
  readonly value: unknown
  readonly timestamp: number
  /** The watermark behind which it came in. */
  readonly behind: number
  /** Tries that failed. */
  readonly failures: number
  /** Wall milliseconds of the next try; undefined when one was under way. */
  readonly retryAtMs: number | undefined
  readonly position: string | undefined
}

export class AsyncRequest implements FailedRecord {
  readonly value: unknown
  readonly timestamp: number
  /** Where the record was read, where that is known. */
  readonly position: string | undefined
  state: RequestState = WAITING
  /** Number of the try that is under way or was the last one, from 1; 0 before the first. */
  attempt = 0
  /** Counts up in the order of the records of one instance; given by the queue. */
  number = 0
  /** Wall milliseconds; Infinity before the first try. */
  deadlineMs = Number.POSITIVE_INFINITY
  #controller: AbortController | undefined
  /** Set when nobody waits for the result any more. */
  #abortion: { readonly reason: Error | undefined } | undefined

  constructor(value: unknown, timestamp: number, position: string | undefined) {
    this.value = value
    this.timestamp = timestamp
    this.position = position
  }

  /** As it was at the cut: what was under way is made again. */
  static restored(item: RequestItem): AsyncRequest {
    const request = new AsyncRequest(item.value, item.timestamp, item.position)
    request.attempt = item.failures
    if (item.retryAtMs !== undefined) request.state = { kind: 'delayed', retryAtMs: item.retryAtMs }
    return request
  }

  get isSettled(): boolean {
    return this.state.kind === 'settled'
  }

  /** Begins the next try. */
  begin(): AsyncContext {
    this.attempt++
    this.state = UNDER_WAY
    return new TryContext(this)
  }

  /** Whether the try with this number is what is being waited for. */
  awaits(attempt: number): boolean {
    return this.state.kind === 'under-way' && this.attempt === attempt
  }

  delay(retryAtMs: number): void {
    this.state = { kind: 'delayed', retryAtMs }
  }

  settle(outcome: AsyncOutcome): void {
    this.state = { kind: 'settled', outcome }
  }

  signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortion !== undefined) this.#controller.abort(this.#abortion.reason)
    }
    return this.#controller.signal
  }

  /** Nobody waits for the result any more. */
  abort(reason?: Error): void {
    this.#abortion ??= { reason }
    this.#controller?.abort(reason)
  }

  /** A try whose outcome is not known yet, or not yet emitted, did not take place. */
  item(behind: number): RequestItem {
    const { value, timestamp, position, state } = this
    const isBetweenTries = state.kind === 'waiting' || state.kind === 'delayed'
    return {
      value,
      timestamp,
      behind,
      failures: isBetweenTries ? this.attempt : this.attempt - 1,
      retryAtMs: state.kind === 'delayed' ? state.retryAtMs : undefined,
      position,
    }
  }

  /** The record for messages. */
  place(): string {
    return this.position ?? recordText(this.value, this.timestamp)
  }
}

/** Of one try. */
class TryContext implements AsyncContext {
  readonly #request: AsyncRequest
  readonly attempt: number

  constructor(request: AsyncRequest) {
    this.#request = request
    this.attempt = request.attempt
  }

  get timestamp(): number {
    return this.#request.timestamp
  }

  get signal(): AbortSignal {
    return this.#request.signal()
  }
}
