/** Q19, top ten: of each auction the ten highest bids, sent on with their ranks whenever one of them changes. */
import { recordType, valueState, type DataStream } from 'sluice'
import { byPrice } from './bid-order.ts'
import { nexmarkJob } from './job.ts'
import { isBid, type Bid, type NexmarkEvent } from './model.ts'

const RANKS = 10

export interface RankedBid extends Bid {
  /** From 1. A later row of the same auction and rank takes the place of this one. */
  readonly rank: number
}

export function topTenBids(events: DataStream<NexmarkEvent>): DataStream<RankedBid> {
  return events
    .filter(isBid)
    .keyBy((bid) => bid.auction)
    .process({
      emits: recordType<RankedBid>(),
      state: { top: valueState<readonly Bid[]>('top', []) },
      onRecord(bid, ctx) {
        const top = ctx.state.top.value()
        const above = top.filter((other) => byPrice(other, bid) <= 0)
        if (above.length === RANKS) return
        const changed = [bid, ...top.slice(above.length)].slice(0, RANKS - above.length)
        ctx.state.top.update([...above, ...changed])
        changed.forEach((ranked, index) => ctx.emit({ ...ranked, rank: above.length + index + 1 }))
      },
    })
    .uid('top-ten')
}

export default nexmarkJob('q19', topTenBids)
