/** Q14, calculation: bids of a range of prices in euros, with the time of day and how often a letter is in them. */
import type { DataStream } from 'sluice'
import { hourOf } from './calendar.ts'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

const EUROS_PER_DOLLAR = 0.908
const PRICE_ABOVE = 1_000_000
const PRICE_BELOW = 50_000_000
const LETTER_C = 'c'.charCodeAt(0)

export interface CalculatedBid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly bidTimeType: 'dayTime' | 'nightTime' | 'otherTime'
  readonly dateTime: number
  readonly extra: string
  readonly cCounts: number
}

export function calculatedBids(events: DataStream<NexmarkEvent>): DataStream<CalculatedBid> {
  return events.filter(isBid).flatMap<CalculatedBid>(({ auction, bidder, price, dateTime, extra }, out) => {
    const euros = price * EUROS_PER_DOLLAR
    if (euros <= PRICE_ABOVE || euros >= PRICE_BELOW) return
    const bidTimeType = timeTypeOf(hourOf(dateTime))
    out({ auction, bidder, price: euros, bidTimeType, dateTime, extra, cCounts: countOf(LETTER_C, extra) })
  })
}

function timeTypeOf(hour: number): CalculatedBid['bidTimeType'] {
  if (hour >= 8 && hour <= 18) return 'dayTime'
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime'
}

function countOf(code: number, text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) === code) count++
  return count
}

export default nexmarkJob('q14', calculatedBids)
