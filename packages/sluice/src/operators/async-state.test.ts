import { expect, test } from 'vitest'
import { redistributeOperatorState } from '../checkpoint/redistribute.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import { AsyncQueue } from './async-queue.ts'
import { AsyncRequest } from './async-request.ts'
import { asyncState, restoreQueue } from './async-state.ts'

/** `['a', 5, 'b']`: a record, a watermark, a record. */
function stateOf(inputs: readonly (string | number)[]): OperatorStateItems {
  const queue = new AsyncQueue('ordered')
  for (const input of inputs) {
    if (typeof input === 'number') queue.addWatermark(input)
    else queue.add(new AsyncRequest(input, 0, undefined))
  }
  return asyncState(queue)
}

/** What a restored queue lets out, in order. */
function drained(items: OperatorStateItems | undefined): readonly unknown[] {
  const queue = new AsyncQueue('ordered')
  const out: unknown[] = []
  for (const request of restoreQueue(queue, items ?? [])) request.settle({ kind: 'result', value: undefined })
  if (queue.released > Number.MIN_SAFE_INTEGER) out.push(queue.released)
  while (!queue.isEmpty) {
    for (let next = queue.next(); next !== undefined; next = queue.next()) {
      out.push(next.value)
      queue.remove(next)
    }
    if (queue.releaseWatermark()) out.push(queue.released)
  }
  return out
}

test('one instance restores records and watermarks as they were', () => {
  const inputs = ['a', 5, 'b', 'c', 7, 9, 'd', 12]
  expect(drained(stateOf(inputs))).toEqual(['a', 5, 'b', 'c', 9, 'd', 12])
})

test('fewer instances go on from the smallest watermark, and no record comes behind one that was behind it', () => {
  const states = [stateOf(['a', 5, 'b', 20]), stateOf(['x', 3, 'y', 9, 'z'])]
  const [only] = redistributeOperatorState(states, 1)
  expect(drained(only)).toEqual(['a', 'x', 3, 'y', 5, 'b', 9, 'z'])
})

test('more instances share the requests, and none goes ahead of the watermark', () => {
  const shares = redistributeOperatorState([stateOf(['a', 5, 'b', 'c', 7])], 3)
  expect(shares.map(drained)).toEqual([
    ['a', 7],
    [5, 'b', 7],
    [5, 'c', 7],
  ])
})

test('nothing to restore is an empty queue', () => {
  expect(drained([])).toEqual([])
})
