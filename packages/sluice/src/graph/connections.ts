/**
 * Which subtasks of the two ends of an edge are connected: one channel each. Pure, so that both ends count the same channels.
 * docs/spec/distribution.md.
 *
 * C1 `forward` connects subtasks of the same number. `rescale` connects contiguous ranges: each subtask of the smaller side has a range of
 *    the other one, and the ranges have no gap and no overlap. All others connect each with each.
 * C2 Every subtask has at least one channel of each of its edges, so watermarks, barriers and the end of the input reach all.
 * C3 `consumersOf` and `producersOf` agree: c is a consumer of p exactly when p is a producer of c.
 */
import type { Partitioning } from './logical-graph.ts'

/** One side of an edge: both numbers are of subtasks. */
export interface EdgeEnds {
  readonly kind: Partitioning['kind']
  readonly producerCount: number
  readonly consumerCount: number
}

/** Numbers of the subtasks that a producer is connected with, ascending. */
export function consumersOf(ends: EdgeEnds, producer: number): readonly number[] {
  const { kind, producerCount, consumerCount } = ends
  if (kind === 'forward') return [producer]
  if (kind !== 'rescale') return range(0, consumerCount)
  return producerCount < consumerCount
    ? range(
        firstWithin(producer, producerCount, consumerCount),
        firstWithin(producer + 1, producerCount, consumerCount),
      )
    : [firstWithin(producer + 1, producerCount, consumerCount) - 1]
}

/** Numbers of the subtasks that a consumer is connected with, ascending. */
export function producersOf(ends: EdgeEnds, consumer: number): readonly number[] {
  const { kind, producerCount, consumerCount } = ends
  if (kind === 'forward') return [consumer]
  if (kind !== 'rescale') return range(0, producerCount)
  const first = Math.floor((consumer * producerCount) / consumerCount)
  if (producerCount < consumerCount) return [first]
  return range(first, Math.floor(((consumer + 1) * producerCount) / consumerCount))
}

/** The first consumer at or behind the place where the share of a producer begins. */
function firstWithin(producer: number, producerCount: number, consumerCount: number): number {
  return Math.ceil((producer * consumerCount) / producerCount)
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}
