/**
 * Q4, average price for a category: of the highest bids that auctions got while they ran, sent on with every bid that changes it. Auctions and bids that
 * came before their auction are kept for ever, but of the other bids only the highest price.
 */
import { listState, recordType, valueState, type DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isAuction, isBid, type Auction, type Bid, type NexmarkEvent } from './model.ts'

type RunningAuction = Pick<Auction, 'id' | 'category' | 'dateTime' | 'expires'>
type Offer = Pick<Bid, 'auction' | 'price' | 'dateTime'>

/** How the highest prices of a category change. */
interface Change {
  readonly category: number
  readonly gain: number
  /** 1 with the first bid of an auction, else 0. */
  readonly auctions: number
}

/** A later row of a category takes the place of this one. */
export interface CategoryPrice {
  readonly category: number
  /** Of the highest prices. */
  readonly sum: number
  readonly auctions: number
  readonly average: number
}

export function categoryPrices(events: DataStream<NexmarkEvent>): DataStream<CategoryPrice> {
  return changesOfHighestPrices(events)
    .keyBy(({ category }) => category)
    .process({
      emits: recordType<CategoryPrice>(),
      state: { sum: valueState<number>('sum', 0), auctions: valueState<number>('auctions', 0) },
      onRecord(change, ctx) {
        const sum = ctx.state.sum.value() + change.gain
        const auctions = ctx.state.auctions.value() + change.auctions
        ctx.state.sum.update(sum)
        ctx.state.auctions.update(auctions)
        ctx.emit({ category: ctx.key, sum, auctions, average: sum / auctions })
      },
    })
    .uid('category-prices')
}

function changesOfHighestPrices(events: DataStream<NexmarkEvent>): DataStream<Change> {
  const auctions = events
    .filter(isAuction)
    .map(({ id, category, dateTime, expires }): RunningAuction => ({ id, category, dateTime, expires }))
  const offers = events.filter(isBid).map(({ auction, price, dateTime }): Offer => ({ auction, price, dateTime }))
  return auctions
    .connect(offers)
    .keyBy(
      (auction) => auction.id,
      (offer) => offer.auction,
    )
    .process({
      emits: recordType<Change>(),
      state: {
        auction: valueState<RunningAuction>('auction'),
        highest: valueState<number>('highest', 0),
        early: listState<Offer>('early'),
      },
      onFirst(auction, ctx) {
        ctx.state.auction.update(auction)
        const inTime = ctx.state.early.get().filter((offer) => isInTime(offer, auction))
        ctx.state.early.clear()
        if (inTime.length === 0) return
        const highest = Math.max(...inTime.map(({ price }) => price))
        ctx.state.highest.update(highest)
        ctx.emit({ category: auction.category, gain: highest, auctions: 1 })
      },
      onSecond(offer, ctx) {
        const auction = ctx.state.auction.value()
        if (auction === undefined) return ctx.state.early.add(offer)
        const highest = ctx.state.highest.value()
        if (offer.price <= highest || !isInTime(offer, auction)) return
        ctx.state.highest.update(offer.price)
        ctx.emit({ category: auction.category, gain: offer.price - highest, auctions: highest === 0 ? 1 : 0 })
      },
    })
    .uid('highest-prices')
}

function isInTime({ dateTime }: Offer, auction: RunningAuction): boolean {
  return dateTime >= auction.dateTime && dateTime <= auction.expires
}

export default nexmarkJob('q4', categoryPrices)
