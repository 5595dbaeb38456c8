/** Throughput of a keyed window count against loops written by hand for exactly this. */
import { measure } from '../measure.ts'
import type { BenchRow, Figure, Goal, Scale } from '../row.ts'
import { spreadOf } from '../statistics.ts'
import type { KeyedMeasurement, KeyedTask } from '../variants/keyed-measurement.ts'
import { areEqual } from '../workload/results.ts'

const RECORDS = { full: 10_000_000, quick: 1_000_000 } as const
const PAIRS = { full: 5, quick: 1 } as const
const GOAL: Goal = { kind: 'at-least', limit: 0.5 }

interface RowSettings {
  readonly name: string
  readonly parallelism: number
  readonly hand: 'keyed-by-hand' | 'keyed-by-hand-by-key' | 'keyed-by-hand-threads'
  readonly goal?: Goal
}

interface Pair {
  readonly engine: KeyedMeasurement
  readonly hand: KeyedMeasurement
}

/** The goals are set against a map of keys that holds a map of windows each, the form closest to what the engine keeps. */
export const keyedWindowRows: readonly BenchRow[] = [
  rowOf({ name: 'keyed-window-1', parallelism: 1, hand: 'keyed-by-hand-by-key', goal: GOAL }),
  rowOf({ name: 'keyed-window-by-window', parallelism: 1, hand: 'keyed-by-hand' }),
  rowOf({ name: 'keyed-window-2', parallelism: 2, hand: 'keyed-by-hand-threads', goal: GOAL }),
]

function rowOf(settings: RowSettings): BenchRow {
  const { name, parallelism, hand } = settings
  return {
    name,
    run: async (scale) => {
      const task = { records: RECORDS[scale], parallelism }
      return figuresOf(settings, task, await pairsOf(task, hand, scale))
    },
  }
}

/** A B A B: whatever else the machine does meets both. */
async function pairsOf(task: KeyedTask, handVariant: RowSettings['hand'], scale: Scale): Promise<Pair[]> {
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

function figuresOf(
  { name: row, goal }: RowSettings,
  { records }: KeyedTask,
  pairs: readonly Pair[],
): readonly Figure[] {
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
      ...(goal === undefined ? {} : { goal }),
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
