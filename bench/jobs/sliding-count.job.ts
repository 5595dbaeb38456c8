/** Rows sliding-panes: counts by key over windows of any size and slide. */
import {
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
  WatermarkStrategy,
  count,
  datagenSource,
  defineJob,
  param,
} from '../../packages/sluice/src/index.ts'
import { DISORDER_MS, eventAt, type KeyedEvent } from '../workload/events.ts'
import { measuringSink, type SinkCapture } from '../workload/measuring-sink.ts'
import { ResultSumming } from '../workload/results.ts'
import { preciseWallMs, threadCpuMs } from '../workload/stopwatch.ts'
import type { KeyedCountReport } from './keyed-count.job.ts'

interface WindowCount {
  readonly key: string
  readonly windowStart: number
  readonly result: number
}

let startMs = 0
let startCpuMs = 0

export default defineJob(
  'bench-sliding-count',
  {
    params: {
      records: param.integer(),
      keys: param.integer(),
      sizeMs: param.integer(),
      slideMs: param.integer(),
      results: param.path(),
    },
  },
  (env, { records, keys, sizeMs, slideMs, results }) => {
    env.enableCheckpointing('1s')
    env
      .fromSource(
        datagenSource({ generate: (index) => generate(index, keys), count: records }),
        WatermarkStrategy.forBoundedOutOfOrderness<KeyedEvent>(`${DISORDER_MS}ms`).withTimestamp(
          (event) => event.timestampMs,
        ),
      )
      .uid('events')
      .keyBy((event) => event.key)
      .window(
        sizeMs === slideMs
          ? TumblingEventTimeWindows.of(`${sizeMs}ms`)
          : SlidingEventTimeWindows.of(`${sizeMs}ms`, `${slideMs}ms`),
      )
      .aggregate(count())
      .uid('counts')
      .sinkTo(measuringSink<WindowCount>(results, openCapture))
      .uid('results')
  },
)

function generate(index: number, keys: number): KeyedEvent {
  if (startMs === 0) begin()
  return eventAt(index, keys)
}

function begin(): void {
  startMs = preciseWallMs()
  startCpuMs = threadCpuMs()
}

function openCapture(): SinkCapture<WindowCount> {
  const results = new ResultSumming()
  return {
    add: ({ key, windowStart, result }) => results.add(key, windowStart, result),
    report: (): KeyedCountReport => ({ startMs, startCpuMs, summary: results.summary() }),
  }
}
