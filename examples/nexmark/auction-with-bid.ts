import type { Auction, Bid } from './model.ts'

/** All columns of an auction and of a bid on it. */
export interface AuctionWithBid {
  readonly auction: number
  readonly itemName: string
  readonly description: string
  readonly initialBid: number
  readonly reserve: number
  readonly auctionTime: number
  readonly expires: number
  readonly seller: number
  readonly category: number
  readonly auctionExtra: string
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly bidTime: number
  readonly bidExtra: string
}

export function auctionWithBid(auction: Auction, bid: Bid): AuctionWithBid {
  const { id, itemName, description, initialBid, reserve, expires, seller, category } = auction
  const { bidder, price, channel, url } = bid
  return {
    auction: id,
    itemName,
    description,
    initialBid,
    reserve,
    auctionTime: auction.dateTime,
    expires,
    seller,
    category,
    auctionExtra: auction.extra,
    bidder,
    price,
    channel,
    url,
    bidTime: bid.dateTime,
    bidExtra: bid.extra,
  }
}
