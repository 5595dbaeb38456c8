import { canonicalJson, type JsonValue } from '../base/json.ts'
import { present } from '../base/assert.ts'
import type { OperatorUid } from '../base/ids.ts'
import type { GraphLayout, OperatorLayout } from './job-graph.ts'
import { kindOf } from './operator-ids.ts'
import type { LogicalEdge, LogicalGraph, LogicalNode, NodeId } from './logical-graph.ts'

/** What the layout needs to know of a planned node. */
export interface LaidOutNode {
  readonly uid: OperatorUid
  readonly maxParallelism: number
}

const FNV_OFFSET = 0xcbf29ce484222325n
const FNV_PRIME = 0x100000001b3n

/** What must match between a checkpoint and the graph that restores it. */
export function layoutOf(graph: LogicalGraph, planned: ReadonlyMap<NodeId, LaidOutNode>): GraphLayout {
  const operators = graph.nodes.map((node) => operatorLayout(node, planned))
  return Object.freeze({ version: 1, jobName: graph.jobName, operators: Object.freeze(operators) })
}

/** 64 bits of FNV-1a over the canonical JSON, in lower-case hexadecimal. */
export function hashOfLayout(layout: GraphLayout): string {
  const { version, jobName, operators } = layout
  const text = canonicalJson({ version, jobName, operators: operators.map((operator) => ({ ...operator })) })
  let hash = FNV_OFFSET
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME)
  return hash.toString(16).padStart(16, '0')
}

function operatorLayout(node: LogicalNode, planned: ReadonlyMap<NodeId, LaidOutNode>): OperatorLayout {
  const { uid, maxParallelism } = present(planned.get(node.id), 'a planned node')
  const inputs = node.kind === 'source' ? [] : node.inputs.map((edge) => inputLayout(edge, planned))
  return Object.freeze({
    uid,
    kind: kindOf(node),
    layout: identityOf(node),
    maxParallelism,
    inputs: Object.freeze(inputs),
  })
}

function identityOf(node: LogicalNode): JsonValue {
  if (node.kind === 'operator') return node.operator.layout
  return node.kind === 'source' ? node.source.identity : node.sink.identity
}

/** The partitioning as the user wrote it: one that only follows from parallelism must not be in the layout. */
function inputLayout(edge: LogicalEdge, planned: ReadonlyMap<NodeId, LaidOutNode>): JsonValue {
  const from = present(planned.get(edge.from), 'a planned input').uid
  const partitioning = edge.partitioning.kind
  return Object.freeze({
    from,
    partitioning,
    ...(edge.sideTag === undefined ? {} : { sideTag: edge.sideTag }),
    ...(edge.port === undefined ? {} : { port: edge.port }),
  })
}
