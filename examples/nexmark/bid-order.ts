import type { Bid } from './model.ts'

/**
 * Among bids that are equal in what a query asks for the definition names no order. Bids of different shards come in any order, so that one is
 * needed which does not depend on it: by price, then the earlier one, then by the text of `extra`, which hardly ever is the same twice.
 *
 * @returns a number below 0 when `a` goes first
 */
export function byPrice(a: Bid, b: Bid): number {
  return b.price - a.price || a.dateTime - b.dateTime || byText(a, b)
}

/** The last one first; of the same millisecond the one with the higher price, then by `extra`. */
export function byTime(a: Bid, b: Bid): number {
  return b.dateTime - a.dateTime || b.price - a.price || byText(a, b)
}

function byText(a: Bid, b: Bid): number {
  if (a.extra === b.extra) return 0
  return a.extra < b.extra ? -1 : 1
}
