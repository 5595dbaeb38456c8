/** Q2, selection: the bids on every 123rd auction. */
import type { DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

const AUCTION_STEP = 123

export interface AuctionPrice {
  readonly auction: number
  readonly price: number
}

export function selectedAuctions(events: DataStream<NexmarkEvent>): DataStream<AuctionPrice> {
  return events
    .filter(isBid)
    .filter(({ auction }) => auction % AUCTION_STEP === 0)
    .map(({ auction, price }) => ({ auction, price }))
}

export default nexmarkJob('q2', selectedAuctions)
