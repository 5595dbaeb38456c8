import { expect, test } from 'vitest'
import { MAX_WATERMARK, NO_TIMESTAMP } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark } from '../testing/operator-script.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { timestampsOperator } from './timestamps.ts'

interface Reading {
  readonly at: number
}

const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Reading>('5ms').withTimestamp(({ at }) => at)

test('records get the timestamp of the strategy', async () => {
  const output = await testOperator(timestampsOperator(strategy), [record({ at: 7 }), record({ at: 3 }, 1)])
  expect(output.records).toEqual([
    { value: { at: 7 }, timestamp: 7 },
    { value: { at: 3 }, timestamp: 3 },
  ])
})

test('watermarks follow the records as processing time goes on', async () => {
  const output = await testOperator(timestampsOperator(strategy), [
    record({ at: 100 }),
    processingTime(200),
    record({ at: 90 }),
    processingTime(400),
    record({ at: 120 }),
    processingTime(401),
    processingTime(600),
  ])
  expect(output.watermarks).toEqual([94, 114])
})

test('watermarks from upstream end here, except that of the end', async () => {
  const output = await testOperator(timestampsOperator(strategy), [
    record({ at: 100 }),
    watermark(1_000_000),
    endOfInput(),
  ])
  expect(output.watermarks).toEqual([94, MAX_WATERMARK])
})

test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e16, -1e16])('%d is refused as a timestamp', async (at) => {
  await expect(testOperator(timestampsOperator(strategy), [record({ at })])).rejects.toMatchObject({ code: 'TIM1001' })
})

test('without event time records may go without timestamps', async () => {
  const output = await testOperator(timestampsOperator(WatermarkStrategy.noWatermarks<Reading>()), [record({ at: 1 })])
  expect(output.records).toEqual([{ value: { at: 1 }, timestamp: NO_TIMESTAMP }])
})

test('a timestamp function that throws fails the task with TSK1001', async () => {
  const failing = strategy.withTimestamp(() => {
    throw new Error('no time')
  })
  await expect(testOperator(timestampsOperator(failing), [record({ at: 1 })])).rejects.toMatchObject({
    code: 'TSK1001',
  })
})
