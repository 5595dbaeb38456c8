/** Q9, winning bids: each auction with the best bid that it got while it ran. */
import type { DataStream } from 'sluice'
import { auctionWithBid, type AuctionWithBid } from './auction-with-bid.ts'
import { nexmarkJob } from './job.ts'
import type { NexmarkEvent } from './model.ts'
import { winningBids } from './winning-bids.ts'

export function auctionsWithWinners(events: DataStream<NexmarkEvent>): DataStream<AuctionWithBid> {
  return winningBids(events).map(({ auction, bid }) => auctionWithBid(auction, bid))
}

export default nexmarkJob('q9', auctionsWithWinners)
