import { expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { record, watermark } from '../testing/operator-script.ts'
import { keyedReduceOperator } from './keyed-reduce.ts'

interface Sale {
  readonly shop: string
  readonly amount: number
}

const keyBy = (sale: Sale): string => sale.shop
const total = keyedReduceOperator({
  keySelector: keyBy,
  reduce: (sum: Sale, sale) => ({ shop: sum.shop, amount: sum.amount + sale.amount }),
})

test('each record gives everything of its key so far', async () => {
  const sales = ['a', 'b', 'a', 'c', 'b', 'a'].map((shop, index) => record({ shop, amount: index + 1 }, index))
  const output = await testOperator(total, [...sales, watermark(3)], { keyBy })
  expect(output.records).toEqual([
    { value: { shop: 'a', amount: 1 }, timestamp: 0 },
    { value: { shop: 'b', amount: 2 }, timestamp: 1 },
    { value: { shop: 'a', amount: 4 }, timestamp: 2 },
    { value: { shop: 'c', amount: 4 }, timestamp: 3 },
    { value: { shop: 'b', amount: 7 }, timestamp: 4 },
    { value: { shop: 'a', amount: 10 }, timestamp: 5 },
  ])
  expect(output.keysLeft).toBe(3)
})

test('a reduce function that forgets to return fails the task', async () => {
  const forgetful = keyedReduceOperator({ keySelector: keyBy, reduce: () => undefined as unknown as Sale })
  const script = [record({ shop: 'a', amount: 1 }, 0), record({ shop: 'a', amount: 1 }, 0)]
  await expect(testOperator(forgetful, script, { keyBy })).rejects.toMatchObject({ code: 'TSK1001' })
})

test('an asynchronous reduce function fails the task', async () => {
  const asynchronous = keyedReduceOperator({
    keySelector: keyBy,
    reduce: (async (sale: Sale) => sale) as unknown as () => Sale,
  })
  const script = [record({ shop: 'a', amount: 1 }, 0), record({ shop: 'a', amount: 1 }, 0)]
  await expect(testOperator(asynchronous, script, { keyBy })).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('the reduce function of operator "operator" returned a promise'),
  })
})

test('a record without a key fails the task with KEY1001 and the name of the operator', async () => {
  const script = [record({ amount: 1 }, 0)]
  await expect(testOperator(total, script, { keyBy: () => 'a', name: 'total' })).rejects.toMatchObject({
    code: 'KEY1001',
    context: { operator: 'total' },
  })
})
