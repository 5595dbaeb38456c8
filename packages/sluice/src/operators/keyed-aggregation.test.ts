import { expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { record } from '../testing/operator-script.ts'
import { keyedAggregationOperator, type KeyedAggregationDefinition } from './keyed-aggregation.ts'

interface Bid {
  readonly auction: string
  readonly price: number | bigint | string | undefined
  readonly bidder: string
}

const keyBy = (bid: Bid): string => bid.auction
const bid = (auction: string, price: Bid['price'], bidder: string): Bid => ({ auction, price, bidder })
const BIDS = [
  bid('a', 3, 'x'),
  bid('b', 5, 'y'),
  bid('a', 1, 'z'),
  bid('a', 3, 'v'),
  bid('a', 1, 'w'),
  bid('b', 7, 'x'),
]

async function resultsOf(
  definition: Omit<KeyedAggregationDefinition<Bid, string>, 'keySelector'>,
  bids: readonly Bid[] = BIDS,
): Promise<readonly unknown[]> {
  const operator = keyedAggregationOperator({ keySelector: keyBy, ...definition })
  const output = await testOperator(operator, bids.map((value, index) => record(value, index)), { keyBy }) // prettier-ignore
  expect(output.records.map(({ timestamp }) => timestamp)).toEqual(bids.map((_, index) => index))
  return output.values
}

test('sum, min and max change one field of the first record of the key', async () => {
  const priced = (prices: readonly number[]): Bid[] =>
    BIDS.map((value, index) => bid(value.auction, prices[index], value.auction === 'a' ? 'x' : 'y'))
  expect(await resultsOf({ kind: 'sum', of: 'price' })).toEqual(priced([3, 5, 4, 7, 8, 12]))
  expect(await resultsOf({ kind: 'min', of: 'price' })).toEqual(priced([3, 5, 1, 1, 1, 5]))
  expect(await resultsOf({ kind: 'max', of: 'price' })).toEqual(priced([3, 5, 3, 3, 3, 7]))
})

test('minBy and maxBy give the whole record, the first or the last of those with the value', async () => {
  const bidders = async (definition: Parameters<typeof resultsOf>[0]): Promise<string[]> =>
    (await resultsOf(definition)).map((result) => (result as Bid).bidder)
  expect(await bidders({ kind: 'min-by', of: 'price' })).toEqual(['x', 'y', 'z', 'z', 'z', 'y'])
  expect(await bidders({ kind: 'min-by', of: 'price', ties: 'last' })).toEqual(['x', 'y', 'z', 'z', 'w', 'y'])
  expect(await bidders({ kind: 'max-by', of: 'price' })).toEqual(['x', 'y', 'x', 'x', 'x', 'x'])
  expect(await bidders({ kind: 'max-by', of: (value) => Number(value.price), ties: 'last' })).toEqual(['x', 'y', 'x', 'v', 'v', 'x']) // prettier-ignore
})

test('bigints add up, and strings have an order', async () => {
  const prices = (results: readonly unknown[]): unknown[] => results.map((result) => (result as Bid).price)
  const large = [bid('a', 2n ** 60n, 'x'), bid('a', 1n, 'x')]
  expect(prices(await resultsOf({ kind: 'sum', of: 'price' }, large))).toEqual([2n ** 60n, 2n ** 60n + 1n])
  const texts = [bid('a', 'b', 'x'), bid('a', 'a', 'x'), bid('a', 'c', 'x')]
  expect(prices(await resultsOf({ kind: 'min', of: 'price' }, texts))).toEqual(['b', 'a', 'a'])
})

test.each([
  ['sum', Number.NaN, /sum of operator "operator" found NaN in the field "price" of a record/],
  ['sum', 'text', /found a value of type string/],
  ['min', undefined, /found a value of type undefined/],
] as const)('%s refuses %s, also in the first record of a key', async (kind, price, message) => {
  await expect(resultsOf({ kind, of: 'price' }, [bid('a', price, 'x')])).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringMatching(message),
    cause: expect.any(TypeError), // what an error policy looks for
  })
})

test.each([
  ['sum', 1, 2n, /sum of operator "operator" has a number so far and was given a bigint/],
  ['sum', 1n, 0.5, /has a bigint so far and was given a number/],
  ['max', 1, 'text', /max of operator "operator" has a number so far and was given a string/],
  ['min-by', 'text', 1n, /has a string so far and was given a bigint/],
] as const)('%s refuses %s together with %s, as a fault of the record', async (kind, first, second, message) => {
  await expect(resultsOf({ kind, of: 'price' }, [bid('a', first, 'x'), bid('a', second, 'x')])).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringMatching(message),
    cause: expect.any(TypeError), // what an error policy looks for
  })
})

test('numbers and bigints have an order together', async () => {
  const bids = [bid('a', 3, 'x'), bid('a', 5n, 'y'), bid('a', 4, 'z')]
  expect((await resultsOf({ kind: 'max-by', of: 'price' }, bids)).map((result) => (result as Bid).bidder)).toEqual(['x', 'y', 'y']) // prettier-ignore
})

test('what a function throws names the operator', async () => {
  const of = (): number => {
    throw new RangeError('boom')
  }
  await expect(resultsOf({ kind: 'max-by', of })).rejects.toMatchObject({
    code: 'TSK1001',
    context: { operator: 'operator' },
  })
})

test('which field is aggregated is part of what a checkpoint must match', () => {
  const layoutOf = (of: string) => keyedAggregationOperator({ keySelector: keyBy, kind: 'sum', of }).layout
  expect(layoutOf('price')).not.toEqual(layoutOf('bidder'))
})
