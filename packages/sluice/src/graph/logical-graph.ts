/** The graph as the user wrote it: frozen plain nodes, built by api/, read by the planner. */
import type { Key } from '../stream/key-groups.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import type { ErrorPolicy } from '../connector/error-policy.ts'
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import type { WatermarkStrategy } from '../time/watermark-strategy.ts'

export type NodeId = number

/**
 * Which subtasks of the consumer get a record. `forward` and `rescale` reach a part of them only (pointwise); all others connect every
 * producer with every consumer.
 */
export type Partitioning =
  /**
   * The subtask with the same number. `origin: 'user'`: asked for by name, so that other parallelisms are refused; else it becomes a `rebalance`
   * between different ones.
   */
  | { readonly kind: 'forward'; readonly origin?: 'user' }
  /** All in turn. */
  | { readonly kind: 'rebalance' }
  /** Those that belong to the producer, in turn. */
  | { readonly kind: 'rescale' }
  /** One by chance; repeatable from a seed. */
  | { readonly kind: 'shuffle' }
  /** Every one. */
  | { readonly kind: 'broadcast' }
  /** The first one. */
  | { readonly kind: 'global' }
  /** The one that has the key group of the record's key. A method, as below: the graph holds functions of any type, and the builder guarantees the records. */
  | { readonly kind: 'hash'; keySelector(this: void, value: unknown): Key }
  /** The one whose number the user's function returns. */
  | { readonly kind: 'custom'; partitioner(this: void, value: unknown, subtaskCount: number): number }

/** An input of a node: which node's output (main, or a side output by tag) and how it is partitioned. */
export interface LogicalEdge {
  readonly from: NodeId
  readonly sideTag?: string
  readonly partitioning: Partitioning
  /** Which input of the node it feeds. Default 0. Several edges of one port are a union. */
  readonly port?: number
}

/** `head`: begins a chain of its own; `never`: nothing is chained in front of it or behind it. */
export type Chaining = 'head' | 'never'

interface NodeBase {
  readonly id: NodeId
  /** For people: in plans, progress and messages. Nothing is found or kept by it. */
  readonly name: string
  /** The user's uid. */
  readonly uid?: string
  readonly parallelism?: number
  readonly maxParallelism?: number
  readonly chaining?: Chaining
  /** Subtasks of different groups never share a slot. Default: that of the inputs if they agree, else `default`. */
  readonly slotSharingGroup?: string
  /** What happens to a record that a function of the node cannot handle. Default: the task fails. */
  readonly errorPolicy?: ErrorPolicy
}

export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly source: Source<unknown>
  readonly watermarks: WatermarkStrategy<unknown>
  /** Records per second over all subtasks. */
  readonly rateLimit?: number
}

/** Its inputs by port; several edges of one port are a union. */
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
