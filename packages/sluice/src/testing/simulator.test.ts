import { describe, expect, test } from 'vitest'
import { defineJob } from '../api/define-job.ts'
import { jsonLinesSink } from '../connector/file-sink.ts'
import { jsonLinesSource } from '../connector/text-source.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { simulate } from './simulator.ts'

interface Order {
  readonly shop: string
  readonly price: number
}

const ORDERS: readonly Order[] = Array.from({ length: 400 }, (_, i) => ({ shop: `shop-${i % 7}`, price: i % 13 }))
const FILES = { 'orders.jsonl': ORDERS.map((order) => `${JSON.stringify(order)}\n`).join('') }
const PARAMS = { input: 'orders.jsonl', output: 'out' }

const totals = defineJob('totals', (env, params) => {
  env
    .enableCheckpointing('1s')
    .fromSource(jsonLinesSource<Order>(params['input'] ?? ''), WatermarkStrategy.noWatermarks(), { uid: 'orders' })
    .keyBy((order) => order.shop)
    .reduce((total, order) => ({ shop: total.shop, price: total.price + order.price }))
    .uid('totals')
    .sinkTo(jsonLinesSink(params['output'] ?? ''))
    .uid('out')
})

describe('simulate', () => {
  test('runs a job through crashes and gives its committed output', async () => {
    const { output, faults, checkpoints } = await simulate(totals, { seed: 5, params: PARAMS, files: FILES })
    expect(output.get('/out')?.length).toBe(ORDERS.length)
    expect(faults.crashes).toBeGreaterThan(0)
    expect(checkpoints).toBeGreaterThan(2)
  })

  test('gives the same run for the same seed', async () => {
    const [first, second] = [
      await simulate(totals, { seed: 9, params: PARAMS, files: FILES }),
      await simulate(totals, { seed: 9, params: PARAMS, files: FILES }),
    ]
    expect(second).toEqual(first)
  })

  test('breaks nothing but processes when asked for crashes only', async () => {
    const { faults } = await simulate(totals, { seed: 7, params: PARAMS, files: FILES, crashes: 5, faults: 'crashes' })
    expect(faults.crashes).toBeGreaterThan(1)
    expect([faults.slotLosses, faults.userThrows, faults.failedWrites, faults.stops, faults.rescales]).toEqual([
      0, 0, 0, 0, 0,
    ])
  })

  test('finds a job that counts in a variable instead of state', async () => {
    const job = defineJob('forgetful', (env) => {
      const counts = new Map<string, number>()
      env
        .enableCheckpointing('1s')
        .fromSource(jsonLinesSource<Order>('orders.jsonl'), WatermarkStrategy.noWatermarks(), { uid: 'orders' })
        .map((order) => {
          const n = (counts.get(order.shop) ?? 0) + 1
          counts.set(order.shop, n)
          return { ...order, n }
        })
        .sinkTo(jsonLinesSink('out'))
        .uid('out')
    })
    const found: string[] = []
    for (let seed = 1; seed <= 10 && found.length === 0; seed++) {
      const run = simulate(job, { seed, files: FILES, faults: 'crashes' })
      await run.then(
        () => {},
        (error: unknown) => found.push(String(error)),
      )
    }
    expect(found[0]).toMatch(/rule O1.*not that of the undisturbed run[^]*seed: \d/)
  })

  test('asks the check of the test about every output', async () => {
    const asked: number[] = []
    const check = (output: ReadonlyMap<string, readonly string[]>): string | undefined => {
      asked.push(output.get('/out')?.length ?? 0)
      return asked.length > 1 ? 'it was the second' : undefined
    }
    await expect(simulate(totals, { params: PARAMS, files: FILES, compare: 'nothing', check })).rejects.toThrow(
      /it was the second/,
    )
    expect(asked).toEqual([ORDERS.length, ORDERS.length])
  })

  test('says why a job failed that fails without any fault', async () => {
    const job = defineJob('failing', (env) => {
      env
        .fromSource(jsonLinesSource<Order>('orders.jsonl'), WatermarkStrategy.noWatermarks(), { uid: 'orders' })
        .map((order) => order.shop.padEnd(order.price, 'x'))
        .filter((shop) => {
          if (shop.endsWith('x')) throw new RangeError('no such shop')
          return true
        })
        .sinkTo(jsonLinesSink('out'))
        .uid('out')
    })
    await expect(simulate(job, { files: FILES })).rejects.toThrow(/in which nothing broke.*no such shop/)
  })
})
