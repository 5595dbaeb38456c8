/** What q15 and q16 report: how many bids, bidders and auctions there are, in all and by band of price. */
import { mapState, valueState, type StateHandles } from 'sluice'
import type { Bid } from './model.ts'

export interface BidReport {
  totalBids: number
  rank1Bids: number
  rank2Bids: number
  rank3Bids: number
  totalBidders: number
  rank1Bidders: number
  rank2Bidders: number
  rank3Bidders: number
  totalAuctions: number
  rank1Auctions: number
  rank2Auctions: number
  rank3Auctions: number
}

export type BidFacts = Pick<Bid, 'auction' | 'bidder' | 'price' | 'dateTime'>

/** 1 for prices below 10,000, 2 below a million, 3 from there on. */
export type Rank = 1 | 2 | 3

export function rankOf(price: number): Rank {
  if (price < 10_000) return 1
  return price < 1_000_000 ? 2 : 3
}

/** By bidder and by auction: in which ranks it was seen, one bit for each. */
export const REPORT_STATE = {
  report: valueState<BidReport>('report'),
  bidders: mapState<number, number>('bidders'),
  auctions: mapState<number, number>('auctions'),
}

/** Adds a bid to the report of the current key, and gives a copy of it. */
export function reported(bid: BidFacts, state: StateHandles<typeof REPORT_STATE>): BidReport {
  const report = state.report.value() ?? emptyReport()
  const rank = rankOf(bid.price)
  const bit = 1 << rank
  report.totalBids++
  report[`rank${rank}Bids`]++
  const bidderRanks = state.bidders.get(bid.bidder) ?? 0
  if (bidderRanks === 0) report.totalBidders++
  if ((bidderRanks & bit) === 0) {
    report[`rank${rank}Bidders`]++
    state.bidders.put(bid.bidder, bidderRanks | bit)
  }
  const auctionRanks = state.auctions.get(bid.auction) ?? 0
  if (auctionRanks === 0) report.totalAuctions++
  if ((auctionRanks & bit) === 0) {
    report[`rank${rank}Auctions`]++
    state.auctions.put(bid.auction, auctionRanks | bit)
  }
  state.report.update(report)
  return { ...report }
}

function emptyReport(): BidReport {
  return {
    totalBids: 0,
    rank1Bids: 0,
    rank2Bids: 0,
    rank3Bids: 0,
    totalBidders: 0,
    rank1Bidders: 0,
    rank2Bidders: 0,
    rank3Bidders: 0,
    totalAuctions: 0,
    rank1Auctions: 0,
    rank2Auctions: 0,
    rank3Auctions: 0,
  }
}
