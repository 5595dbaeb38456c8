import { expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { record, watermark } from '../testing/operator-script.ts'
import { filterOperator } from './filter.ts'

test('only records that pass go on, unchanged', async () => {
  const odd = filterOperator((n: number) => n % 2 === 1)
  const output = await testOperator(odd, [record(1, 10), record(2, 20), watermark(15), record(3, 30)])
  expect(output.records).toEqual([
    { value: 1, timestamp: 10 },
    { value: 3, timestamp: 30 },
  ])
})

test('a predicate that throws fails the task with TSK1001', async () => {
  const failing = filterOperator((value: { name: { first: string } | null }) => value.name?.first.length === 1)
  await expect(testOperator(failing, [record(undefined, 1)])).rejects.toMatchObject({ code: 'TSK1001' })
})

test('an asynchronous function is refused by name', async () => {
  const message = expect.stringContaining('returned a promise')
  await expect(testOperator(filterOperator((async () => true) as never), [record(1, 10)])).rejects.toMatchObject({
    code: 'TSK1001',
    message,
  })
})
