/**
 * Requests in the order of their records, with the watermarks between them.
 *
 * Owns: which request may leave next, which watermark has been released. Does not own: making requests, their results.
 *
 * Q1 The records between two watermarks are a segment. Only requests of the first segment leave, and its watermark is released when all of them have:
 *    nothing crosses a watermark, in either direction.
 * Q2 `ordered`: a request leaves when all in front of it have left. `unordered`: when it is settled; of several that are, the oldest first, so that
 *    what was held behind a watermark leaves in the same order before and after a restore.
 * Q3 One watermark is released at a time, so that it can be sent on before what is behind it leaves.
 */
import { assert, present } from '../base/assert.ts'
import { MIN_WATERMARK } from '../stream/element.ts'
import type { AsyncOrder } from './async-definition.ts'
import type { AsyncRequest } from './async-request.ts'

/** Requests that came in behind one watermark and in front of the next one. */
class Segment {
  /** In the order of their records. */
  readonly requests = new Set<AsyncRequest>()
  /** Those that may leave, where results do not leave in the order of their records; the oldest is the last one when sorted. */
  readonly settled: AsyncRequest[] = []
  isSorted = true
  /** The watermark in front. */
  readonly behind: number
  /** The watermark that closes it; undefined for the last one. */
  closedBy: number | undefined

  constructor(behind: number) {
    this.behind = behind
  }
}

/** A request and the watermark behind which its record came in. */
export interface QueuedRequest {
  readonly request: AsyncRequest
  readonly behind: number
}

export class AsyncQueue {
  readonly #order: AsyncOrder
  readonly #segments: Segment[] = [new Segment(MIN_WATERMARK)]
  readonly #segmentOf = new Map<AsyncRequest, Segment>()
  #released = MIN_WATERMARK
  #nextNumber = 0

  constructor(order: AsyncOrder) {
    this.#order = order
  }

  /** Requests that have not left. */
  get size(): number {
    return this.#segmentOf.size
  }

  /** Neither requests nor watermarks are held. */
  get isEmpty(): boolean {
    return this.size === 0 && this.#segments.length === 1
  }

  /** The last watermark whose records have all left. */
  get released(): number {
    return this.#released
  }

  /** The last watermark that came in. */
  get newest(): number {
    return this.#last().behind
  }

  add(request: AsyncRequest): void {
    const segment = this.#last()
    request.number = this.#nextNumber++
    segment.requests.add(request)
    this.#segmentOf.set(request, segment)
  }

  addWatermark(watermark: number): void {
    const last = this.#last()
    if (watermark <= last.behind) return
    if (last.requests.size === 0) this.#segments.pop() // nothing came behind the watermark before: the new one takes its place
    const before = this.#segments.at(-1)
    if (before === undefined) this.#released = watermark
    else before.closedBy = watermark
    this.#segments.push(new Segment(watermark))
  }

  /** The request has its outcome. */
  onSettled(request: AsyncRequest): void {
    if (this.#order === 'ordered') return
    const segment = present(this.#segmentOf.get(request), 'the segment of a request')
    segment.settled.push(request)
    segment.isSorted = segment.settled.length === 1
  }

  /** The request that may leave now (Q2). */
  next(): AsyncRequest | undefined {
    const segment = this.#first()
    if (this.#order === 'unordered') return oldestSettled(segment)
    const [oldest] = segment.requests
    return oldest?.isSettled === true ? oldest : undefined
  }

  /** What `next` gave leaves. */
  remove(request: AsyncRequest): void {
    const { requests, settled } = this.#first()
    assert(requests.delete(request), 'a request leaves that is not in the first segment')
    if (this.#order === 'unordered') settled.pop()
    this.#segmentOf.delete(request)
  }

  /** Releases the watermark behind the first segment when all of that has left (Q3). */
  releaseWatermark(): boolean {
    const { requests, closedBy } = this.#first()
    if (requests.size > 0 || closedBy === undefined) return false
    this.#released = closedBy
    this.#segments.shift()
    return true
  }

  /** All that have not left, in the order of their records. */
  *requests(): Iterable<QueuedRequest> {
    for (const { requests, behind } of this.#segments) for (const request of requests) yield { request, behind }
  }

  #first(): Segment {
    return present(this.#segments[0], 'the first segment')
  }

  #last(): Segment {
    return present(this.#segments.at(-1), 'the last segment')
  }
}

function oldestSettled(segment: Segment): AsyncRequest | undefined {
  if (!segment.isSorted) segment.settled.sort((a, b) => b.number - a.number)
  segment.isSorted = true
  return segment.settled.at(-1)
}
