/** The graph as the user wrote it: frozen plain nodes, built by api/, read by the planner. */
import type { Key } from '../stream/key-groups.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'

export type NodeId = number

export type Partitioning =
  | { readonly kind: 'forward' }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'hash'; readonly keySelector: (value: never) => Key }

/** An input of a node: which node's output (main, or a side output by tag) and how it is partitioned. */
export interface LogicalEdge {
  readonly from: NodeId
  readonly sideTag?: string
  readonly partitioning: Partitioning
}

interface NodeBase {
  readonly id: NodeId
  /** For people: in plans, progress and messages. Nothing is found or kept by it. */
  readonly name: string
  /** The user's uid. */
  readonly uid?: string
  readonly parallelism?: number
  readonly maxParallelism?: number
}

export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly source: Source<unknown>
  readonly watermarks: WatermarkStrategy<unknown>
  /** Records per second over all subtasks. */
  readonly rateLimit?: number
}

/** A one-input operator; several edges are a union. */
interface OperatorNode extends NodeBase {
  readonly kind: 'operator'
  readonly operator: OperatorSpec
  readonly inputs: readonly LogicalEdge[]
}

export interface SinkNode extends NodeBase {
  readonly kind: 'sink'
  readonly sink: Sink<unknown>
  readonly inputs: readonly LogicalEdge[]
}

export type LogicalNode = SourceNode | OperatorNode | SinkNode

export interface LogicalGraph {
  readonly jobName: string
  readonly nodes: readonly LogicalNode[]
  readonly settings: GraphSettings
}

/** What the job sets on its environment; values from the command line and the environment win. */
interface GraphSettings {
  /** By key of the option table, in the words of a user. */
  readonly options: Readonly<Record<string, string>>
}
