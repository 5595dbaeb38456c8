/** How a simulated run is shaped: everything that is not a fault and must not change the result. Drawn from the seed. */
import type { Random } from '../base/env.ts'
import { below, seededRandom } from '../base/random.ts'
import type { SimDelays } from './sim-env.ts'

export interface SimShape {
  readonly eventCostMaxMs: number
  readonly diskDelayMaxMs: number
  readonly delays: SimDelays
  /** Milliseconds that a frame between two slots takes at the most; 0: the next turn. */
  readonly linkDelayMaxMs: number
  readonly itemsPerTurn: number
  readonly loopSteps: number
  /** Records per second of one source. */
  readonly ratePerSecond: number
  readonly parallelism: number
  /** Checkpoints may take too long without any fault. */
  readonly isTimeoutShort: boolean
  /** Options by key, in the words of a user; stronger than what the job sets. */
  readonly options: Readonly<Record<string, string>>
}

/** Most parallel instances of a simulated operator. */
const PARALLELISM_MAX = 3

export function drawShape(random: Random, recordCount: number): SimShape {
  const pick = <T>(first: T, ...others: readonly T[]): T => others[below(random, others.length + 1)] ?? first
  const runMs = pick(300, 800, 2000)
  const concurrentMax = pick('1', '1', '3')
  const isTimeoutShort = random.fraction() < 0.15
  return {
    eventCostMaxMs: pick(0.02, 0.1, 0.4),
    diskDelayMaxMs: pick(0.2, 1, 4),
    delays: { lateShare: pick(0, 0.02, 0.2), lateMaxMs: pick(2, 20, 80) },
    linkDelayMaxMs: pick(0, 1, 10),
    itemsPerTurn: pick(Infinity, 1, 3),
    loopSteps: pick(1, 4, 32),
    ratePerSecond: Math.max(20, Math.ceil((recordCount / runMs) * 1000)),
    parallelism: drawParallelism(random),
    isTimeoutShort,
    options: {
      'checkpoint.interval': `${pick(20, 50, 120)}ms`,
      'checkpoint.pauseMin': concurrentMax === '1' ? pick('0ms', '10ms') : '0ms',
      'checkpoint.concurrentMax': concurrentMax,
      'checkpoint.timeout': isTimeoutShort ? '150ms' : '20s',
      'checkpoint.failuresMax': isTimeoutShort ? '1000' : pick('0', '2', '1000'),
      'checkpoint.retained': pick('1', '2', '3'),
      'restart.strategy': 'exponential-delay',
      'restart.backoff.initial': pick('1ms', '50ms'),
      'restart.backoff.max': '200ms',
      'exchange.buffer.timeout': pick('0ms', '5ms', '30ms'),
      'exchange.batch.recordsMax': pick('1', '7', '64', '512'),
      'exchange.channel.batchesMax': pick('1', '2', '8'),
      'watermark.interval': pick('1ms', '10ms', '60ms'),
      'report.interval': '500ms',
    },
  }
}

/** With checkpoints that have longer than what was drawn, for jobs of so many tasks that none would ever be complete. */
export function withTimeout<Shape extends SimShape>(shape: Shape, timeoutMin: string | undefined): Shape {
  if (!shape.isTimeoutShort || timeoutMin === undefined) return shape
  return { ...shape, options: { ...shape.options, 'checkpoint.timeout': timeoutMin } }
}

export function drawParallelism(random: Random): number {
  return 1 + below(random, PARALLELISM_MAX)
}

/** An independent stream of draws for each purpose: more draws for one leave the others as they are. */
export function streamOf(
  seed: number,
  purpose: 'case' | 'shape' | 'order' | 'disk' | 'delays' | 'plan' | 'faults' | 'network' | 'cluster',
): Random {
  let hash = seed | 0
  for (const character of purpose) hash = Math.imul(hash ^ character.charCodeAt(0), 0x9e3779b1) ^ (hash >>> 13)
  return seededRandom(hash)
}
