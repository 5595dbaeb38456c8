/**
 * The same job with fewer subtasks, for as many slots as there are. What a checkpoint must match (layout, max parallelism) stays, so
 * state moves between scales. Pure: every thread that knows the number builds the same graph.
 */
import { assert, present } from '../base/assert.ts'
import type { JobGraph, JobVertex } from './job-graph.ts'
import { groupHeights, slotsAtHeight } from './slot-groups.ts'

/** @param slotCount at least one for each slot-sharing group */
export function scaleGraph(graph: JobGraph, slotCount: number): JobGraph {
  assert(Number.isInteger(slotCount) && slotCount > 0, 'a job is scaled to a number of slots', { slotCount })
  if (slotsWantedBy(graph) <= slotCount) return graph
  const heights = groupHeights(graph, slotCount)
  assert(heights.size > 0, 'a job has fewer slots than slot-sharing groups', { slotCount })
  return Object.freeze({
    ...graph,
    vertices: Object.freeze(
      graph.vertices.map((vertex) => scaleVertex(vertex, present(heights.get(vertex.slotSharingGroup), 'a height'))),
    ),
  })
}

/** Slots in which every subtask of the widest vertex of each slot-sharing group has its own. */
export function slotsWantedBy(graph: Pick<JobGraph, 'vertices'>): number {
  return slotsAtHeight(graph, Number.POSITIVE_INFINITY)
}

function scaleVertex(vertex: JobVertex, height: number): JobVertex {
  if (vertex.parallelism <= height) return vertex
  return Object.freeze({ ...vertex, parallelism: height })
}
