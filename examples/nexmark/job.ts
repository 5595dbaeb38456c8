/** What all queries have in common: their parameters, where events come from and where rows go. */
import {
  defineJob,
  param,
  WatermarkStrategy,
  type DataStream,
  type JobDefinition,
  type StreamExecutionEnvironment,
} from 'sluice'
import { jsonLinesSink } from 'sluice/files'
import type { NexmarkEvent } from './model.ts'
import { nexmarkSource, type NexmarkOptions } from './source.ts'

/** What a query makes of the events. */
export type Query<Row> = (events: DataStream<NexmarkEvent>, env: StreamExecutionEnvironment) => DataStream<Row>

export const params = {
  /** How many events there are. */
  events: param.integer(100_000),
  /** Events per second of event time. */
  rate: param.integer(10_000),
  /** A folder for the rows as JSON lines, exactly once; without it they are printed. */
  output: param.path().optional(),
}

/** No event is out of order. The queries are defined with watermarks four seconds behind all the same: that is how long state waits. */
export const WATERMARKS = WatermarkStrategy.forBoundedOutOfOrderness<NexmarkEvent>('4s')

export function nexmarkEvents(env: StreamExecutionEnvironment, options: NexmarkOptions): DataStream<NexmarkEvent> {
  const source = nexmarkSource({ events: options.events, rate: options.rate })
  return env.fromSource(source, WATERMARKS).name('events').uid('events')
}

export function nexmarkJob<Row>(name: string, query: Query<Row>): JobDefinition {
  return defineJob(`nexmark-${name}`, { params }, (env, { output, ...options }) => {
    env.enableCheckpointing('1s')
    const rows = query(nexmarkEvents(env, options), env)
    const sink = output === undefined ? rows.print() : rows.sinkTo(jsonLinesSink(output, { onExisting: 'replace' }))
    sink.name('rows').uid('rows')
  })
}
