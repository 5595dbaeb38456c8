/** A whole job as a user writes it. Compiled, never run. */
import { jsonLinesSink } from '../connector/file-sink.ts'
import { parquetSource } from '../connector/parquet-source.ts'
import { DEAD_LETTER } from '../connector/error-policy.ts'
import { jsonLinesSource, textSource, type DeadLetter } from '../connector/text-source.ts'
import {
  TumblingEventTimeWindows,
  WatermarkStrategy,
  average,
  datagenSource,
  defineJob,
  functionSink,
  outputTag,
  param,
} from '../index.ts'

interface Flight {
  readonly origin: string
  readonly delay: number
  readonly actualDeparture: number
}

export const flightDelays = defineJob(
  'flight-delays',
  { params: { input: param.path('flights'), output: param.path(), lateness: param.duration('2h') } },
  (env, params) => {
    env.enableCheckpointing('1s', { mode: 'exactly-once' })
    env
      .fromSource(
        parquetSource<Flight>(params.input),
        WatermarkStrategy.forBoundedOutOfOrderness<Flight>(params.lateness).withTimestamp((f) => f.actualDeparture),
      )
      .keyBy((f) => f.origin)
      .window(TumblingEventTimeWindows.of('1h'))
      .aggregate(average((f) => f.delay))
      .uid('delay-by-origin')
      .sinkTo(jsonLinesSink(params.output))
      .uid('delays-out')
  },
)

export const connectors = defineJob('connectors', (env) => {
  const parsed = env.fromSource(jsonLinesSource<Flight>('in', { onError: 'dead-letter' }))
  parsed.sinkTo(jsonLinesSink<Flight>('out'))
  parsed.getSideOutput(outputTag<DeadLetter>(DEAD_LETTER)).print('broken')
  env.fromSource(textSource('words')).print()
  env
    .fromSource(datagenSource({ generate: (index) => ({ index }), count: 10 }))
    .sinkTo(functionSink(({ index }) => index))
  // @ts-expect-error a sink of numbers does not take texts
  env.fromElements('a').sinkTo(jsonLinesSink<number>('out'))
})
