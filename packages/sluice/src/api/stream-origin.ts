/**
 * What a stream is made of: outputs of nodes, and how their records get to whoever reads them. Plain functions over frozen edges.
 */
import type { Sink } from '../connector/sink.ts'
import type { LogicalEdge, NodeId, Partitioning } from '../graph/logical-graph.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import type { Key } from '../stream/key-groups.ts'
import type { GraphBuilder } from './graph-builder.ts'

export const PARTITIONING = Object.freeze({
  forward: Object.freeze({ kind: 'forward' }),
  /** Asked for by name: never rebalanced instead. */
  forwardOnly: Object.freeze({ kind: 'forward', origin: 'user' }),
  rebalance: Object.freeze({ kind: 'rebalance' }),
  rescale: Object.freeze({ kind: 'rescale' }),
  shuffle: Object.freeze({ kind: 'shuffle' }),
  broadcast: Object.freeze({ kind: 'broadcast' }),
  global: Object.freeze({ kind: 'global' }),
} satisfies Readonly<Record<string, Partitioning>>)

/** Where a stream comes from: outputs of nodes; several are a union. */
export interface StreamOrigin {
  readonly builder: GraphBuilder
  readonly edges: readonly LogicalEdge[]
}

/** What a node emits. */
export function outputOf(builder: GraphBuilder, node: NodeId): StreamOrigin {
  return { builder, edges: Object.freeze([Object.freeze({ from: node, partitioning: PARTITIONING.forward })]) }
}

/** What a node sets aside under a tag, or under the name of one. */
export function sideOutputOf<U>(builder: GraphBuilder, node: NodeId, tag: OutputTag<U> | string): StreamOrigin {
  const sideTag = typeof tag === 'string' ? tag : tag.name
  return { builder, edges: Object.freeze([Object.freeze({ from: node, sideTag, partitioning: PARTITIONING.forward })]) }
}

export function addOperator({ builder, edges }: StreamOrigin, operator: OperatorSpec): NodeId {
  return builder.add((id) => ({ kind: 'operator', id, name: operator.kind, operator, inputs: edges }))
}

export function addSink<T>({ builder, edges }: StreamOrigin, sink: Sink<T>): NodeId {
  return builder.add((id) => ({ kind: 'sink', id, name: sink.kind, sink: erased(sink), inputs: edges }))
}

/** The graph holds sinks of any type: the stream in front of it guarantees the records. */
function erased<T>(sink: Sink<T>): Sink<unknown> {
  return sink
}

/** The same records, dealt out in another way. */
export function repartition({ builder, edges }: StreamOrigin, partitioning: Partitioning): StreamOrigin {
  return { builder, edges: Object.freeze(edges.map((edge) => Object.freeze({ ...edge, partitioning }))) }
}

/** The same records, brought to the subtask of their key. */
export function byKey<T>(origin: StreamOrigin, keySelector: (value: T) => Key): StreamOrigin {
  return repartition(origin, Object.freeze({ kind: 'hash', keySelector }))
}

/** By what a function gives for the record, or for its key. The types are those of both: the caller's say which of the two it is. */
export function byFunction<V>(
  partitioner: (keyOrValue: V, partitionCount: number) => number,
  keySelector: ((value: V) => V) | undefined,
): Partitioning {
  if (keySelector === undefined) return Object.freeze({ kind: 'custom', partitioner })
  const ofKey = (value: V, partitionCount: number): number => partitioner(keySelector(value), partitionCount)
  return Object.freeze({ kind: 'custom', partitioner: ofKey })
}
