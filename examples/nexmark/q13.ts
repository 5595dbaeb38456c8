/** Q13, bounded side input: bids with what a table says about their auctions, looked up one by one at the time of processing. */
import { AsyncDataStream, type DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

const TABLE_ROWS = 10_000
/** Stands for a table in a database. Every key has one row, with its own text. */
const TABLE: ReadonlyMap<number, string> = new Map(Array.from({ length: TABLE_ROWS }, (_, key) => [key, String(key)]))

export interface BidWithValue {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
  readonly value: string
}

export function bidsWithValues(events: DataStream<NexmarkEvent>): DataStream<BidWithValue> {
  const bids = events.filter(isBid)
  return AsyncDataStream.orderedWait(
    bids,
    async ({ auction, bidder, price, dateTime }): Promise<BidWithValue | undefined> => {
      const value = await lookedUp(auction % TABLE_ROWS)
      return value === undefined ? undefined : { auction, bidder, price, dateTime, value }
    },
    { timeout: '10s', capacity: 100 },
  ).uid('values')
}

async function lookedUp(key: number): Promise<string | undefined> {
  return TABLE.get(key)
}

export default nexmarkJob('q13', bidsWithValues)
