/** What the oracle of a query gives: rows in any order, or for a query that updates its rows the last one of each key. */
import type { Auction, Bid, NexmarkEvent, Person } from '../model.ts'

export type Row = Readonly<Record<string, number | string>>

/** All events, by kind, in the order of their ids. */
export interface Events {
  readonly persons: readonly Person[]
  readonly auctions: readonly Auction[]
  readonly bids: readonly Bid[]
}

export function byKind(events: readonly NexmarkEvent[]): Events {
  const persons: Person[] = []
  const auctions: Auction[] = []
  const bids: Bid[] = []
  for (const event of events) {
    if (event.kind === 'person') persons.push(event)
    else if (event.kind === 'auction') auctions.push(event)
    else bids.push(event)
  }
  return { persons, auctions, bids }
}

/** Groups by the text of a key. */
export function groups<T>(items: readonly T[], keyOf: (item: T) => string | number): T[][] {
  const found = new Map<string | number, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = found.get(key)
    if (group === undefined) found.set(key, [item])
    else group.push(item)
  }
  return [...found.values()]
}
