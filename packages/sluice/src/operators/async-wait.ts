/**
 * Calls an asynchronous function for each record; results leave in the order of the records, or as they come (docs/spec/async.md).
 *
 * Owns: how many requests are under way, their timeouts and retries, what of them is in a checkpoint. Does not own: the order in which results leave
 * (async-queue.ts), what becomes of records that cannot be processed (the chain).
 *
 * A1 At most `capacity` requests are under way or wait for their turn to leave. What a batch brings beyond that waits without being made, and the operator
 *    says that it is blocked.
 * A2 Results are emitted in calls of the task only (`onProcessingTime`), never from a promise: a cut between two calls holds every request that has
 *    not left.
 * A3 A request has one outcome. A promise that is settled later, or behind the end of the task, changes nothing.
 * A4 Timeouts and delays are moments of processing time: nothing here waits by itself.
 * A5 The operator's watermark is the last one whose records have all left.
 */
import { present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import type { AsyncDefinition } from './async-definition.ts'
import { AsyncQueue } from './async-queue.ts'
import { AsyncRequest, type AsyncOutcome } from './async-request.ts'
import { retryDelayMs } from './async-retry.ts'
import { ASYNC_STATES, asyncState, restoreQueue } from './async-state.ts'
import { BaseOperator } from './base-operator.ts'
import type { OperatorContext, OperatorSpec } from './operator.ts'
import { userError } from './user-error.ts'

export function asyncWaitOperator<T, U>(definition: AsyncDefinition<T, U>): OperatorSpec {
  return Object.freeze({
    kind: 'async-wait',
    keyed: false,
    stateful: true,
    layout: { states: ASYNC_STATES.map((state) => ({ ...state })) },
    create: () => new AsyncWaitOperator(definition as AsyncDefinition), // the stream in front of it guarantees the records
  })
}

/** Whether a promise may still say something: not any more when the operator has failed or was closed (A3). */
type Life = 'running' | 'over'

/** A moment that has passed always: to be called at the next occasion. */
const AT_ONCE_MS = 0

class AsyncWaitOperator extends BaseOperator {
  readonly #definition: AsyncDefinition
  readonly #queue: AsyncQueue
  /** Requests without a try under way, for which there was no room (A1), oldest first. */
  readonly #waiting = new Set<AsyncRequest>()
  /** Requests with a deadline, earliest first: all have the same timeout. */
  readonly #dated = new Set<AsyncRequest>()
  readonly #delayed = new Set<AsyncRequest>()
  #context: OperatorContext | undefined
  #life: Life = 'running'
  #isWoken = false

  constructor(definition: AsyncDefinition) {
    super()
    this.#definition = definition
    this.#queue = new AsyncQueue(definition.order)
  }

  override open(context: OperatorContext): void {
    this.#context = context
    if (context.restored === undefined) return
    for (const request of restoreQueue(this.#queue, context.restored)) {
      if (request.state.kind === 'waiting') this.#waiting.add(request)
      else {
        this.#date(request)
        this.#delayed.add(request)
      }
    }
    this.#wake()
  }

  override onRecord(value: unknown, timestamp: number): void {
    if (this.#life === 'over') return
    const request = new AsyncRequest(value, timestamp, this.#opened().recordPosition?.())
    this.#queue.add(request)
    this.#waiting.add(request)
    this.#makeWaiting()
  }

  override onWatermark(watermark: number, _turn: Turn): Advance {
    this.#queue.addWatermark(watermark)
    return 'done'
  }

  override onProcessingTime(nowMs: number, turn: Turn): Advance {
    this.#isWoken = false
    this.#expire(nowMs)
    this.#retry(nowMs)
    if (this.#life === 'over') return 'done'
    if (this.#emitSettled(turn) === 'more') return 'more'
    this.#makeWaiting()
    if (this.#queue.releaseWatermark()) this.#wake() // what is behind it leaves when it is on its way (Q3)
    this.#wakeForTimes()
    return 'done'
  }

  override outputWatermark(_watermark: number): number {
    return this.#queue.released // A5
  }

  override isBlocked(): boolean {
    return this.#queue.size >= this.#definition.capacity
  }

  override isDrained(): boolean {
    return this.#queue.isEmpty
  }

  override snapshot(_checkpoint: number): OperatorStateItems {
    return asyncState(this.#queue)
  }

  override close(): Promise<void> | undefined {
    this.#end()
    return undefined
  }

  /** A1 */
  #makeWaiting(): void {
    for (const request of this.#waiting) {
      const made = this.#queue.size - this.#waiting.size
      if (this.#life === 'over') return
      // behind a rescaling, requests under way may stand behind one that was never made: they can only leave after it
      if (made >= this.#definition.capacity && !this.#isFirst(request)) return
      this.#waiting.delete(request)
      this.#make(request)
    }
  }

  #isFirst(request: AsyncRequest): boolean {
    for (const { request: first } of this.#queue.requests()) return first === request
    return false
  }

  #make(request: AsyncRequest): void {
    this.#date(request)
    const context = request.begin()
    const { attempt } = context
    // what the function throws before it gives a promise is a rejection too
    const promise = new Promise((resolve) => resolve(this.#definition.request(request.value, context)))
    promise
      .then(
        (value) => this.#onOutcome(request, attempt, { kind: 'result', value }),
        (error: unknown) => this.#onOutcome(request, attempt, { kind: 'error', error }),
      )
      .catch((error: unknown) => this.#opened().fail(error))
  }

  /** The time of a request counts from its first try; behind a restore it counts anew. */
  #date(request: AsyncRequest): void {
    if (this.#dated.has(request)) return
    const { timeoutMs } = this.#definition
    request.deadlineMs = this.#opened().processingTimeMs() + timeoutMs
    this.#dated.add(request)
    this.#opened().wakeAt(request.deadlineMs)
  }

  #onOutcome(request: AsyncRequest, attempt: number, outcome: AsyncOutcome): void {
    if (this.#life === 'over' || !request.awaits(attempt)) return // A3
    try {
      if (this.#isRetried(request, outcome)) return this.#delay(request)
    } catch (error) {
      return this.#settle(request, { kind: 'error', error }) // what a predicate of the retry strategy threw
    }
    this.#settle(request, outcome)
  }

  #isRetried({ attempt }: AsyncRequest, outcome: AsyncOutcome): boolean {
    const { retry } = this.#definition
    if (retry === undefined || attempt > retry.attempts) return false
    if (outcome.kind === 'error') return retry.ifException?.(outcome.error) ?? true
    return retry.ifResult?.(outcome.value) ?? false
  }

  #delay(request: AsyncRequest): void {
    const { retry } = this.#definition
    const context = this.#opened()
    const retryAtMs = context.processingTimeMs() + retryDelayMs(present(retry, 'a retry strategy'), request.attempt)
    request.delay(retryAtMs)
    this.#delayed.add(request)
    context.wakeAt(retryAtMs)
    context.wake()
  }

  #settle(request: AsyncRequest, outcome: AsyncOutcome): void {
    if (outcome.kind === 'error' && this.#opened().errors === undefined) return this.#fail(request, outcome.error)
    this.#dated.delete(request)
    request.settle(outcome)
    this.#queue.onSettled(request)
    this.#wake()
  }

  #fail(request: AsyncRequest, error: unknown): void {
    this.#end()
    this.#opened().fail(this.#errorOf(request, error))
  }

  #errorOf(request: AsyncRequest, error: unknown): EngineError {
    return userError(this.#opened().info, 'asynchronous function', error).within({ record: request.place() })
  }

  #expire(nowMs: number): void {
    for (const request of this.#dated) {
      if (request.deadlineMs > nowMs || this.#life === 'over') return
      this.#delayed.delete(request)
      this.#opened().counter('timedOutRequests').add(1)
      const timeout = this.#timeoutOf(request)
      request.abort(timeout)
      this.#settle(request, this.#outcomeOfTimeout(request, timeout))
    }
  }

  #outcomeOfTimeout({ value }: AsyncRequest, timeout: EngineError): AsyncOutcome {
    const { onTimeout } = this.#definition
    if (onTimeout === undefined) return { kind: 'error', error: timeout }
    try {
      return { kind: 'result', value: onTimeout(value) }
    } catch (cause) {
      return { kind: 'error', error: userError(this.#opened().info, 'onTimeout function', cause) }
    }
  }

  #timeoutOf(request: AsyncRequest): EngineError {
    const { uid, name, subtask } = this.#opened().info
    const tries = request.attempt === 1 ? 'the first try' : `try ${request.attempt}`
    return new EngineError(
      'TSK1008',
      `the asynchronous function of operator "${name}" gave no result within ${this.#definition.timeoutMs} ms; ${tries} was the last one. The record was ` +
        'not processed and the task stops; its state stays as of the last checkpoint. Look at what the function waits for, raise the timeout, or ' +
        'say with onTimeout or onError what becomes of such records.',
      { context: { operator: uid, subtask } },
    )
  }

  #retry(nowMs: number): void {
    for (const request of this.#delayed) {
      if (request.state.kind === 'delayed' && request.state.retryAtMs > nowMs) continue
      this.#delayed.delete(request)
      this.#opened().counter('retriedRequests').add(1)
      this.#make(request)
    }
  }

  /** A2 */
  #emitSettled(turn: Turn): Advance {
    for (let request = this.#queue.next(); request !== undefined; request = this.#queue.next()) {
      if (turn.isOver()) return 'more'
      this.#queue.remove(request)
      this.#emit(request)
    }
    return 'done'
  }

  #emit(request: AsyncRequest): void {
    const { state, timestamp } = request
    const { output, errors } = this.#opened()
    if (state.kind !== 'settled') return
    const { outcome } = state
    if (outcome.kind === 'error')
      return present(errors, 'an error policy').onFailedRecord(this.#errorOf(request, outcome.error), request)
    if (outcome.value === undefined) return
    try {
      output.onRecord(outcome.value, timestamp)
    } catch (error) {
      // the record at hand of the task is another one
      throw error instanceof EngineError ? error.within({ record: request.place() }) : error
    }
  }

  #wakeForTimes(): void {
    const context = this.#opened()
    const [earliest] = this.#dated
    if (earliest !== undefined) context.wakeAt(earliest.deadlineMs)
    for (const { state } of this.#delayed) if (state.kind === 'delayed') context.wakeAt(state.retryAtMs)
  }

  #wake(): void {
    if (this.#isWoken) return
    this.#isWoken = true
    const context = this.#opened()
    context.wakeAt(AT_ONCE_MS)
    context.wake()
  }

  #end(): void {
    if (this.#life === 'over') return
    this.#life = 'over'
    for (const { request } of this.#queue.requests()) request.abort()
  }

  #opened(): OperatorContext {
    return present(this.#context, 'the context of an open operator')
  }
}
