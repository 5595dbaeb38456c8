/** Q20, expand bid with auction: every bid on an auction of category 10 with the columns of both, however late one of them comes. */
import { listState, recordType, valueState, type DataStream } from 'sluice'
import { auctionWithBid, type AuctionWithBid } from './auction-with-bid.ts'
import { nexmarkJob } from './job.ts'
import { isAuction, isBid, type Auction, type Bid, type NexmarkEvent } from './model.ts'

const CATEGORY = 10

export function bidsWithAuctions(events: DataStream<NexmarkEvent>): DataStream<AuctionWithBid> {
  return events
    .filter(isAuction)
    .connect(events.filter(isBid))
    .keyBy(
      (auction) => auction.id,
      (bid) => bid.auction,
    )
    .process({
      emits: recordType<AuctionWithBid>(),
      // null: an auction of another category, on which no bid has to wait
      state: { auction: valueState<Auction | null>('auction'), waiting: listState<Bid>('waiting') },
      onFirst(auction, ctx) {
        const isWanted = auction.category === CATEGORY
        ctx.state.auction.update(isWanted ? auction : null)
        if (isWanted) for (const bid of ctx.state.waiting.get()) ctx.emit(auctionWithBid(auction, bid))
        ctx.state.waiting.clear()
      },
      onSecond(bid, ctx) {
        const auction = ctx.state.auction.value()
        if (auction === undefined) ctx.state.waiting.add(bid)
        else if (auction !== null) ctx.emit(auctionWithBid(auction, bid))
      },
    })
    .uid('bids-with-auctions')
}

export default nexmarkJob('q20', bidsWithAuctions)
