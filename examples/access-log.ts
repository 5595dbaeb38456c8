/**
 * Requests, bytes and distinct clients per minute and status class, from web server logs in the combined (or common) format.
 *
 * Lines that are no log lines go to `output`/dead-letter, records that come too late to `output`/late; both are counted, none is fatal.
 * No line is late because of the order in which files are read: they may cover the same hours, or be rotated (access.log, access.log.1).
 *
 *   npm run sluice -- run examples/access-log.ts --param input=/var/log/nginx --param output=./out/access-log
 */
import {
  defineJob,
  outputTag,
  param,
  TumblingEventTimeWindows,
  WatermarkStrategy,
  type AggregateFunction,
} from 'sluice'
import { DEAD_LETTER, jsonLinesSink, lineSource, type DeadLetter } from 'sluice/files'
import { parseAccessLogLine, type Request } from './access-log/parse.ts'

interface Traffic {
  requests: number
  bytes: number
  clients: Set<string>
}

const traffic: AggregateFunction<Request, Traffic, { requests: number; bytes: number; clients: number }> = {
  createAccumulator: () => ({ requests: 0, bytes: 0, clients: new Set() }),
  add(request, total) {
    total.requests += 1
    total.bytes += request.bytes
    total.clients.add(request.client)
    return total
  },
  getResult: ({ requests, bytes, clients }) => ({ requests, bytes, clients: clients.size }),
}

const badLines = outputTag<DeadLetter>(DEAD_LETTER)
const lateRequests = outputTag<Request>('late')

const params = {
  input: param.path(),
  output: param.path('out/access-log'),
  lateness: param.duration('1m'),
}

/** A run from the beginning replaces what an earlier run left in the output folder; a resumed run goes on with it. */
const START_OVER = { onExisting: 'replace' } as const

export default defineJob('access-log', { params }, (env, { input, output, lateness }) => {
  env.enableCheckpointing('1s')
  const source = lineSource<Request>('access-log', input, { onError: 'dead-letter' }, parseAccessLogLine)
  const inTime = WatermarkStrategy.forBoundedOutOfOrderness<Request>(lateness).withTimestamp(
    (request) => request.timeMs,
  )
  const requests = env.fromSource(source, inTime, { name: 'requests' }).uid('requests')

  const byMinute = requests
    .keyBy((request) => request.statusClass)
    .window(TumblingEventTimeWindows.of('1m'))
    .sideOutputLateData(lateRequests)
    .aggregate(traffic, (statusClass, window, total) => ({
      minute: new Date(window.start).toISOString(),
      statusClass,
      ...total,
    }))
    .name('traffic by minute')
    .uid('traffic-by-minute')

  byMinute.sinkTo(jsonLinesSink(output, START_OVER)).uid('traffic-out')
  byMinute
    .getSideOutput(lateRequests)
    .sinkTo(jsonLinesSink(`${output}/late`, START_OVER))
    .uid('late-out')
  requests
    .getSideOutput(badLines)
    .sinkTo(jsonLinesSink(`${output}/dead-letter`, START_OVER))
    .uid('dead-letter-out')
})
