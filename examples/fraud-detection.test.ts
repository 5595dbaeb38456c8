import { afterEach, expect, test } from 'vitest'
import type { DataStream } from 'sluice'
import {
  endOfInput,
  jobHarness,
  record,
  streamHarness,
  testStream,
  watermark,
  type StreamHarness,
} from 'sluice/testing'
import job, { detectFraud, type Alert, type Payment } from './fraud-detection.ts'

let harness: StreamHarness<[Payment], Alert> | undefined

afterEach(async () => {
  await harness?.close()
})

async function start(): Promise<StreamHarness<[Payment], Alert>> {
  harness = await streamHarness((payments: DataStream<Payment>) => detectFraud(payments))
  return harness
}

function payment(card: string, amount: number): Payment {
  return { card, amount, timeMs: 0 }
}

test('a large payment within a minute behind a small one is an alert', async () => {
  const fraud = await start()
  await fraud.push(payment('a', 0.5), 1_000)
  await fraud.push(payment('a', 700), 30_000)
  expect(fraud.values).toEqual([{ card: 'a', amount: 700 }])
})

test('a minute later it is none', async () => {
  const fraud = await start()
  await fraud.push(payment('a', 0.5), 1_000)
  await fraud.watermark(61_000)
  await fraud.push(payment('a', 700), 61_001)
  expect(fraud.values).toEqual([])
})

test('another payment in between begins anew', async () => {
  const fraud = await start()
  await fraud.push(payment('a', 0.5), 1_000)
  await fraud.push(payment('a', 20), 2_000)
  await fraud.push(payment('a', 700), 3_000)
  expect(fraud.values).toEqual([])
})

test('a small payment is remembered over a failure and another parallelism', async () => {
  const fraud = await start()
  await fraud.push(payment('a', 0.5), 1_000)
  const snapshot = await fraud.snapshot()
  await fraud.push(payment('a', 20), 2_000) // forgotten by the restore
  await fraud.restore(snapshot, { parallelism: 3 })
  await fraud.push(payment('a', 700), 30_000)
  expect(fraud.values).toEqual([{ card: 'a', amount: 700 }])
})

test('the same comes out with failures, slow sinks and other parallelisms', async () => {
  const { values } = await testStream(
    (payments: DataStream<Payment>) => detectFraud(payments),
    [
      record(payment('a', 0.5), 1_000),
      record(payment('b', 0.1), 2_000),
      record(payment('a', 700), 30_000),
      watermark(62_000),
      record(payment('b', 900), 63_000),
      endOfInput(),
    ],
  )
  expect(values).toEqual([{ card: 'a', amount: 700 }])
})

test('the whole job takes its time from the payments', async () => {
  const whole = await jobHarness(job)
  await whole.input('payments').push({ card: 'a', amount: 0.5, timeMs: 1_000 })
  await whole.input('payments').push({ card: 'a', amount: 600, timeMs: 2_000 })
  expect(whole.output<Alert>('alerts').records).toEqual([{ value: { card: 'a', amount: 600 }, timestamp: 2_000 }])
  await whole.close()
})
