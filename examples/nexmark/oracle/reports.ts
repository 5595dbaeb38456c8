/** Queries that count: each count by looking through the bids of its group again. */
import type { Bid } from '../model.ts'
import { groups, type Events, type Row } from './rows.ts'

export function q15({ bids }: Events): Row[] {
  return groups(bids, dayOf).map((own) => ({ day: dayOf(own[0]!), ...counts(own) })) // no group is empty
}

export function q16({ bids }: Events): Row[] {
  return groups(bids, (bid) => `${bid.channel}/${dayOf(bid)}`).map((own) => {
    const { channel } = own[0]! // no group is empty
    const minutes = own.map(({ dateTime }) => new Date(dateTime).toISOString().slice(11, 16)).sort()
    return { channel, day: dayOf(own[0]!), minute: minutes.at(-1) ?? '', ...counts(own) } // as above
  })
}

export function q17({ bids }: Events): Row[] {
  return groups(bids, (bid) => `${bid.auction}/${dayOf(bid)}`).map((own) => {
    const prices = own.map(({ price }) => price)
    const sumPrice = prices.reduce((total, price) => total + price, 0)
    return {
      auction: own[0]!.auction, // no group is empty
      day: dayOf(own[0]!), // as above
      totalBids: own.length,
      rank1Bids: ofRank(own, 1).length,
      rank2Bids: ofRank(own, 2).length,
      rank3Bids: ofRank(own, 3).length,
      minPrice: Math.min(...prices),
      maxPrice: Math.max(...prices),
      avgPrice: sumPrice / own.length,
      sumPrice,
    }
  })
}

function counts(bids: readonly Bid[]): Row {
  const row: Record<string, number> = {}
  for (const name of ['total', 'rank1', 'rank2', 'rank3'] as const) {
    const own = name === 'total' ? bids : ofRank(bids, Number(name.slice(-1)))
    row[`${name}Bids`] = own.length
    row[`${name}Bidders`] = new Set(own.map(({ bidder }) => bidder)).size
    row[`${name}Auctions`] = new Set(own.map(({ auction }) => auction)).size
  }
  return row
}

function ofRank(bids: readonly Bid[], rank: number): Bid[] {
  return bids.filter(({ price }) => (price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3) === rank)
}

function dayOf({ dateTime }: Bid): string {
  return new Date(dateTime).toISOString().slice(0, 10)
}
