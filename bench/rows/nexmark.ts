/** Queries over the events of an auction house, against the figures that Nexmark's guide has for Flink. */
import { measure } from '../measure.ts'
import type { BenchRow, Figure, Scale } from '../row.ts'
import { spreadOf } from '../statistics.ts'
import type { NexmarkMeasurement } from '../variants/nexmark.ts'
import type { MEASURED } from '../workload/nexmark-rows.ts'

interface QueryFacts {
  /** Thousands of events per second and core. */
  readonly published: number
  /** Events that take eight to ten seconds in one thread. */
  readonly millions: number
}

const QUERIES: Readonly<Record<keyof typeof MEASURED, QueryFacts>> = {
  q0: { published: 379, millions: 16 },
  q1: { published: 395, millions: 18 },
  q2: { published: 414, millions: 20 },
  q3: { published: 219, millions: 16 },
  q4: { published: 28, millions: 8 },
  q5: { published: 75, millions: 8 },
  q7: { published: 23, millions: 10 },
  q8: { published: 162, millions: 16 },
  q11: { published: 46, millions: 12 },
  q12: { published: 194, millions: 14 },
}

const QUICK_EVENTS = 500_000
const PARALLELISMS = [1, 2]
/** Times the published figure. */
const GOAL = { kind: 'at-least', limit: 1.5 } as const

export const nexmarkRows: readonly BenchRow[] = Object.entries(QUERIES).map(([query, facts]) => ({
  name: `nexmark-${query}`,
  run: (scale) => figuresOf(query, facts, scale),
}))

async function figuresOf(query: string, { published, millions }: QueryFacts, scale: Scale): Promise<readonly Figure[]> {
  const events = scale === 'quick' ? QUICK_EVENTS : millions * 1_000_000
  const figures: Figure[] = []
  const sums = new Set<number>()
  for (const parallelism of PARALLELISMS) {
    const measured = await measure('nexmark', { query, events, parallelism })
    sums.add(measured.sum)
    const perCore = events / measured.cpuMs
    figures.push({
      row: `nexmark-${query}`,
      what: `parallelism ${parallelism}, against Flink's published figure`,
      unit: 'k events/s per core',
      value: spreadOf([perCore]),
      reference: spreadOf([published]),
      ratio: spreadOf([perCore / published]),
      goal: GOAL,
      note: noteOf(measured, events),
    })
  }
  if (sums.size > 1) throw new Error(`different sums: ${[...sums].join(', ')}`)
  return figures
}

function noteOf({ processingMs, cpuMs, outputs, sum, checkpoints }: NexmarkMeasurement, events: number): string {
  const rate = Math.round(events / processingMs)
  return `${events} events, ${rate} k events/s on ${(cpuMs / processingMs).toFixed(2)} cores, checkpoints: ${checkpoints}; outputs ${outputs}, sum ${sum}`
}
