/** Prepares a planned graph for a simulated process: operators that can be made to throw, sources that are paced. The layout stays. */
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import type { LogicalNode } from '../graph/logical-graph.ts'
import type { Operator, OperatorSpec, RecordReceiver } from '../operators/operator.ts'

export interface SimGraphOptions {
  /** Called before each record of each operator; what it throws is the operator's failure. */
  onRecord(operator: string): void
  readonly ratePerSecond: number
  /** For tests of the simulator: breaks what it is to find. */
  wrapNode?(node: LogicalNode): LogicalNode
}

export function simGraph(graph: JobGraph, options: SimGraphOptions): JobGraph {
  return Object.freeze({
    ...graph,
    vertices: Object.freeze(graph.vertices.map((vertex) => simVertex(vertex, options))),
  })
}

function simVertex(vertex: JobVertex, options: SimGraphOptions): JobVertex {
  const operators = vertex.operators.map((operator) =>
    Object.freeze({ ...operator, node: simNode(operator.node, options) }),
  )
  return Object.freeze({ ...vertex, operators: Object.freeze(operators) })
}

function simNode(original: LogicalNode, options: SimGraphOptions): LogicalNode {
  const node = options.wrapNode?.(original) ?? original
  if (node.kind === 'source') return Object.freeze({ ...node, rateLimit: options.ratePerSecond })
  if (node.kind === 'operator')
    return Object.freeze({ ...node, operator: simOperator(node.operator, node.name, options) })
  return node
}

function simOperator(spec: OperatorSpec, name: string, options: SimGraphOptions): OperatorSpec {
  return Object.freeze({ ...spec, create: () => watched(spec.create(), name, options) })
}

function watched(operator: Operator, name: string, options: SimGraphOptions): Operator {
  const handle = operator.onRecord.bind(operator)
  const portOf = operator.inputPort.bind(operator)
  operator.onRecord = (value, timestamp) => {
    options.onRecord(name)
    handle(value, timestamp)
  }
  operator.inputPort = (port) => {
    const receiver = portOf(port)
    return receiver === operator ? operator : told(receiver, () => options.onRecord(name))
  }
  return operator
}

/** A further input of an operator. */
export function told(receiver: RecordReceiver, tell: () => void): RecordReceiver {
  return {
    onRecord: (value, timestamp) => {
      tell()
      receiver.onRecord(value, timestamp)
    },
  }
}
