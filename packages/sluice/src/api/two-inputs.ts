/** How an operator with two inputs is put behind two streams. */
import { EngineError } from '../base/errors.ts'
import type { LogicalEdge } from '../graph/logical-graph.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import type { StreamOrigin } from './stream-origin.ts'

/** Adds an operator behind edges. Given from outside, so that no two files of streams need each other at run time. */
type AttachBehind = <O>(origin: StreamOrigin, operator: OperatorSpec) => SingleOutputStreamOperator<O>

export interface TwoInputs {
  readonly first: StreamOrigin
  readonly second: StreamOrigin
  readonly attach: AttachBehind
}

/** An input and how to add operators behind it. */
export interface AttachableOrigin {
  readonly origin: StreamOrigin
  readonly attach: AttachBehind
}

/** GRA1020 when the streams belong to different jobs. */
export function twoInputs(first: AttachableOrigin, second: StreamOrigin): TwoInputs {
  const { origin, attach } = first
  if (origin.builder === second.builder) return { first: origin, second, attach }
  throw new EngineError(
    'GRA1020',
    'two streams of different jobs were put together. The job was not built, because each graph knows its own streams only. ' +
      'Make both from the env of one build function.',
  )
}

export function attachBehindBoth<O>(inputs: TwoInputs, operator: OperatorSpec): SingleOutputStreamOperator<O> {
  const { first, second, attach } = inputs
  const edges = [...first.edges.map((edge) => atPort(edge, 0)), ...second.edges.map((edge) => atPort(edge, 1))]
  return attach({ builder: first.builder, edges: Object.freeze(edges) }, operator)
}

function atPort(edge: LogicalEdge, port: number): LogicalEdge {
  return Object.freeze({ ...edge, port })
}
