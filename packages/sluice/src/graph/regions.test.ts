import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { operatorUid, vertexId } from '../base/ids.ts'
import type { JobEdge, JobVertex } from './job-graph.ts'
import { regionsOf } from './regions.ts'

function vertex(id: number): JobVertex {
  return {
    id: vertexId(`v${id}`),
    name: `v${id}`,
    parallelism: 1,
    maxParallelism: 128,
    slotSharingGroup: 'default',
    operators: [],
    inputs: [],
    outputs: [],
  }
}

function edge([from, to]: readonly [number, number], index: number): JobEdge {
  return {
    index,
    from: vertexId(`v${from}`),
    fromOperator: operatorUid('x'),
    to: vertexId(`v${to}`),
    port: 0,
    partitioning: { kind: 'rebalance' },
  }
}

function regions(count: number, edges: readonly (readonly [number, number])[]): readonly string[] {
  const graph = { vertices: Array.from({ length: count }, (_, id) => vertex(id)), edges: edges.map(edge) }
  return regionsOf(graph).map((ids) => ids.join(' '))
}

test('vertices that share no edge, not even over others, are regions of their own', () => {
  expect(regions(5, [])).toEqual(['v0', 'v1', 'v2', 'v3', 'v4'])
  expect(
    regions(5, [
      [0, 2],
      [1, 3],
    ]),
  ).toEqual(['v0 v2', 'v1 v3', 'v4'])
})

test('two sources that meet, and one source that splits up, make one region', () => {
  expect(
    regions(5, [
      [0, 2],
      [1, 2],
      [2, 3],
      [2, 4],
    ]),
  ).toEqual(['v0 v1 v2 v3 v4'])
})

test('the regions are the connected components, whatever the edges', () => {
  const edges = fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 14 })
  fc.assert(
    fc.property(edges, (pairs) => {
      const component = Array.from({ length: 12 }, (_, id) => id)
      for (const [a, b] of pairs) {
        const [one, other] = [component[a], component[b]]
        for (const [id, of] of component.entries()) if (of === other) component[id] = one ?? 0
      }
      const expected = [...Map.groupBy(component.keys(), (id) => component[id]).values()]
      expect(regions(12, pairs)).toEqual(expected.map((ids) => ids.map((id) => `v${id}`).join(' ')))
    }),
  )
})
