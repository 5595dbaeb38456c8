/** What overlapping windows cost: 60 s every second against tumbling windows of one second, on the same stream. */
import { measure } from '../measure.ts'
import type { BenchRow, Figure, Goal, Scale } from '../row.ts'
import { spreadOf } from '../statistics.ts'
import type { KeyedMeasurement } from '../variants/keyed-measurement.ts'

const PAIRS = { full: 5, quick: 1 } as const
const GOAL: Goal = { kind: 'at-least', limit: 0.5 }
const SLIDE_MS = 1000
const OVERLAP = 60

interface RowSettings {
  readonly name: string
  readonly keys: number
  readonly records: Readonly<Record<Scale, number>>
  readonly goal?: Goal
}

interface Pair {
  readonly sliding: KeyedMeasurement
  readonly tumbling: KeyedMeasurement
}

/**
 * With 1,000 keys nearly every key has a record in every second, so that both kinds of windows give as many results, and what is left is the cost
 * of overlapping. With 10,000 most have none: a sliding window gives a result for each of them all the same.
 */
export const slidingRows: readonly BenchRow[] = [
  rowOf({ name: 'sliding-panes', keys: 1000, records: { full: 6_000_000, quick: 600_000 }, goal: GOAL }),
  rowOf({ name: 'sliding-panes-sparse', keys: 10_000, records: { full: 1_000_000, quick: 200_000 } }),
]

function rowOf(settings: RowSettings): BenchRow {
  return {
    name: settings.name,
    run: async (scale) => figuresOf(settings, settings.records[scale], await pairsOf(settings, scale)),
  }
}

async function pairsOf({ keys, records }: RowSettings, scale: Scale): Promise<Pair[]> {
  const task = { records: records[scale], keys, slideMs: SLIDE_MS }
  const pairs: Pair[] = []
  while (pairs.length < PAIRS[scale]) {
    const tumbling = await measure('sliding-engine', { ...task, sizeMs: SLIDE_MS })
    const sliding = await measure('sliding-engine', { ...task, sizeMs: OVERLAP * SLIDE_MS })
    if (tumbling.summary.records !== task.records || sliding.summary.records !== OVERLAP * task.records)
      throw new Error(`wrong counts: ${JSON.stringify({ tumbling, sliding })}`)
    pairs.push({ sliding, tumbling })
  }
  return pairs
}

function figuresOf({ name: row, goal }: RowSettings, records: number, pairs: readonly Pair[]): readonly Figure[] {
  const rateOf = ({ processingMs }: KeyedMeasurement): number => records / processingMs / 1000
  const costOf = ({ cpuMs, summary }: KeyedMeasurement): number => (cpuMs * 1e6) / (records + summary.results)
  const { sliding, tumbling } = pairs[0]! // there is at least one pair
  return [
    {
      row,
      what: `throughput of windows that overlap ${OVERLAP} times against tumbling ones`,
      unit: 'M records/s',
      value: spreadOf(pairs.map((pair) => rateOf(pair.sliding))),
      reference: spreadOf(pairs.map((pair) => rateOf(pair.tumbling))),
      ratio: spreadOf(pairs.map((pair) => rateOf(pair.sliding) / rateOf(pair.tumbling))),
      ...(goal === undefined ? {} : { goal }),
      note: `${records} records, ${sliding.summary.results} results against ${tumbling.summary.results}; ${sliding.checkpoints} checkpoints`,
    },
    {
      row,
      what: 'processor time by record or result',
      unit: 'ns',
      value: spreadOf(pairs.map((pair) => costOf(pair.sliding))),
      reference: spreadOf(pairs.map((pair) => costOf(pair.tumbling))),
      ratio: spreadOf(pairs.map((pair) => costOf(pair.tumbling) / costOf(pair.sliding))),
    },
  ]
}
