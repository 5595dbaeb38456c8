/** Q1, currency conversion: every bid with its price in euros. */
import type { DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

const EUROS_PER_DOLLAR = 0.908

export interface BidInEuros {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
  readonly extra: string
}

export function pricesInEuros(events: DataStream<NexmarkEvent>): DataStream<BidInEuros> {
  return events.filter(isBid).map(({ auction, bidder, price, dateTime, extra }) => {
    return { auction, bidder, price: price * EUROS_PER_DOLLAR, dateTime, extra }
  })
}

export default nexmarkJob('q1', pricesInEuros)
