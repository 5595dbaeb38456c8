/** The queries that are measured, and what is added up of their rows, so that results can be compared: examples/nexmark/README.md, "Sums". */
import type { DataStream } from '../../packages/sluice/src/index.ts'
import type { NexmarkEvent } from '../../examples/nexmark/model.ts'
import { RowHash } from '../../examples/nexmark/row-hash.ts'
import { passThrough } from '../../examples/nexmark/q0.ts'
import { pricesInEuros } from '../../examples/nexmark/q1.ts'
import { selectedAuctions } from '../../examples/nexmark/q2.ts'
import { localItems } from '../../examples/nexmark/q3.ts'
import { categoryPrices } from '../../examples/nexmark/q4.ts'
import { hottestAuctions } from '../../examples/nexmark/q5.ts'
import { highestBids } from '../../examples/nexmark/q7.ts'
import { newSellers } from '../../examples/nexmark/q8.ts'
import { bidderSessions } from '../../examples/nexmark/q11.ts'
import { bidsByTheClock } from '../../examples/nexmark/q12.ts'

export interface RowTotals {
  /** Rows. */
  outputs: number
  /** Modulo 2^32. */
  sum: number
}

/** Adds a row of a query. */
export type AddRow<Row> = (row: Row, totals: RowTotals) => void

export interface MeasuredQuery {
  readonly build: (events: DataStream<NexmarkEvent>) => DataStream<unknown>
  /** What adds rows in one subtask. */
  readonly opened: () => AddRow<unknown>
}

export const MEASURED = {
  q0: measured(passThrough, () =>
    hashing(({ auction, bidder, price, dateTime, channel, url, extra }, hash) =>
      hash.number(auction).number(bidder).number(price).number(dateTime).string(channel).string(url).string(extra),
    ),
  ),
  q1: measured(pricesInEuros, () =>
    hashing(({ auction, bidder, price, dateTime, extra }, hash) =>
      hash
        .number(auction)
        .number(bidder)
        .number(Math.floor(price * 1000))
        .number(dateTime)
        .string(extra),
    ),
  ),
  q2: measured(selectedAuctions, () => hashing(({ auction, price }, hash) => hash.number(auction).number(price))),
  q3: measured(localItems, () =>
    hashing(({ name, city, state, auction }, hash) => hash.string(name).string(city).string(state).number(auction)),
  ),
  q4: measured(categoryPrices, () =>
    hashingLast(
      ({ category, sum, auctions }, hash) => hash.number(category).number(sum).number(auctions),
      ({ category }) => category,
    ),
  ),
  q5: measured(hottestAuctions, () =>
    hashing(({ windowEnd, auction, bids }, hash) => hash.number(windowEnd).number(auction).number(bids)),
  ),
  q7: measured(highestBids, () =>
    hashing(({ windowEnd, auction, bidder, price, dateTime }, hash) =>
      hash.number(windowEnd).number(auction).number(bidder).number(price).number(dateTime),
    ),
  ),
  q8: measured(newSellers, () =>
    hashing(({ id, name, windowStart }, hash) => hash.number(id).string(name).number(windowStart)),
  ),
  q11: measured(bidderSessions, () =>
    hashing(({ bidder, start, end, bids }, hash) => hash.number(bidder).number(start).number(end).number(bids)),
  ),
  q12: measured(bidsByTheClock, () => ({ bids }, totals) => {
    totals.outputs++
    totals.sum = (totals.sum + bids) >>> 0
  }),
} as const

type HashRow<Row> = (row: Row, hash: RowHash) => unknown

function measured<Row>(
  build: (events: DataStream<NexmarkEvent>) => DataStream<Row>,
  opened: () => AddRow<Row>,
): MeasuredQuery {
  // `build` makes the rows that `opened` adds.
  return { build, opened } as unknown as MeasuredQuery
}

function hashing<Row>(hashRow: HashRow<Row>): AddRow<Row> {
  const hash = new RowHash()
  return (row, totals) => {
    hashRow(row, hash)
    totals.outputs++
    totals.sum = (totals.sum + hash.take()) >>> 0
  }
}

/** A row takes back the hash of the row before with the same key. */
function hashingLast<Row>(hashRow: HashRow<Row>, keyOf: (row: Row) => number): AddRow<Row> {
  const hash = new RowHash()
  const last = new Map<number, number>()
  return (row, totals) => {
    hashRow(row, hash)
    const own = hash.take()
    totals.outputs++
    totals.sum = (totals.sum + own - (last.get(keyOf(row)) ?? 0)) >>> 0
    last.set(keyOf(row), own)
  }
}
