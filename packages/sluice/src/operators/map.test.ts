import { expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { record, watermark } from '../testing/operator-script.ts'
import { mapOperator } from './map.ts'

test('each record becomes one record with the same timestamp', async () => {
  const output = await testOperator(
    mapOperator((n: number) => n * 2),
    [record(1, 10), watermark(10), record(2)],
  )
  expect(output.records).toEqual([
    { value: 2, timestamp: 10 },
    { value: 4, timestamp: Number.MIN_SAFE_INTEGER },
  ])
  expect(output.watermarks).toEqual([10])
})

test('what the function throws names the operator and keeps the cause', async () => {
  const cause = new TypeError('no such field')
  const failing = mapOperator(() => {
    throw cause
  })
  await expect(testOperator(failing, [record(1, 10)], { name: 'enrich' })).rejects.toMatchObject({
    code: 'TSK1001',
    cause,
    context: { operator: 'enrich', subtask: 0 },
    message: expect.stringContaining('the map function of operator "enrich" threw: no such field'),
  })
})

test('an asynchronous function is refused by name', async () => {
  const message = expect.stringContaining('returned a promise')
  await expect(
    testOperator(
      mapOperator(async (n: number) => n),
      [record(1, 10)],
    ),
  ).rejects.toMatchObject({ code: 'TSK1001', message })
})
