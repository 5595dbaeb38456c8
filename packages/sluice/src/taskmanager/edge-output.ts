/** Makes the end of an edge at its producer: which class stands for which kind of partitioning. */
import { present, unreachable } from '../base/assert.ts'
import type { AttemptNumber, SubtaskIndex } from '../base/ids.ts'
import { seededRandom } from '../base/random.ts'
import type { BatchWriter } from '../exchange/batch-writer.ts'
import {
  BroadcastOutput,
  CustomOutput,
  ForwardOutput,
  GlobalOutput,
  HashOutput,
  RebalanceOutput,
  ShuffleOutput,
  type EdgeOutput,
} from '../exchange/partitioner.ts'
import type { JobEdge } from '../graph/job-graph.ts'
import { hash32 } from '../stream/key-groups.ts'

export interface EdgeOutputOptions {
  readonly edge: JobEdge
  /** One for each consumer that the producer is connected with, in the order of their numbers. */
  readonly writers: readonly BatchWriter[]
  /** Of the consumer. */
  readonly maxParallelism: number
  /** Whether the consumer has an error policy for records without a key. */
  readonly onBadKey: 'fail' | 'send'
  /** Of the producer. */
  readonly subtask: SubtaskIndex
  readonly attempt: AttemptNumber
}

export function edgeOutput(options: EdgeOutputOptions): EdgeOutput {
  const { edge, writers, subtask } = options
  const { partitioning, to } = edge
  const [first, ...others] = writers
  const only = others.length === 0 ? first : undefined
  // what the user's function returns is checked at every parallelism, so that a wrong one is found at the first
  if (partitioning.kind === 'custom') return new CustomOutput(writers, partitioning.partitioner, to)
  if (only !== undefined) return new ForwardOutput(only)
  switch (partitioning.kind) {
    case 'forward':
      return unreachable('a forward edge leads to one subtask')
    case 'rebalance':
    case 'rescale':
      return new RebalanceOutput(writers, subtask)
    case 'shuffle':
      return new ShuffleOutput(writers, seededRandom(seedOf(options)))
    case 'broadcast':
      return new BroadcastOutput(writers)
    case 'global':
      return new GlobalOutput(present(first, 'a subtask to send to'), others)
    case 'hash':
      return new HashOutput(writers, partitioning.keySelector, options.maxParallelism, {
        uid: to,
        onBadKey: options.onBadKey,
      })
  }
}

/** The same choices at every run, others for every subtask and attempt. */
function seedOf({ edge, subtask, attempt }: EdgeOutputOptions): number {
  return hash32(`${edge.fromOperator} ${edge.to} ${edge.port} ${subtask} ${attempt}`)
}
