/** Rows nexmark-q…: one query, its rows counted and summed up. */
import { defineJob, param, RestartStrategies, type Source } from '../../packages/sluice/src/index.ts'
import { WATERMARKS } from '../../examples/nexmark/job.ts'
import { nexmarkSource } from '../../examples/nexmark/source.ts'
import { measuringSink, type SinkCapture } from '../workload/measuring-sink.ts'
import { MEASURED, type AddRow, type RowTotals } from '../workload/nexmark-rows.ts'
import { preciseWallMs, processCpuMs } from '../workload/stopwatch.ts'

export interface NexmarkReport extends RowTotals {
  /** When the source of this thread opened; 0 where it has none. */
  readonly startMs: number
  /** Processor time of the whole process by then. */
  readonly startCpuMs: number
  readonly endMs: number
  readonly endCpuMs: number
}

const RATE = 10_000
const QUERIES = Object.keys(MEASURED) as (keyof typeof MEASURED)[] // its own keys

let startMs = 0
let startCpuMs = 0

export default defineJob(
  'bench-nexmark',
  { params: { query: param.choice(QUERIES), events: param.integer(), results: param.path() } },
  (env, { query, events, results }) => {
    env.enableCheckpointing('1s')
    // With a restart in it a figure would say nothing.
    env.setRestartStrategy(RestartStrategies.none())
    const measured = MEASURED[query]
    const source = timed(nexmarkSource({ events, rate: RATE }))
    measured
      .build(env.fromSource(source, WATERMARKS).uid('events'))
      .sinkTo(measuringSink<unknown>(results, () => openCapture(measured.opened())))
      .uid('rows')
  },
)

/** Says when the source opens. */
function timed<T extends Pick<Source<unknown>, 'createReader'>>(source: T): T {
  const createReader: T['createReader'] = (context) => {
    startMs ||= preciseWallMs()
    startCpuMs ||= processCpuMs()
    return source.createReader(context)
  }
  return { ...source, createReader }
}

function openCapture(add: AddRow<unknown>): SinkCapture<unknown> {
  const totals: RowTotals = { outputs: 0, sum: 0 }
  return {
    add: (row) => add(row, totals),
    report: (): NexmarkReport => ({
      startMs,
      startCpuMs,
      endMs: preciseWallMs(),
      endCpuMs: processCpuMs(),
      ...totals,
    }),
  }
}
