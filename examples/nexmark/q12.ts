/** Q12, processing-time windows: how often each person bids in ten seconds of the clock on the wall. What is left when the input ends is sent on then. */
import { count, TumblingProcessingTimeWindows, type DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

export interface BidsInTenSeconds {
  readonly bidder: number
  readonly bids: number
}

export function bidsByTheClock(events: DataStream<NexmarkEvent>): DataStream<BidsInTenSeconds> {
  return events
    .filter(isBid)
    .map((bid) => bid.bidder)
    .keyBy((bidder) => bidder)
    .window(TumblingProcessingTimeWindows.of('10s'))
    .aggregate(count(), (bidder, _window, bids): BidsInTenSeconds => ({ bidder, bids }))
    .uid('bids-by-the-clock')
}

export default nexmarkJob('q12', bidsByTheClock)
