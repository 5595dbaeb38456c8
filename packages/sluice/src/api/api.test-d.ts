/** What the API infers, and what it must not accept. Compiled, never run. */
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import { param } from '../config/param.ts'
import { outputTag } from '../operators/output-tag.ts'
import { TumblingEventTimeWindows } from '../operators/window-assigners.ts'
import { listState, mapState, valueState } from '../state/descriptors.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { average, count } from './aggregates.ts'
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts'
import { defineJob } from './define-job.ts'
import type { KeyedStream } from './keyed-stream.ts'
import { recordType } from './record-type.ts'
import { RestartStrategies } from './restart-strategies.ts'
import type { WindowResult } from './windowed-stream.ts'

interface Flight {
  readonly origin: string
  readonly delay: number
  readonly departureMs: number
  readonly gate?: string
}

interface Cancelled extends Flight {
  readonly reason: string
}

declare const flights: Source<Flight>
declare const texts: Sink<string>
declare function isCancelled(flight: Flight): flight is Cancelled
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

// @ts-expect-error the check itself refuses a wrong type
same<number>()('text')

defineJob('inference', (env) => {
  const stream = env.fromSource(
    flights,
    WatermarkStrategy.forBoundedOutOfOrderness<Flight>('2h').withTimestamp((flight) => flight.departureMs),
    { name: 'flights', uid: 'flights', rateLimit: 1000 },
  )
  same<SingleOutputStreamOperator<Flight>>()(stream)
  same<SingleOutputStreamOperator<number>>()(stream.map((flight) => flight.delay))
  same<SingleOutputStreamOperator<Cancelled>>()(stream.filter(isCancelled))
  same<SingleOutputStreamOperator<Flight>>()(stream.filter((flight) => flight.delay > 0))
  same<SingleOutputStreamOperator<string>>()(stream.flatMap<string>((flight, out) => out(flight.origin)))
  same<SingleOutputStreamOperator<number>>()(env.fromElements(1, 2, 3))
  same<KeyedStream<Flight, string>>()(stream.keyBy((flight) => flight.origin))
  same<DataStream<string | number>>()(env.fromElements('a').union(env.fromElements(1)))

  const windows = stream.keyBy((flight) => flight.origin).window(TumblingEventTimeWindows.of('1h'))
  same<SingleOutputStreamOperator<WindowResult<string, number>>>()(windows.aggregate(average((flight) => flight.delay)))
  same<SingleOutputStreamOperator<WindowResult<string, number>>>()(windows.aggregate(count()))
  same<SingleOutputStreamOperator<{ origin: string; start: number; delay: number }>>()(
    windows.aggregate(
      average((flight) => flight.delay),
      (origin, window, delay) => ({ origin, start: window.start, delay }),
    ),
  )
  same<SingleOutputStreamOperator<WindowResult<string, Flight>>>()(windows.reduce((first) => first))

  const late = outputTag<Flight>('late')
  same<DataStream<Flight>>()(windows.sideOutputLateData(late).aggregate(count()).uid('x').getSideOutput(late))
})

defineJob('process', (env) => {
  const late = outputTag<string>('late')
  const alerts = env
    .fromSource(flights)
    .keyBy((flight) => flight.origin)
    .process({
      emits: recordType<{ origin: string; count: number }>(),
      state: {
        count: valueState<number>('count', 0),
        last: valueState<string>('last'),
        seen: mapState<string, number>('seen'),
        recent: listState<Flight>('recent'),
      },
      onRecord(flight, ctx) {
        same<string>()(ctx.key)
        same<number>()(ctx.state.count.value())
        same<string | undefined>()(ctx.state.last.value())
        same<number | undefined>()(ctx.state.seen.get('x'))
        same<readonly Flight[]>()(ctx.state.recent.get())
        ctx.state.count.update(ctx.state.count.value() + 1)
        ctx.emit({ origin: flight.origin, count: 1 })
        ctx.sideOutput(late, 'text')
        // @ts-expect-error a count is a number
        ctx.state.count.update('1')
        // @ts-expect-error no such state
        ctx.state.counts.clear()
        // @ts-expect-error the side output takes texts
        ctx.sideOutput(late, 1)
        // @ts-expect-error the output was declared
        ctx.emit('text')
      },
      onTimer(timestampMs, ctx) {
        same<number>()(timestampMs)
        ctx.state.count.clear()
      },
    })
  same<SingleOutputStreamOperator<{ origin: string; count: number }>>()(alerts)
})

defineJob('refusals', (env) => {
  const stream = env.fromSource(flights)
  // @ts-expect-error an object is no key
  stream.keyBy((flight) => flight)
  // @ts-expect-error the gate may be missing, and undefined is no key
  stream.keyBy((flight) => flight.gate)
  // @ts-expect-error a sink of texts does not take flights
  stream.sinkTo(texts)
  // @ts-expect-error windows need a key
  stream.window(TumblingEventTimeWindows.of('1h'))
  // @ts-expect-error union and rebalance have no operator that could have an id
  stream.rebalance().uid('x')
  // @ts-expect-error durations have units
  env.enableCheckpointing(1000)
  // @ts-expect-error there are two modes
  env.enableCheckpointing('1s', { mode: 'exactly_once' })
  // @ts-expect-error no such option
  env.set('checkpoint.intervall', '1s')
  // @ts-expect-error `max` belongs to exponential-delay
  env.setRestartStrategy({ strategy: 'fixed-delay', max: '1s' })
  env.setRestartStrategy(RestartStrategies.fixedDelay(2, '1s')).setParallelism(4)
  // @ts-expect-error the strategy is for other records
  env.fromSource(flights, WatermarkStrategy.forMonotonousTimestamps<{ other: string }>())
  const windows = stream.keyBy((flight) => flight.origin).window(TumblingEventTimeWindows.of('1h'))
  // @ts-expect-error average takes a number of the record
  windows.aggregate(average((flight) => flight.origin))
  const anything: DataStream<unknown> = stream
  // @ts-expect-error not every record is a flight
  const back: DataStream<Flight> = anything
  back.print()
})

defineJob(
  'params',
  {
    params: {
      input: param.path('flights'),
      lateness: param.duration('48h'),
      rate: param.number().optional(),
      mode: param.choice(['fast', 'safe'], 'safe'),
    },
  },
  (env, params) => {
    same<string>()(params.input)
    same<string>()(params.lateness)
    same<number | undefined>()(params.rate)
    same<'fast' | 'safe'>()(params.mode)
    // @ts-expect-error not declared
    env.fromElements(params.output)
  },
)

// @ts-expect-error the default is one of the choices
param.choice(['fast', 'safe'], 'slow')
