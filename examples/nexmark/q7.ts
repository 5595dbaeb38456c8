/** Q7, highest bid: of every ten seconds, the bids with the highest price. */
import { TumblingEventTimeWindows, type DataStream } from 'sluice'
import { greatest } from './greatest.ts'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

interface Offer {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
}

export interface HighestBid extends Offer {
  readonly windowEnd: number
}

export function highestBids(events: DataStream<NexmarkEvent>): DataStream<HighestBid> {
  const byAuction = events
    .filter(isBid)
    .map(({ auction, bidder, price, dateTime }): Offer => ({ auction, bidder, price, dateTime }))
    .keyBy(({ auction }) => auction)
    .window(TumblingEventTimeWindows.of('10s'))
    .aggregate(
      greatest(({ price }) => price),
      (_auction, { end }, offers) => offers.map((offer): HighestBid => ({ windowEnd: end, ...offer })),
    )
    .uid('highest-by-auction')
  return byAuction
    .flatMap<HighestBid>((bids, out) => bids.forEach((bid) => out(bid)))
    .keyBy(({ windowEnd }) => windowEnd)
    .window(TumblingEventTimeWindows.of('10s'))
    .aggregate(
      greatest(({ price }) => price),
      (_windowEnd, _window, bids) => bids,
    )
    .uid('highest')
    .flatMap<HighestBid>((bids, out) => bids.forEach((bid) => out(bid)))
}

export default nexmarkJob('q7', highestBids)
