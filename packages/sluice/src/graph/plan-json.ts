import type { JsonValue } from '../base/json.ts'
import type { JobEdge, JobGraph, JobVertex } from './job-graph.ts'
import { kindOf } from './operator-ids.ts'

/** The plan as JSON, for `--json` and tools. */
export function planJson(graph: JobGraph): JsonValue {
  return {
    job: graph.jobName,
    layoutHash: graph.layoutHash,
    vertices: graph.vertices.map(vertexJson),
    edges: graph.edges.map(edgeJson),
  }
}

/** The plan for people: one line per vertex, with where its records come from. */
export function planText(graph: JobGraph): string {
  return graph.vertices.map((vertex) => vertexLine(vertex, graph)).join('\n')
}

function vertexJson({ id, name, parallelism, maxParallelism, operators }: JobVertex): JsonValue {
  return {
    id,
    name,
    parallelism,
    maxParallelism,
    operators: operators.map(({ uid, node, chained }) => ({
      uid,
      name: node.name,
      kind: kindOf(node),
      chained: chained.map(({ to, sideTag }) => ({ to, ...(sideTag === undefined ? {} : { sideTag }) })),
    })),
  }
}

function edgeJson({ index, from, fromOperator, sideTag, to, partitioning }: JobEdge): JsonValue {
  return {
    index,
    from,
    fromOperator,
    ...(sideTag === undefined ? {} : { sideTag }),
    to,
    partitioning: partitioning.kind,
  }
}

function vertexLine(vertex: JobVertex, graph: JobGraph): string {
  const inputs = graph.edges.filter(({ to }) => to === vertex.id).map(inputText)
  const from = inputs.length === 0 ? '' : `  ⇐ ${inputs.join(', ')}`
  return `${vertex.name}  ×${vertex.parallelism} (max ${vertex.maxParallelism})${from}`
}

function inputText({ fromOperator, sideTag, partitioning }: JobEdge): string {
  return `${partitioning.kind} from ${fromOperator}${sideTag === undefined ? '' : ` (${sideTag})`}`
}
