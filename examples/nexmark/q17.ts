/** Q17, auction statistics: bids and prices of each auction and day, sent on with every bid. */
import { recordType, valueState, type DataStream } from 'sluice'
import { rankOf, type BidFacts } from './bid-report.ts'
import { dayOf } from './calendar.ts'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

export interface AuctionReport {
  readonly auction: number
  readonly day: string
  readonly totalBids: number
  readonly rank1Bids: number
  readonly rank2Bids: number
  readonly rank3Bids: number
  readonly minPrice: number
  readonly maxPrice: number
  readonly avgPrice: number
  readonly sumPrice: number
}

export function auctionReports(events: DataStream<NexmarkEvent>): DataStream<AuctionReport> {
  return events
    .filter(isBid)
    .map(({ auction, bidder, price, dateTime }): BidFacts => ({ auction, bidder, price, dateTime }))
    .keyBy((bid) => `${dayOf(bid.dateTime)} ${bid.auction}`)
    .process({
      emits: recordType<AuctionReport>(),
      state: { report: valueState<AuctionReport>('report') },
      onRecord(bid, ctx) {
        const report = withBid(ctx.state.report.value() ?? emptyReport(bid), bid)
        ctx.state.report.update(report)
        ctx.emit(report)
      },
    })
    .uid('auction-reports')
}

function withBid(report: AuctionReport, { price }: BidFacts): AuctionReport {
  const rank = rankOf(price)
  const totalBids = report.totalBids + 1
  const sumPrice = report.sumPrice + price
  return {
    auction: report.auction,
    day: report.day,
    totalBids,
    rank1Bids: report.rank1Bids + (rank === 1 ? 1 : 0),
    rank2Bids: report.rank2Bids + (rank === 2 ? 1 : 0),
    rank3Bids: report.rank3Bids + (rank === 3 ? 1 : 0),
    minPrice: Math.min(report.minPrice, price),
    maxPrice: Math.max(report.maxPrice, price),
    avgPrice: sumPrice / totalBids,
    sumPrice,
  }
}

function emptyReport({ auction, dateTime, price }: BidFacts): AuctionReport {
  const none = { totalBids: 0, rank1Bids: 0, rank2Bids: 0, rank3Bids: 0 }
  return { auction, day: dayOf(dateTime), ...none, minPrice: price, maxPrice: price, avgPrice: 0, sumPrice: 0 }
}

export default nexmarkJob('q17', auctionReports)
