/** Queries that bring persons, auctions and bids together: each by looking through all of the others. */
import type { Auction, Bid } from '../model.ts'
import { groups, type Events, type Row } from './rows.ts'

export function q3({ persons, auctions }: Events): Row[] {
  const rows: Row[] = []
  for (const { id, category, seller } of auctions) {
    if (category !== 10) continue
    for (const { id: person, name, city, state } of persons)
      if (person === seller && ['OR', 'ID', 'CA'].includes(state)) rows.push({ name, city, state, auction: id })
  }
  return rows
}

export function q4(events: Events): Row[] {
  const sold = winners(events)
  return groups(sold, ({ auction }) => auction.category).map((group) => {
    const sum = group.reduce((total, { bid }) => total + bid.price, 0)
    const { category } = group[0]!.auction // no group is empty
    return { category, sum, auctions: group.length, average: sum / group.length }
  })
}

export function q6(events: Events): Row[] {
  const rows: Row[] = []
  const sold = winners(events).sort((a, b) => a.auction.expires - b.auction.expires || a.auction.id - b.auction.id)
  for (const own of groups(sold, ({ auction }) => auction.seller)) {
    own.forEach(({ auction }, index) => {
      const lastTen = own.slice(Math.max(0, index - 9), index + 1)
      const average = lastTen.reduce((total, { bid }) => total + bid.price, 0) / lastTen.length
      rows.push({ seller: auction.seller, auction: auction.id, average })
    })
  }
  return rows
}

export function q9(events: Events): Row[] {
  return winners(events).map(({ auction, bid }) => joined(auction, bid))
}

export function q18({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const own of groups(bids, ({ bidder, auction }) => `${bidder}/${auction}`)) {
    let last = own[0]! // no group is empty
    for (const bid of own) {
      if (bid.dateTime > last.dateTime) last = bid
      else if (bid.dateTime === last.dateTime && isHigher(bid, last)) last = bid
    }
    rows.push({ ...last })
  }
  return rows
}

export function q19({ bids }: Events): Row[] {
  return groups(bids, ({ auction }) => auction).flatMap((own) => {
    const left = new Set(own)
    const rows: Row[] = []
    for (let rank = 1; rank <= 10 && left.size > 0; rank++) {
      const best = highest([...left])
      left.delete(best)
      rows.push({ ...best, rank })
    }
    return rows
  })
}

export function q20({ auctions, bids }: Events): Row[] {
  const byId = new Map(auctions.map((auction) => [auction.id, auction]))
  const rows: Row[] = []
  for (const bid of bids) {
    const auction = byId.get(bid.auction)
    if (auction?.category === 10) rows.push(joined(auction, bid))
  }
  return rows
}

/** Of each auction that has any: the best of the bids that came while it ran. */
function winners({ auctions, bids }: Events): { readonly auction: Auction; readonly bid: Bid }[] {
  const bidsOf = new Map(groups(bids, ({ auction }) => auction).map((own) => [own[0]?.auction, own]))
  return auctions.flatMap((auction) => {
    const inTime = (bidsOf.get(auction.id) ?? []).filter(
      ({ dateTime }) => dateTime >= auction.dateTime && dateTime <= auction.expires,
    )
    return inTime.length === 0 ? [] : [{ auction, bid: highest(inTime) }]
  })
}

function highest(bids: readonly Bid[]): Bid {
  let best = bids[0]! // asked for with at least one bid
  for (const bid of bids) if (isHigher(bid, best)) best = bid
  return best
}

/** By price, then the earlier one, then by `extra`: of several bids in one millisecond the definition says nothing. */
function isHigher(bid: Bid, other: Bid): boolean {
  if (bid.price !== other.price) return bid.price > other.price
  if (bid.dateTime !== other.dateTime) return bid.dateTime < other.dateTime
  return bid.extra < other.extra
}

function joined(auction: Auction, bid: Bid): Row {
  return {
    auction: auction.id,
    itemName: auction.itemName,
    description: auction.description,
    initialBid: auction.initialBid,
    reserve: auction.reserve,
    auctionTime: auction.dateTime,
    expires: auction.expires,
    seller: auction.seller,
    category: auction.category,
    auctionExtra: auction.extra,
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    bidTime: bid.dateTime,
    bidExtra: bid.extra,
  }
}
