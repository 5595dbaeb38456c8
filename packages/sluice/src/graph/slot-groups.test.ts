import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { operatorUid, vertexId } from '../base/ids.ts'
import type { JobEdge, JobGraph } from './job-graph.ts'
import { scaleGraph, slotsWantedBy } from './scale-graph.ts'
import { groupHeights, slotSteps, slotStepsOf, slotsAtHeight, usableSlots } from './slot-groups.ts'

interface GraphText {
  /** `group parallelism`, in order. */
  readonly vertices: readonly string[]
  /** Pairs of vertices between which a forward edge is. */
  readonly forward?: readonly (readonly [number, number])[]
}

function graphOf({ vertices, forward = [] }: GraphText): JobGraph {
  const edges = forward.map(([from, to], index): JobEdge => ({
    index,
    from: vertexId(`v${from}`),
    fromOperator: operatorUid(`v${from}`),
    to: vertexId(`v${to}`),
    port: 0,
    partitioning: { kind: 'forward' },
  }))
  return {
    jobName: 'job',
    vertices: vertices.map((text, at) => {
      const [slotSharingGroup = '', parallelism] = text.split(' ')
      const [id, empty] = [vertexId(`v${at}`), { operators: [], inputs: [], outputs: [] }]
      return { id, name: id, parallelism: Number(parallelism), maxParallelism: 128, slotSharingGroup, ...empty }
    }),
    edges,
    layout: { version: 1, jobName: 'job', operators: [] },
    layoutHash: '',
  }
}

const heights = (graph: JobGraph, slots: number): string =>
  [...groupHeights(graph, slots)].map(([group, height]) => `${group}:${height}`).join(' ')

describe('how many slots a job can use', () => {
  test('a job of one group can use every number from 1 to what its widest vertex wants', () => {
    const graph = graphOf({ vertices: ['default 2', 'default 4', 'default 1'] })
    expect(slotsWantedBy(graph)).toBe(4)
    expect(slotSteps(graph)).toEqual([1, 2, 3, 4])
    expect(slotStepsOf(graph)).toBe(undefined)
  })

  test('groups add up, and each needs one at least', () => {
    const graph = graphOf({ vertices: ['a 2', 'b 3', 'a 1'] })
    expect(slotsWantedBy(graph)).toBe(5)
    expect(slotStepsOf(graph)).toEqual([2, 3, 4, 5])
    expect([1, 2, 3, 4, 5].map((slots) => heights(graph, slots))).toEqual([
      '',
      'a:1 b:1',
      'a:2 b:1',
      'a:2 b:2',
      'a:2 b:3',
    ])
  })

  test('groups connected by a forward edge grow together', () => {
    const graph = graphOf({ vertices: ['a 3', 'b 3', 'c 2'], forward: [[0, 1]] })
    expect(slotStepsOf(graph)).toEqual([3, 5, 6, 8])
    expect(heights(graph, 7)).toBe('a:2 b:2 c:2')
    expect(usableSlots(slotStepsOf(graph), 7)).toBe(6)
    expect(usableSlots(slotStepsOf(graph), 2)).toBe(0)
  })

  test('bundles that a later edge connects are one', () => {
    const forward = [
      [0, 1],
      [2, 3],
      [1, 3],
    ] as const
    expect(slotSteps(graphOf({ vertices: ['a 2', 'b 2', 'c 2', 'd 2'], forward }))).toEqual([4, 8])
  })

  test('a limit of the parallelism is one of the steps', () => {
    const graph = graphOf({ vertices: ['a 3', 'b 5', 'c 2'] })
    expect([1, 2, 3, 9].map((height) => slotsAtHeight(graph, height))).toEqual([3, 6, 8, 10])
  })
})

describe('any grouping', () => {
  const texts = fc
    .array(fc.record({ group: fc.constantFrom('a', 'b', 'c', 'd'), parallelism: fc.integer({ min: 1, max: 6 }) }), {
      minLength: 1,
      maxLength: 8,
    })
    .chain((vertices) =>
      fc.record({
        vertices: fc.constant(vertices.map(({ group, parallelism }) => `${group} ${parallelism}`)),
        // a forward edge is between equal parallelisms
        forward: fc.subarray(
          vertices.flatMap((from, a) =>
            vertices.flatMap((to, b) => (a < b && from.parallelism === to.parallelism ? [[a, b] as const] : [])),
          ),
        ),
      }),
    )

  test('is scaled so that it fits, uses what it can, and forward edges keep equal ends', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 30 }), (text, slots) => {
        const graph = graphOf(text)
        const usable = usableSlots(slotSteps(graph), slots)
        if (usable === 0) {
          expect(slots).toBeLessThan(new Set(graph.vertices.map((vertex) => vertex.slotSharingGroup)).size)
          return
        }
        const scaled = scaleGraph(graph, slots)
        expect(slotsWantedBy(scaled)).toBe(usable)
        expect(scaleGraph(graph, usable)).toEqual(scaled)
        const parallelismOf = new Map(scaled.vertices.map(({ id, parallelism }) => [id, parallelism]))
        for (const { from, to } of scaled.edges) expect(parallelismOf.get(from)).toBe(parallelismOf.get(to))
      }),
    )
  })

  test('never shrinks anywhere when slots come, and its last step is all that it wants', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const graph = graphOf(text)
        const steps = slotSteps(graph)
        expect(steps.at(-1)).toBe(slotsWantedBy(graph))
        expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b))
        for (const [at, step] of steps.entries()) {
          const [now, before] = [groupHeights(graph, step), groupHeights(graph, steps[at - 1] ?? step)]
          for (const [group, height] of before) expect(now.get(group)).toBeGreaterThanOrEqual(height)
        }
      }),
    )
  })

  test('has a step for every limit of the parallelism', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 7 }), (text, height) => {
        const graph = graphOf(text)
        const slots = slotsAtHeight(graph, height)
        expect(slotSteps(graph)).toContain(slots)
        expect(scaleGraph(graph, slots).vertices.map(({ parallelism }) => parallelism)).toEqual(
          graph.vertices.map(({ parallelism }) => Math.min(parallelism, height)),
        )
      }),
    )
  })
})
