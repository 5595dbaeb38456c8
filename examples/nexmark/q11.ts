/** Q11, user sessions: how often each person bids until there is no bid for ten seconds. */
import { count, EventTimeSessionWindows, type DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

export interface Session {
  readonly bidder: number
  readonly start: number
  /** Ten seconds behind the last bid. */
  readonly end: number
  readonly bids: number
}

export function bidderSessions(events: DataStream<NexmarkEvent>): DataStream<Session> {
  return events
    .filter(isBid)
    .map((bid) => bid.bidder)
    .keyBy((bidder) => bidder)
    .window(EventTimeSessionWindows.withGap('10s'))
    .aggregate(count(), (bidder, { start, end }, bids): Session => ({ bidder, start, end, bids }))
    .uid('sessions')
}

export default nexmarkJob('q11', bidderSessions)
