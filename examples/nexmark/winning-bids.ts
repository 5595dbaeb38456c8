/**
 * What q9 and q6 have in common: each auction with the best bid that it got while it ran, sent on once, when it has expired.
 *
 * A bid may come in front of its auction, because they come from different subtasks. It waits until event time has passed it: an auction that began
 * before it would be here by then. So nothing is kept for ever, also of bids that come when their auction is over.
 */
import { listState, recordType, valueState, type DataStream, type ValueState } from 'sluice'
import { byPrice } from './bid-order.ts'
import { isAuction, isBid, type Auction, type Bid, type NexmarkEvent } from './model.ts'

export interface SoldAuction {
  readonly auction: Auction
  readonly bid: Bid
}

export function winningBids(events: DataStream<NexmarkEvent>): DataStream<SoldAuction> {
  return events
    .filter(isAuction)
    .connect(events.filter(isBid))
    .keyBy(
      (auction) => auction.id,
      (bid) => bid.auction,
    )
    .process({
      emits: recordType<SoldAuction>(),
      state: { auction: valueState<Auction>('auction'), best: valueState<Bid>('best'), early: listState<Bid>('early') },
      onFirst(auction, ctx) {
        ctx.state.auction.update(auction)
        for (const bid of ctx.state.early.get()) keepBetter(ctx.state.best, bid, auction)
        ctx.state.early.clear()
        ctx.registerEventTimeTimer(auction.expires)
      },
      onSecond(bid, ctx) {
        const auction = ctx.state.auction.value()
        if (auction !== undefined) return keepBetter(ctx.state.best, bid, auction)
        ctx.state.early.add(bid)
        ctx.registerEventTimeTimer(bid.dateTime)
      },
      onTimer(timestampMs, ctx) {
        const { state } = ctx
        const auction = state.auction.value()
        if (auction === undefined) {
          state.early.update(state.early.get().filter(({ dateTime }) => dateTime > timestampMs))
        } else if (timestampMs >= auction.expires) {
          const bid = state.best.value()
          if (bid !== undefined) ctx.emit({ auction, bid })
          state.auction.clear()
          state.best.clear()
        }
      },
    })
    .uid('winning-bids')
}

function keepBetter(best: ValueState<Bid>, bid: Bid, auction: Auction): void {
  if (bid.dateTime < auction.dateTime || bid.dateTime > auction.expires) return
  const known = best.value()
  if (known === undefined || byPrice(bid, known) < 0) best.update(bid)
}
