/**
 * The same job with fewer subtasks: no vertex has more than `slotCount`. What a checkpoint must match (layout, max parallelism) stays, so
 * state moves between scales. Pure: every thread that knows the number builds the same graph.
 */
import { assert } from '../base/assert.ts'
import type { JobGraph, JobVertex } from './job-graph.ts'

export function scaleGraph(graph: JobGraph, slotCount: number): JobGraph {
  assert(Number.isInteger(slotCount) && slotCount > 0, 'a job is scaled to a number of slots', { slotCount })
  if (slotsWantedBy(graph) <= slotCount) return graph
  return Object.freeze({
    ...graph,
    vertices: Object.freeze(graph.vertices.map((vertex) => scaleVertex(vertex, slotCount))),
  })
}

/** Slots in which every subtask of the widest vertex has its own. */
export function slotsWantedBy(graph: JobGraph): number {
  return Math.max(...graph.vertices.map((vertex) => vertex.parallelism))
}

function scaleVertex(vertex: JobVertex, slotCount: number): JobVertex {
  if (vertex.parallelism <= slotCount) return vertex
  return Object.freeze({ ...vertex, parallelism: slotCount })
}
