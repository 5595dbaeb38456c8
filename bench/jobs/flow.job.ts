/** Informative rows: records through a plain chain, through keyed state, or from Parquet files. */
import {
  datagenSource,
  defineJob,
  param,
  valueState,
  type DataStream,
  type StreamExecutionEnvironment,
} from '../../packages/sluice/src/index.ts'
import { parquetSource } from '../../packages/sluice/src/files.ts'
import { eventAt } from '../workload/events.ts'
import { measuringSink, type SinkCapture } from '../workload/measuring-sink.ts'
import { preciseWallMs } from '../workload/stopwatch.ts'

export interface FlowReport {
  readonly startMs: number
  readonly records: number
}

const STATE = { count: valueState<number>('count') }
let startMs = 0

export default defineJob(
  'bench-flow',
  {
    params: {
      flow: param.choice(['chain', 'keyed-process', 'parquet']),
      records: param.integer(),
      input: param.path(),
      results: param.path(),
    },
  },
  (env, { flow, records, input, results }) => {
    env.enableCheckpointing('1s')
    const stream: DataStream<unknown> =
      flow === 'chain' ? chained(env, records) : flow === 'keyed-process' ? keyed(env, records) : columns(env, input)
    stream.sinkTo(measuringSink<unknown>(results, openCapture)).uid('results')
  },
)

function chained(env: StreamExecutionEnvironment, count: number): DataStream<unknown> {
  return env
    .fromSource(datagenSource({ generate: (index) => started({ id: index, value: index & 1023 }), count }))
    .uid('records')
    .map((record) => ({ id: record.id, value: record.value * 2 }))
    .filter((record) => record.value >= 0)
}

function keyed(env: StreamExecutionEnvironment, count: number): DataStream<unknown> {
  return env
    .fromSource(datagenSource({ generate: (index) => started(eventAt(index)), count }))
    .uid('records')
    .keyBy((event) => event.key)
    .process<number, typeof STATE>({
      state: STATE,
      onRecord: (_event, context) => {
        const next = (context.state.count.value() ?? 0) + 1
        context.state.count.update(next)
        context.emit(next)
      },
    })
    .uid('counts')
}

function columns(env: StreamExecutionEnvironment, input: string): DataStream<unknown> {
  return env
    .fromSource(parquetSource<{ readonly delay: number }>(input))
    .uid('rows')
    .map((row) => started(row.delay))
}

function started<T>(value: T): T {
  if (startMs === 0) startMs = preciseWallMs()
  return value
}

function openCapture(): SinkCapture<unknown> {
  let records = 0
  return {
    add: () => void records++,
    report: (): FlowReport => ({ startMs, records }),
  }
}
