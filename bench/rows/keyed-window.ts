/** Throughput of a keyed window count against loops written by hand for exactly this. */
import { measure } from '../measure.ts'
import type { BenchRow, Figure, Scale } from '../row.ts'
import { spreadOf } from '../statistics.ts'
import type { KeyedMeasurement, KeyedTask } from '../variants/keyed-measurement.ts'
import { areEqual } from '../workload/results.ts'

const RECORDS = { full: 10_000_000, quick: 1_000_000 } as const
const PAIRS = { full: 5, quick: 1 } as const
const GOAL = { kind: 'at-least', limit: 0.5 } as const

interface Pair {
  readonly engine: KeyedMeasurement
  readonly hand: KeyedMeasurement
}

export const keyedWindowRows: readonly BenchRow[] = [
  rowOf('keyed-window-1', 1, 'keyed-by-hand'),
  rowOf('keyed-window-2', 2, 'keyed-by-hand-threads'),
]

function rowOf(name: string, parallelism: number, hand: 'keyed-by-hand' | 'keyed-by-hand-threads'): BenchRow {
  return {
    name,
    run: async (scale) => {
      const task = { records: RECORDS[scale], parallelism }
      return figuresOf(name, task, await pairsOf(task, hand, scale))
    },
  }
}

/** A B A B: whatever else the machine does meets both. */
async function pairsOf(
  task: KeyedTask,
  handVariant: 'keyed-by-hand' | 'keyed-by-hand-threads',
  scale: Scale,
): Promise<Pair[]> {
  const pairs: Pair[] = []
  while (pairs.length < PAIRS[scale]) {
    const hand = await measure(handVariant, task)
    const engine = await measure('keyed-engine', task)
    if (!areEqual(engine.summary, hand.summary))
      throw new Error(`different results: ${JSON.stringify({ engine, hand })}`)
    pairs.push({ engine, hand })
  }
  return pairs
}

function figuresOf(row: string, { records }: KeyedTask, pairs: readonly Pair[]): readonly Figure[] {
  const rateOf = ({ processingMs }: KeyedMeasurement): number => records / processingMs / 1000
  const cpuNsOf = ({ cpuMs }: KeyedMeasurement): number => (cpuMs * 1e6) / records
  const { summary, checkpoints } = pairs[0]!.engine // there is at least one pair
  const wholeMs = spreadOf(pairs.map(({ engine }) => engine.wholeMs)).median
  return [
    {
      row,
      what: 'throughput against by hand',
      unit: 'M records/s',
      value: spreadOf(pairs.map(({ engine }) => rateOf(engine))),
      reference: spreadOf(pairs.map(({ hand }) => rateOf(hand))),
      ratio: spreadOf(pairs.map(({ engine, hand }) => rateOf(engine) / rateOf(hand))),
      goal: GOAL,
      note: `${records} records, ${summary.results} equal results, ${checkpoints} checkpoints; with start and end ${Math.round(wholeMs)} ms`,
    },
    {
      row,
      what: 'processor time against by hand',
      unit: 'ns/record',
      value: spreadOf(pairs.map(({ engine }) => cpuNsOf(engine))),
      reference: spreadOf(pairs.map(({ hand }) => cpuNsOf(hand))),
      ratio: spreadOf(pairs.map(({ engine, hand }) => cpuNsOf(hand) / cpuNsOf(engine))),
    },
  ]
}
