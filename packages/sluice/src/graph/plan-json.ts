import type { JsonValue } from '../base/json.ts'
import type { JobEdge, JobGraph, JobVertex } from './job-graph.ts'
import { kindOf } from './operator-ids.ts'
import { slotsWantedBy } from './scale-graph.ts'
import { groupSizes } from './slot-groups.ts'

/** The plan as JSON, for `--json` and tools. */
export function planJson(graph: JobGraph): JsonValue {
  return {
    job: graph.jobName,
    layoutHash: graph.layoutHash,
    slots: slotsWantedBy(graph),
    vertices: graph.vertices.map(vertexJson),
    edges: graph.edges.map(edgeJson),
  }
}

/** The plan for people: one line per vertex, with where its records come from. */
export function planText(graph: JobGraph): string {
  return graph.vertices.map((vertex) => vertexLine(vertex, graph)).join('\n')
}

function vertexJson({ id, name, parallelism, maxParallelism, slotSharingGroup, operators }: JobVertex): JsonValue {
  return {
    id,
    name,
    parallelism,
    maxParallelism,
    slotSharingGroup,
    operators: operators.map(({ uid, node, chained }) => ({
      uid,
      name: node.name,
      kind: kindOf(node),
      chained: chained.map(({ to, sideTag }) => ({ to, ...(sideTag === undefined ? {} : { sideTag }) })),
    })),
  }
}

function edgeJson({ index, from, fromOperator, sideTag, to, port, partitioning }: JobEdge): JsonValue {
  return {
    index,
    from,
    fromOperator,
    ...(sideTag === undefined ? {} : { sideTag }),
    to,
    port,
    partitioning: partitioning.kind,
  }
}

function vertexLine(vertex: JobVertex, graph: JobGraph): string {
  const inputs = graph.edges.filter(({ to }) => to === vertex.id).map(inputText)
  const from = inputs.length === 0 ? '' : `  ⇐ ${inputs.join(', ')}`
  const group = groupSizes(graph).size === 1 ? '' : ` in ${vertex.slotSharingGroup}`
  return `${vertex.name}  ×${vertex.parallelism} (max ${vertex.maxParallelism})${group}${from}`
}

function inputText({ fromOperator, sideTag, port, partitioning }: JobEdge): string {
  const input = port === 0 ? '' : ` at input ${port}`
  return `${partitioning.kind} from ${fromOperator}${sideTag === undefined ? '' : ` (${sideTag})`}${input}`
}
