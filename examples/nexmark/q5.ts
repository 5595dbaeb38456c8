/** Q5, hot items: every two seconds, the auctions with the most bids of the last ten. */
import { count, SlidingEventTimeWindows, TumblingEventTimeWindows, type DataStream } from 'sluice'
import { greatest } from './greatest.ts'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

export interface HotAuction {
  readonly windowEnd: number
  readonly auction: number
  readonly bids: number
}

export function hottestAuctions(events: DataStream<NexmarkEvent>): DataStream<HotAuction> {
  const counts = events
    .filter(isBid)
    .map((bid) => bid.auction)
    .keyBy((auction) => auction)
    .window(SlidingEventTimeWindows.of('10s', '2s'))
    .aggregate(count(), (auction, { end }, bids): HotAuction => ({ windowEnd: end, auction, bids }))
    .uid('bids-by-auction')
  return (
    counts
      .keyBy(({ windowEnd }) => windowEnd)
      // What leaves a window has its last millisecond as timestamp: this brings together what left windows of one end.
      .window(TumblingEventTimeWindows.of('2s'))
      .aggregate(
        greatest(({ bids }) => bids),
        (_windowEnd, _window, hottest) => hottest,
      )
      .uid('hottest')
      .flatMap<HotAuction>((hottest, out) => hottest.forEach((auction) => out(auction)))
  )
}

export default nexmarkJob('q5', hottestAuctions)
