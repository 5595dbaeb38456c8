/**
 * Slot-sharing groups: how many slots a job can use, and how high it is with them. Pure. docs/spec/distribution.md.
 *
 * The height of a group is the largest parallelism that its vertices may have; it takes as many slots. Groups connected by a `forward` edge are a
 * bundle and have the same height, so that such an edge joins equal parallelisms at every scale.
 *
 * S1 A job grows one bundle at a time: the lowest first, among equal ones the first of the graph. So more slots never make a group lower, and
 *    all heights differ by one at the most, apart from groups that want no more.
 * S2 The first step is one slot for each group; the last is the sum of what the groups want. A job of one group can use every number between.
 * S3 The same graph and number of slots give the same heights, in every thread.
 */
import { present } from '../base/assert.ts'
import type { JobGraph } from './job-graph.ts'

/** What is known of a vertex: its group and how many subtasks it is to have. */
export type GroupedGraph = Pick<JobGraph, 'edges'> & {
  readonly vertices: readonly Pick<JobGraph['vertices'][number], 'id' | 'parallelism' | 'slotSharingGroup'>[]
}

/** Largest parallelism of each group, in the order of their first vertices. */
export function groupSizes({ vertices }: Pick<GroupedGraph, 'vertices'>): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const { slotSharingGroup: group, parallelism } of vertices) {
    sizes.set(group, Math.max(sizes.get(group) ?? 0, parallelism))
  }
  return sizes
}

/** The numbers of slots that the job can use, ascending (S1, S2). */
export function slotSteps(graph: GroupedGraph): readonly number[] {
  return [...growthOf(graph)].map(({ slots }) => slots)
}

/** The same for a job that has more than one group; undefined: every number from 1 on is a step. */
export function slotStepsOf(graph: GroupedGraph): readonly number[] | undefined {
  return groupSizes(graph).size === 1 ? undefined : slotSteps(graph)
}

/** Slots in which no group is higher than this: what a job whose parallelism is limited from outside can use. */
export function slotsAtHeight(graph: Pick<GroupedGraph, 'vertices'>, height: number): number {
  return [...groupSizes(graph).values()].reduce((sum, size) => sum + Math.min(size, height), 0)
}

/** Height of each group with so many slots; empty: they are fewer than there are groups. */
export function groupHeights(graph: GroupedGraph, slotCount: number): ReadonlyMap<string, number> {
  const heights = new Map<string, number>()
  for (const { slots, groups, height } of growthOf(graph)) {
    if (slots > slotCount) break
    for (const group of groups) heights.set(group, height)
  }
  return heights
}

/** The largest step that is not above a number of slots; 0: none is. Without steps every number is one. */
export function usableSlots(steps: readonly number[] | undefined, slotCount: number): number {
  return steps === undefined ? slotCount : (steps.findLast((step) => step <= slotCount) ?? 0)
}

/** One step: these groups reach this height, and the job has this many slots. */
interface Growth {
  readonly slots: number
  readonly groups: readonly string[]
  readonly height: number
}

function* growthOf(graph: GroupedGraph): Generator<Growth> {
  const sizes = groupSizes(graph)
  const all = [...sizes.keys()]
  const bundles = bundlesOf(graph, all)
  let slots = all.length
  yield { slots, groups: all, height: 1 }
  const tallest = Math.max(...sizes.values())
  for (let height = 2; height <= tallest; height++) {
    for (const bundle of bundles) {
      const groups = bundle.filter((group) => sizeOf(sizes, group) >= height)
      if (groups.length === 0) continue
      slots += groups.length
      yield { slots, groups, height }
    }
  }
}

function bundlesOf({ vertices, edges }: GroupedGraph, groups: readonly string[]): readonly (readonly string[])[] {
  const groupOf = new Map(vertices.map(({ id, slotSharingGroup }) => [id, slotSharingGroup]))
  const bundleOf = new Map(groups.map((group, index) => [group, index]))
  for (const { from, to, partitioning } of edges) {
    if (partitioning.kind !== 'forward') continue
    const ends = [from, to].map((id) => sizeOf(bundleOf, present(groupOf.get(id), 'the group of a vertex')))
    const joined = Math.min(...ends)
    for (const [group, bundle] of bundleOf) if (ends.includes(bundle)) bundleOf.set(group, joined)
  }
  return [...Map.groupBy(groups, (group) => sizeOf(bundleOf, group)).values()]
}

function sizeOf(sizes: ReadonlyMap<string, number>, group: string): number {
  return present(sizes.get(group), `slot-sharing group "${group}"`)
}
