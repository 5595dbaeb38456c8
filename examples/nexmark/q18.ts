/** Q18, find the last bid: of each bidder on each auction, sent on whenever there is a later one. */
import { recordType, valueState, type DataStream } from 'sluice'
import { byTime } from './bid-order.ts'
import { nexmarkJob } from './job.ts'
import { isBid, type Bid, type NexmarkEvent } from './model.ts'

export function lastBids(events: DataStream<NexmarkEvent>): DataStream<Bid> {
  return events
    .filter(isBid)
    .keyBy((bid) => `${bid.bidder} ${bid.auction}`)
    .process({
      emits: recordType<Bid>(),
      state: { last: valueState<Bid>('last') },
      onRecord(bid, ctx) {
        const last = ctx.state.last.value()
        if (last !== undefined && byTime(last, bid) <= 0) return
        ctx.state.last.update(bid)
        ctx.emit(bid)
      },
    })
    .uid('last-bids')
}

export default nexmarkJob('q18', lastBids)
