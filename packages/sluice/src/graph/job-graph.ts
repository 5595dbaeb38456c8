/** The graph after chaining: what is deployed. Frozen; the same program and options give the same graph in every thread. */
import type { OperatorUid, VertexId } from '../base/ids.ts'
import type { JsonValue } from '../base/json.ts'
import type { LogicalNode, Partitioning } from './logical-graph.ts'

/** One operator inside a chain. `inputs` of a logical node that are chained become `chained` of its upstream operator. */
export interface ChainedOperator {
  readonly uid: OperatorUid
  readonly node: LogicalNode
  /** Indexes into `JobVertex.operators` of the operators that take this one's records by plain calls. */
  readonly chained: readonly ChainLink[]
  /** Indexes into `JobVertex.outputs` of the edges that leave the vertex from here. */
  readonly outputs: readonly number[]
}

export interface ChainLink {
  readonly to: number
  readonly sideTag?: string
}

export interface JobVertex {
  readonly id: VertexId
  /** E.g. `parquet → map → window`. */
  readonly name: string
  readonly parallelism: number
  readonly maxParallelism: number
  /** Subtasks of different groups never share a slot (slot-groups.ts). */
  readonly slotSharingGroup: string
  /** In topological order; the head is first. */
  readonly operators: readonly ChainedOperator[]
  /** Indexes into `JobGraph.edges`; empty for a source. */
  readonly inputs: readonly number[]
  /** Indexes into `JobGraph.edges`. */
  readonly outputs: readonly number[]
}

/** A repartitioning (or unchained) edge between two vertices. */
export interface JobEdge {
  readonly index: number
  readonly from: VertexId
  /** uid of the operator inside `from` whose output it takes. */
  readonly fromOperator: OperatorUid
  readonly sideTag?: string
  readonly to: VertexId
  /** Which input of the head of `to` it feeds. */
  readonly port: number
  readonly partitioning: Partitioning
}

export interface JobGraph {
  readonly jobName: string
  /** In topological order. */
  readonly vertices: readonly JobVertex[]
  readonly edges: readonly JobEdge[]
  /** Everything about operators, states, sources, sinks and edges that must match between a checkpoint and the graph that restores it. Parallelism is not in it. */
  readonly layout: GraphLayout
  /** Hash of `layout`, lower-case hexadecimal. */
  readonly layoutHash: string
}

export interface GraphLayout {
  readonly version: 1
  readonly jobName: string
  readonly operators: readonly OperatorLayout[]
}

export interface OperatorLayout {
  readonly uid: string
  readonly kind: string
  /** States of an operator, identity of a source or sink. */
  readonly layout: JsonValue
  readonly maxParallelism: number
  /** uids of the operators it reads, with the partitioning kind and side tag. */
  readonly inputs: readonly JsonValue[]
}
