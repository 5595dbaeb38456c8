/** Rows keyed-window-1 and keyed-window-2: counts by key and minute. */
import {
  TumblingEventTimeWindows,
  WatermarkStrategy,
  count,
  datagenSource,
  defineJob,
  param,
} from '../../packages/sluice/src/index.ts'
import { DISORDER_MS, WINDOW_MS, eventAt, type KeyedEvent } from '../workload/events.ts'
import { measuringSink, type SinkCapture } from '../workload/measuring-sink.ts'
import { ResultSumming, type ResultSummary } from '../workload/results.ts'
import { preciseWallMs, threadCpuMs } from '../workload/stopwatch.ts'

export interface KeyedCountReport {
  /** When this thread generated its first record. */
  readonly startMs: number
  /** Processor time of the thread by then. */
  readonly startCpuMs: number
  readonly summary: ResultSummary
}

interface KeyedCount {
  readonly key: string
  readonly windowStart: number
  readonly result: number
}

let startMs = 0
let startCpuMs = 0

function generate(index: number): KeyedEvent {
  if (startMs === 0) begin()
  return eventAt(index)
}

function begin(): void {
  startMs = preciseWallMs()
  startCpuMs = threadCpuMs()
}

export default defineJob(
  'bench-keyed-count',
  { params: { records: param.integer(), results: param.path() } },
  (env, { records, results }) => {
    env.enableCheckpointing('1s')
    env
      .fromSource(
        datagenSource({ generate, count: records }),
        WatermarkStrategy.forBoundedOutOfOrderness<KeyedEvent>(`${DISORDER_MS}ms`).withTimestamp(
          (event) => event.timestampMs,
        ),
      )
      .uid('events')
      .keyBy((event) => event.key)
      .window(TumblingEventTimeWindows.of(`${WINDOW_MS}ms`))
      .aggregate(count())
      .uid('counts')
      .sinkTo(measuringSink<KeyedCount>(results, openCapture))
      .uid('results')
  },
)

function openCapture(): SinkCapture<KeyedCount> {
  const results = new ResultSumming()
  return {
    add: ({ key, windowStart, result }) => results.add(key, windowStart, result),
    report: (): KeyedCountReport => ({ startMs, startCpuMs, summary: results.summary() }),
  }
}
