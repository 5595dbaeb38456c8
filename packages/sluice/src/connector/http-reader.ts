/**
 * The reader of an HTTP source.
 *
 * Owns: the server, the records that wait, the requests that wait for an answer. Does not own: who may send (http-access.ts), what is in a body (http-body.ts).
 *
 * P1 A request is taken whole or not at all, and answered once.
 * P2 With `on-checkpoint`, 200 says that a restorable checkpoint covers all records of the request: they were emitted before its cut.
 * P3 At most `bufferedMax` records wait, and BUFFERED_BYTES_MAX bytes or one request; at most `openRequestsMax` requests wait for their answer.
 * P4 When the reader closes, every request that waits is answered with 503: whoever sent it sends it again.
 */
import { assert } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import type { HttpAnswer, HttpHead, Listener, NetworkAddress, Timer } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { ErrorPolicy } from './error-policy.ts'
import type { HttpAccess } from './http-access.ts'
import { bodyForm, bodyItems } from './http-body.ts'
import { BUFFERED_BYTES_MAX, LIVE_SPLIT, LiveBuffer, type LiveItem, type LiveSplit, socketsOf } from './live-source.ts'
import type { PollResult, ReaderContext, ReaderOutput, SourceReader } from './source.ts'
import { takeRejected, type DeadLetter } from './text-source.ts'

export interface HttpTerms {
  readonly address: NetworkAddress
  readonly path: string
  readonly acknowledge: 'on-checkpoint' | 'on-receipt' | undefined
  readonly access: HttpAccess
  readonly bodyBytesMax: number
  readonly bufferedMax: number
  readonly openRequestsMax: number
  readonly timeoutMs: number
  /** Undefined: a request with a record that cannot be decoded is refused. */
  readonly policy: ErrorPolicy | undefined
  readonly decode: (body: unknown) => unknown
}

interface OpenRequest {
  readonly answer: Deferred<HttpAnswer>
  readonly limit: Timer
}

interface Cut {
  readonly checkpoint: number
  readonly requests: readonly OpenRequest[]
}

type Item = LiveItem<unknown> & {
  /** The request of which this is the last item. */
  readonly last?: OpenRequest
}

/** Connections without a request, or in front of one that is refused. */
const SPARE_CONNECTIONS = 64

export class HttpReader implements SourceReader<unknown, LiveSplit> {
  readonly #terms: HttpTerms
  readonly #context: ReaderContext
  readonly #acknowledge: 'on-checkpoint' | 'on-receipt'
  readonly #buffer = new LiveBuffer<unknown, Item>()
  readonly #open = new Set<OpenRequest>()
  /** Of which all items were emitted since the last cut. */
  #emittedRequests: OpenRequest[] = []
  /** P2: by the checkpoint of the cut behind them. */
  #cuts: Cut[] = []
  #listener: Listener | undefined
  #hasSplit = false
  #isRequested = false
  #hasAllSplits = false
  #emitted = 0
  #isClosed = false

  constructor(terms: HttpTerms, context: ReaderContext) {
    this.#terms = terms
    this.#context = context
    this.#acknowledge = terms.acknowledge ?? (context.delivery === 'none' ? 'on-receipt' : 'on-checkpoint')
  }

  start(): void {
    if (this.#acknowledge === 'on-checkpoint' && this.#context.delivery === 'none')
      return this.#context.fail(neverComplete())
    this.#context.wake()
  }

  addSplits(): void {
    this.#hasSplit = true
    this.#listen()
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true
    this.#context.wake()
  }

  poll(output: ReaderOutput<unknown>, recordsMax: number): PollResult {
    if (!this.#hasSplit) return this.#askForSplit()
    const split = output.split(LIVE_SPLIT.id)
    for (let left = recordsMax; left > 0 && !output.isFull();) {
      const item = this.#buffer.take()
      if (item === undefined) break
      this.#emitted++
      if ('record' in item) {
        left--
        split.emit(item.record, NO_TIMESTAMP)
      } else this.#setAside(item.letter, output)
      if (item.last !== undefined) this.#emittedRequests.push(item.last)
    }
    return this.#buffer.size > 0 ? 'more' : 'nothing'
  }

  // P2
  snapshot(checkpoint: number): readonly LiveSplit[] {
    const cuts = [...this.#cuts, { checkpoint, requests: this.#emittedRequests }]
    this.#cuts = cuts.map((cut) => this.#stillOpen(cut)).filter(({ requests }) => requests.length > 0)
    this.#emittedRequests = []
    return this.#hasSplit ? [LIVE_SPLIT] : []
  }

  notifyCheckpointComplete(checkpoint: number): void {
    const covered = this.#cuts.findLastIndex((cut) => cut.checkpoint <= checkpoint)
    for (const { requests } of this.#cuts.splice(0, covered + 1)) {
      for (const request of requests) this.#answer(request, TAKEN)
    }
  }

  /** P3: those whose time was over while checkpoints failed are forgotten. */
  #stillOpen({ checkpoint, requests }: Cut): Cut {
    return { checkpoint, requests: requests.filter((request) => this.#open.has(request)) }
  }

  position(): string | undefined {
    return this.#emitted === 0 ? undefined : `POST ${this.#terms.path} record ${this.#emitted}`
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const request of this.#open) this.#answer(request, LATER) // P4
    await this.#listener?.close()
  }

  #setAside(letter: DeadLetter, output: ReaderOutput<unknown>): void {
    const { policy } = this.#terms
    assert(policy !== undefined, 'a record that cannot be decoded was taken')
    takeRejected(letter, policy, { output, context: this.#context })
  }

  #askForSplit(): PollResult {
    if (this.#hasAllSplits) return 'end'
    if (!this.#isRequested) this.#context.requestSplit()
    this.#isRequested = true
    return 'nothing'
  }

  #listen(): void {
    const { address, bodyBytesMax, openRequestsMax, timeoutMs } = this.#terms
    socketsOf(this.#context, 'httpSource')
      ?.serveHttp(address, {
        bodyBytesMax,
        connectionsMax: openRequestsMax + SPARE_CONNECTIONS,
        requestTimeoutMs: timeoutMs,
        refuse: (head) => this.#refuse(head),
        answer: (head, body) => this.#take(head, body),
      })
      .then(
        (listener) => this.#onListening(listener),
        (error: unknown) => this.#isClosed || this.#context.fail(cannotListen(address, error)),
      )
  }

  #onListening(listener: Listener): void {
    this.#listener = listener
    if (this.#isClosed) listener.close().catch((error: unknown) => this.#context.fail(error))
  }

  #refuse(head: HttpHead): HttpAnswer | undefined {
    const { access, path } = this.#terms
    if (head.path !== path) return this.#refused({ status: 404, text: 'There is nothing here.\n' })
    if (head.method !== 'POST') return this.#refused(NOT_POST)
    const stranger = access.refuseHead(head)
    if (stranger !== undefined) return this.#refused(stranger)
    if (bodyForm(head.header('content-type')) === undefined) return this.#refused(UNKNOWN_TYPE)
    if (!/^(?:identity)?$/i.test(head.header('content-encoding') ?? '')) return this.#refused(COMPRESSED)
    return this.#hasRoom(1, 0) ? undefined : this.#refused(LATER)
  }

  // P1
  #take(head: HttpHead, body: Uint8Array): Promise<HttpAnswer> {
    const { access, path, decode, policy, bufferedMax } = this.#terms
    const stranger = access.refuseBody(head, body, this.#context.env.clock.wallMs())
    if (stranger !== undefined) return this.#refusedLater(stranger)
    const items = bodyItems(body, bodyForm(head.header('content-type')) ?? 'json', { path, decode })
    const bad = policy === undefined ? items.find((item) => 'letter' in item) : undefined
    if (bad !== undefined && 'letter' in bad) return this.#refusedLater(badRecord(bad.letter))
    if (items.length > bufferedMax) return this.#refusedLater(TOO_MANY)
    if (!this.#hasRoom(items.length, body.length)) return this.#refusedLater(LATER)
    this.#context.count('receivedRequests', 1)
    return this.#accept(items, body.length)
  }

  #accept(items: readonly LiveItem<unknown>[], bytes: number): Promise<HttpAnswer> {
    const isWaiting = this.#acknowledge === 'on-checkpoint' && items.length > 0
    const request = isWaiting ? this.#openRequest() : undefined
    for (const [n, item] of items.entries()) {
      if (n < items.length - 1) this.#buffer.add(item, 0)
      else this.#buffer.add(request === undefined ? item : { ...item, last: request }, bytes)
    }
    this.#context.wake()
    if (request !== undefined) return request.answer.promise
    return Promise.resolve(this.#acknowledge === 'on-receipt' ? RECEIVED : TAKEN)
  }

  #openRequest(): OpenRequest {
    const limit = this.#context.env.timers.after(this.#terms.timeoutMs, () => this.#answer(request, LATER))
    const request: OpenRequest = { answer: deferred<HttpAnswer>(), limit }
    this.#open.add(request)
    return request
  }

  /** The second answer to one request changes nothing. */
  #answer(request: OpenRequest, answer: HttpAnswer): void {
    this.#open.delete(request)
    request.limit.cancel()
    request.answer.resolve(answer)
  }

  // P3
  #hasRoom(items: number, bytes: number): boolean {
    if (this.#isClosed || this.#open.size >= this.#terms.openRequestsMax) return false
    if (this.#buffer.size > 0 && this.#buffer.bytes + bytes >= BUFFERED_BYTES_MAX) return false
    return this.#buffer.size + items <= this.#terms.bufferedMax
  }

  #refused(answer: HttpAnswer): HttpAnswer {
    this.#context.count('refusedRequests', 1)
    return answer
  }

  #refusedLater(answer: HttpAnswer): Promise<HttpAnswer> {
    return Promise.resolve(this.#refused(answer))
  }
}

const TAKEN: HttpAnswer = { status: 200, text: 'Taken.\n' }
const RECEIVED: HttpAnswer = { status: 202, text: 'Received.\n' }
const LATER: HttpAnswer = { status: 503, text: 'Send it again later.\n', headers: { 'retry-after': '1' } }
const NOT_POST: HttpAnswer = { status: 405, text: 'Send it with POST.\n', headers: { allow: 'POST' } }
const TOO_MANY: HttpAnswer = { status: 413, text: 'The request has too many records.\n' }
const UNKNOWN_TYPE: HttpAnswer = {
  status: 415,
  text: 'Send application/json, application/x-ndjson or text/plain.\n',
}

const COMPRESSED: HttpAnswer = { status: 415, text: 'Compressed bodies are not taken.\n' }

function badRecord({ offset, error }: { readonly offset: number; readonly error: string }): HttpAnswer {
  return { status: 400, text: `Record ${offset} cannot be decoded: ${error}. Nothing of the request was taken.\n` }
}

function neverComplete(): EngineError {
  return new EngineError(
    'CFG1003',
    "httpSource: acknowledge is 'on-checkpoint', and checkpointing is off. The job does not start, because no request would ever be answered. Turn checkpointing on, or say 'on-receipt'.",
  )
}

function cannotListen({ host, port }: NetworkAddress, error: unknown): EngineError {
  return new EngineError(
    'NET1005',
    `an HTTP source cannot listen on ${host}:${port}: ${messageOf(error)}. The task fails and the job restarts. Give httpSource another port, or end the process that has this one.`,
    { cause: error },
  )
}
