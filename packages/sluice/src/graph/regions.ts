/**
 * Failover regions: vertices that reach each other over edges, side outputs included, whatever the direction. What fails in one region says
 * nothing about the others, so they go on. docs/spec/regions.md.
 */
import { present } from '../base/assert.ts'
import type { VertexId } from '../base/ids.ts'
import type { JobGraph } from './job-graph.ts'

/** In the order of their first vertices; vertices in topological order. They do not depend on the scale. */
export function regionsOf(graph: Pick<JobGraph, 'vertices' | 'edges'>): readonly (readonly VertexId[])[] {
  const parents = new Map(graph.vertices.map(({ id }) => [id, id]))
  for (const { from, to } of graph.edges) parents.set(rootOf(parents, to), rootOf(parents, from))
  const members = Map.groupBy(graph.vertices, ({ id }) => rootOf(parents, id))
  return [...members.values()].map((vertices) => vertices.map(({ id }) => id))
}

function rootOf(parents: ReadonlyMap<VertexId, VertexId>, id: VertexId): VertexId {
  let root = id
  for (let parent = parentOf(parents, root); parent !== root; parent = parentOf(parents, root)) root = parent
  return root
}

function parentOf(parents: ReadonlyMap<VertexId, VertexId>, id: VertexId): VertexId {
  return present(parents.get(id), 'a vertex of the graph')
}
