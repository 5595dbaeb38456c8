/** Prepares the graph of a simulated slot: every operator tells which attempt handles a record (C3). */
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import type { LogicalNode } from '../graph/logical-graph.ts'
import type { Operator, OperatorSpec } from '../operators/operator.ts'
import type { VertexId } from '../base/ids.ts'
import { told } from './sim-graph.ts'

/** Told by every operator of one slot, before each record. */
export type RecordWatch = (vertex: VertexId, attempt: number) => void

export function watchedGraph(graph: JobGraph, watch: RecordWatch): JobGraph {
  return Object.freeze({
    ...graph,
    vertices: Object.freeze(graph.vertices.map((vertex) => watchedVertex(vertex, watch))),
  })
}

function watchedVertex(vertex: JobVertex, watch: RecordWatch): JobVertex {
  const operators = vertex.operators.map((operator) =>
    Object.freeze({ ...operator, node: watchedNode(operator.node, vertex.id, watch) }),
  )
  return Object.freeze({ ...vertex, operators: Object.freeze(operators) })
}

function watchedNode(node: LogicalNode, vertex: VertexId, watch: RecordWatch): LogicalNode {
  if (node.kind !== 'operator') return node
  const spec: OperatorSpec = node.operator
  return Object.freeze({
    ...node,
    operator: Object.freeze({ ...spec, create: () => watched(spec.create(), vertex, watch) }),
  })
}

function watched(operator: Operator, vertex: VertexId, watch: RecordWatch): Operator {
  const open = operator.open.bind(operator)
  const handle = operator.onRecord.bind(operator)
  const portOf = operator.inputPort.bind(operator)
  let attempt = -1
  operator.open = (context) => {
    attempt = context.info.attempt
    open(context)
  }
  operator.onRecord = (value, timestamp) => {
    watch(vertex, attempt)
    handle(value, timestamp)
  }
  operator.inputPort = (port) => {
    const receiver = portOf(port)
    return receiver === operator ? operator : told(receiver, () => watch(vertex, attempt))
  }
  return operator
}
