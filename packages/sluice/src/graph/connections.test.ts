import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type EdgeEnds, consumersOf, producersOf } from './connections.ts'

const ends = fc.record({
  kind: fc.constantFrom(...(['rebalance', 'rescale', 'shuffle', 'broadcast', 'global', 'hash', 'custom'] as const)),
  producerCount: fc.integer({ min: 1, max: 40 }),
  consumerCount: fc.integer({ min: 1, max: 40 }),
})

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at)

function pairs(
  { producerCount, consumerCount }: EdgeEnds,
  ofProducer: (producer: number) => readonly number[],
): string[] {
  expect(producerCount + consumerCount).toBeGreaterThan(0)
  return range(producerCount).flatMap((producer) => ofProducer(producer).map((consumer) => `${producer} ${consumer}`))
}

test('both ends of an edge count the same channels, and every subtask has one', () => {
  fc.assert(
    fc.property(ends, (edge) => {
      const fromFront = pairs(edge, (producer) => consumersOf(edge, producer))
      const fromBehind = range(edge.consumerCount).flatMap((consumer) =>
        producersOf(edge, consumer).map((producer) => `${producer} ${consumer}`),
      )
      expect(fromBehind.toSorted()).toEqual(fromFront.toSorted())
      expect(new Set(fromFront.map((pair) => pair.split(' ')[0])).size).toBe(edge.producerCount)
      expect(new Set(fromFront.map((pair) => pair.split(' ')[1])).size).toBe(edge.consumerCount)
    }),
  )
})

test('a rescale connects as few as it can, and shares differ by one at the most', () => {
  fc.assert(
    fc.property(ends, (drawn) => {
      const edge = { ...drawn, kind: 'rescale' } as const
      const { producerCount, consumerCount } = edge
      expect(pairs(edge, (producer) => consumersOf(edge, producer))).toHaveLength(
        Math.max(producerCount, consumerCount),
      )
      const shares =
        producerCount < consumerCount
          ? range(producerCount).map((producer) => consumersOf(edge, producer).length)
          : range(consumerCount).map((consumer) => producersOf(edge, consumer).length)
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
    }),
  )
})

test.each([
  [
    2,
    6,
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
  ],
  [6, 2, [[0], [0], [0], [1], [1], [1]]],
  [2, 3, [[0, 1], [2]]],
  [3, 2, [[0], [1], [1]]],
  [4, 4, [[0], [1], [2], [3]]],
])('a rescale from %i to %i goes to %j', (producerCount, consumerCount, expected) => {
  const edge = { kind: 'rescale', producerCount, consumerCount } as const
  expect(range(producerCount).map((producer) => consumersOf(edge, producer))).toEqual(expected)
})

test('a forward connects subtasks of the same number, all others each with each', () => {
  expect(consumersOf({ kind: 'forward', producerCount: 3, consumerCount: 3 }, 2)).toEqual([2])
  expect(producersOf({ kind: 'forward', producerCount: 3, consumerCount: 3 }, 2)).toEqual([2])
  expect(consumersOf({ kind: 'global', producerCount: 2, consumerCount: 3 }, 1)).toEqual([0, 1, 2])
  expect(producersOf({ kind: 'hash', producerCount: 2, consumerCount: 3 }, 1)).toEqual([0, 1])
})
