/**
 * What of an asynchronous operator is in a checkpoint: every request that has not left, and the watermark that came in last.
 *
 * Restored at any parallelism: requests are dealt out, and each instance goes on from the smallest watermark of all. A request keeps its place behind the
 * watermark that was in front of its record, so that no record becomes late by having been held.
 */
import { MIN_WATERMARK } from '../stream/element.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { AsyncQueue } from './async-queue.ts'
import { AsyncRequest, type RequestItem } from './async-request.ts'

const REQUESTS_STATE = 'requests'
const WATERMARK_STATE = 'watermark'

export const ASYNC_STATES = Object.freeze([
  Object.freeze({ name: REQUESTS_STATE, kind: 'list' }),
  Object.freeze({ name: WATERMARK_STATE, kind: 'union-list' }),
])

export function asyncState(queue: AsyncQueue): OperatorStateItems {
  const requests = [...queue.requests()].map(({ request, behind }) => request.item(behind))
  return [
    { name: REQUESTS_STATE, mode: 'split', items: requests },
    { name: WATERMARK_STATE, mode: 'union', items: [queue.newest] },
  ]
}

/** Fills an empty queue; gives the requests in the order in which they are to be made again. */
export function restoreQueue(queue: AsyncQueue, restored: OperatorStateItems): readonly AsyncRequest[] {
  const watermark = watermarkOf(itemsOf(restored, WATERMARK_STATE).filter((item) => typeof item === 'number'))
  const items = itemsOf(restored, REQUESTS_STATE) as readonly RequestItem[] // written by asyncState
  // of several instances: each had its own watermarks between its records, and the sort keeps the order of each
  const requests = items
    .toSorted((a, b) => a.behind - b.behind)
    .map((item) => {
      queue.addWatermark(Math.min(item.behind, watermark))
      const request = AsyncRequest.restored(item)
      queue.add(request)
      return request
    })
  queue.addWatermark(watermark)
  return requests
}

function watermarkOf(items: readonly number[]): number {
  return items.length === 0 ? MIN_WATERMARK : Math.min(...items)
}

function itemsOf(restored: OperatorStateItems, name: string): readonly unknown[] {
  return restored.find((list) => list.name === name)?.items ?? []
}
