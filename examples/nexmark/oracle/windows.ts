/** Queries over stretches of time: each window is made by looking through everything that could be in it. */
import { groups, type Events, type Row } from './rows.ts'

const SECOND_MS = 1000

export function q5({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const windowEnd of endsOf(bids, 10 * SECOND_MS, 2 * SECOND_MS)) {
    const inside = bids.filter(({ dateTime }) => dateTime >= windowEnd - 10 * SECOND_MS && dateTime < windowEnd)
    const byAuction = groups(inside, ({ auction }) => auction)
    const most = Math.max(...byAuction.map((group) => group.length))
    for (const group of byAuction)
      if (group.length === most) rows.push({ windowEnd, auction: group[0]!.auction, bids: most }) // no group is empty
  }
  return rows
}

export function q7({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const window of groups(bids, ({ dateTime }) => Math.floor(dateTime / (10 * SECOND_MS)))) {
    const windowEnd = (Math.floor(window[0]!.dateTime / (10 * SECOND_MS)) + 1) * 10 * SECOND_MS // no group is empty
    let highest = 0
    for (const { price } of window) highest = Math.max(highest, price)
    for (const { auction, bidder, price, dateTime } of window)
      if (price === highest) rows.push({ windowEnd, auction, bidder, price, dateTime })
  }
  return rows
}

export function q8({ persons, auctions }: Events): Row[] {
  const rows: Row[] = []
  for (const { id, name, dateTime } of persons) {
    const windowStart = dateTime - (dateTime % (10 * SECOND_MS))
    const windowEnd = windowStart + 10 * SECOND_MS
    const hasSold = auctions.some(
      (auction) => auction.seller === id && auction.dateTime >= windowStart && auction.dateTime < windowEnd,
    )
    if (hasSold) rows.push({ id, name, windowStart })
  }
  return rows
}

export function q11({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const own of groups(bids, ({ bidder }) => bidder)) {
    const times = own.map(({ dateTime }) => dateTime).sort((a, b) => a - b)
    let first = 0
    for (let index = 1; index <= times.length; index++) {
      const last = times[index - 1]! // between the ends of the list
      if (index < times.length && times[index]! <= last + 10 * SECOND_MS) continue // the left side was looked at first
      const bidder = own[0]!.bidder // no group is empty
      rows.push({ bidder, start: times[first]!, end: last + 10 * SECOND_MS, bids: index - first }) // before `index`
      first = index
    }
  }
  return rows
}

export function q12({ bids }: Events): Row[] {
  return groups(bids, ({ bidder }) => bidder).map((own) => ({ bidder: own[0]!.bidder, bids: own.length })) // no group is empty
}

function endsOf(items: readonly { readonly dateTime: number }[], sizeMs: number, slideMs: number): Set<number> {
  const ends = new Set<number>()
  for (const { dateTime } of items) {
    const first = (Math.floor(dateTime / slideMs) + 1) * slideMs
    for (let end = first; end <= dateTime + sizeMs; end += slideMs) ends.add(end)
  }
  return ends
}
