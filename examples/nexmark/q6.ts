/**
 * Q6, average selling price by seller: of the last ten auctions of a seller that got a bid, in the order in which they expired. Sold auctions come from
 * several subtasks; each waits until event time has reached its end, so that the order is always the same.
 */
import { listState, recordType, type DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import type { NexmarkEvent } from './model.ts'
import { winningBids } from './winning-bids.ts'

const LAST_AUCTIONS = 10

interface Sale {
  readonly seller: number
  readonly auction: number
  readonly expires: number
  readonly price: number
}

export interface SellerPrice {
  readonly seller: number
  /** The last of the auctions. */
  readonly auction: number
  readonly average: number
}

export function sellerPrices(events: DataStream<NexmarkEvent>): DataStream<SellerPrice> {
  return winningBids(events)
    .map(({ auction: { id, seller, expires }, bid }): Sale => ({ seller, auction: id, expires, price: bid.price }))
    .keyBy(({ seller }) => seller)
    .process({
      emits: recordType<SellerPrice>(),
      state: { waiting: listState<Sale>('waiting'), prices: listState<number>('prices') },
      onRecord(sale, ctx) {
        ctx.state.waiting.add(sale)
        ctx.registerEventTimeTimer(sale.expires)
      },
      onTimer(timestampMs, ctx) {
        const { waiting, prices } = ctx.state
        const due = waiting.get().filter(({ expires }) => expires <= timestampMs)
        waiting.update(waiting.get().filter(({ expires }) => expires > timestampMs))
        for (const { auction, price } of due.sort((a, b) => a.auction - b.auction)) {
          const last = [...prices.get(), price].slice(-LAST_AUCTIONS)
          prices.update(last)
          ctx.emit({ seller: ctx.key, auction, average: averageOf(last) })
        }
      },
    })
    .uid('seller-prices')
}

function averageOf(prices: readonly number[]): number {
  return prices.reduce((sum, price) => sum + price, 0) / prices.length
}

export default nexmarkJob('q6', sellerPrices)
