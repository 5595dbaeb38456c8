/**
 * Departures and delays per origin airport and hour, over three million real flights.
 *
 * Event time is the actual departure, so records come out of order by up to 47 hours: a flight that left two days late stands
 * beside those scheduled with it. With `lateness` at its default nothing is late, and the output equals a batch computation exactly.
 *
 *   npm start
 *   npm run sluice -- run examples/flight-delays.ts --parallelism 2 --param output=./out/flights --param lateness=2h
 */
import {
  defineJob,
  outputTag,
  param,
  TumblingEventTimeWindows,
  WatermarkStrategy,
  type AggregateFunction,
} from 'sluice'
import { jsonLinesSink, parquetSource } from 'sluice/files'

interface Flight {
  /** Scheduled departure, milliseconds since 1970 (UTC). */
  readonly date: number
  /** Minutes; negative when early. */
  readonly delay: number
  readonly origin: string
}

interface Delays {
  departures: number
  delaySum: number
  delayMax: number
}

const MINUTE_MS = 60_000
const FLIGHTS = 'node_modules/vega-datasets/data/flights-3m.parquet'

const delays: AggregateFunction<Flight, Delays, Readonly<Delays>> = {
  createAccumulator: () => ({ departures: 0, delaySum: 0, delayMax: Number.NEGATIVE_INFINITY }),
  add(flight, total) {
    total.departures += 1
    total.delaySum += flight.delay
    if (flight.delay > total.delayMax) total.delayMax = flight.delay
    return total
  },
  getResult: (total) => ({ ...total }),
}

const lateFlights = outputTag<Flight>('late')

const params = {
  input: param.path(FLIGHTS),
  output: param.path('out/flight-delays'),
  lateness: param.duration('48h'),
  rate: param.number().optional(),
}

/** A run from the beginning replaces what an earlier run left in the output folder; a resumed run goes on with it. */
const START_OVER = { onExisting: 'replace' } as const

export default defineJob('flight-delays', { params }, (env, { input, output, lateness, rate }) => {
  env.enableCheckpointing('1s', { mode: 'exactly-once' })
  const departures = WatermarkStrategy.forBoundedOutOfOrderness<Flight>(lateness).withTimestamp(
    (flight) => flight.date + flight.delay * MINUTE_MS,
  )
  const source = parquetSource<Flight>(input, { columns: ['date', 'delay', 'origin'] })

  const hourly = env
    .fromSource(source, departures, { name: 'flights', ...(rate === undefined ? {} : { rateLimit: rate }) })
    .uid('flights')
    .keyBy((flight) => flight.origin)
    .window(TumblingEventTimeWindows.of('1h'))
    .sideOutputLateData(lateFlights)
    .aggregate(delays, (origin, window, total) => ({
      origin,
      windowStart: new Date(window.start).toISOString(),
      windowEnd: new Date(window.end).toISOString(),
      departures: total.departures,
      delaySum: total.delaySum,
      delayMax: total.delayMax,
    }))
    .name('delay by origin and hour')
    .uid('delay-by-origin')

  hourly.sinkTo(jsonLinesSink(output, START_OVER)).uid('delays-out')
  hourly
    .getSideOutput(lateFlights)
    .sinkTo(jsonLinesSink(`${output}/late`, START_OVER))
    .uid('late-out')
})
