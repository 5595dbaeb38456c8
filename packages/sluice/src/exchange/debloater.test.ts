import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BATCH_RECORDS_MAX } from '../stream/element.ts'
import { Debloater } from './debloater.ts'

const CREDITS = 8
const TARGET_MS = 1000

function debloater(targetMs: number | undefined = TARGET_MS): Debloater {
  return new Debloater({ targetMs, recordsMax: BATCH_RECORDS_MAX }, CREDITS)
}

/** Takes `batches` batches of the size that the debloater says, `msPerRecord` each. Gives the time when it is done. */
function work(of: Debloater, { batches, msPerRecord, fromMs = 0 }: Work): number {
  let nowMs = fromMs
  for (let index = 0; index < batches; index++) {
    const records = of.limit
    of.onTaken(records, nowMs)
    nowMs += records * msPerRecord
  }
  of.onPause(nowMs)
  of.onTaken(1, nowMs)
  return nowMs
}

interface Work {
  readonly batches: number
  readonly msPerRecord: number
  readonly fromMs?: number
}

describe('debloater', () => {
  test('a consumer that is not known yet is given one record in a batch', () => {
    expect(debloater().limit).toBe(1)
  })

  test('a fast consumer is given the most that the job allows after its first batch', () => {
    const fast = debloater()
    work(fast, { batches: 1, msPerRecord: 0.001 })
    expect(fast.limit).toBe(BATCH_RECORDS_MAX)
  })

  test('a consumer faster than the clock can tell is given the most', () => {
    const fast = debloater()
    work(fast, { batches: 1, msPerRecord: 0 })
    expect(fast.limit).toBe(BATCH_RECORDS_MAX)
  })

  test('ten records a second are one record in a batch, and a thousand a second 125', () => {
    const slow = debloater()
    work(slow, { batches: 20, msPerRecord: 100 })
    expect(slow.limit).toBe(1)
    const middle = debloater()
    work(middle, { batches: 20, msPerRecord: 1 })
    expect(middle.limit).toBe(125)
  })

  test('time without work does not count', () => {
    const resting = debloater()
    let nowMs = 0
    for (let index = 0; index < 50; index++) {
      resting.onTaken(1, nowMs)
      resting.onPause(nowMs + 1)
      nowMs += 60_000
    }
    expect(resting.limit).toBe(125)
  })

  test('small changes of the rate change nothing', () => {
    const steady = debloater()
    const nowMs = work(steady, { batches: 30, msPerRecord: 1 })
    work(steady, { batches: 30, msPerRecord: 0.85, fromMs: nowMs })
    expect(steady.limit).toBe(125)
    work(steady, { batches: 30, msPerRecord: 0.5, fromMs: nowMs })
    expect(steady.limit).toBeGreaterThan(190)
  })

  test('a consumer that becomes slow is given less after about a second of work', () => {
    const tiring = debloater()
    const nowMs = work(tiring, { batches: 100, msPerRecord: 0.01 })
    expect(tiring.limit).toBe(BATCH_RECORDS_MAX)
    work(tiring, { batches: 3, msPerRecord: 20, fromMs: nowMs })
    expect(tiring.limit).toBeLessThan(10)
  })

  test('a pause among the first batches is outweighed by those behind it', () => {
    const starting = debloater()
    starting.onTaken(1, 0)
    starting.onPause(500)
    const batches = 16 // two for each credit
    work(starting, { batches, msPerRecord: 0.02, fromMs: 500 })
    expect(starting.limit).toBe(BATCH_RECORDS_MAX)
  })

  test('a consumer that is known is given what its last second of work allows, whatever the last batches took', () => {
    const uneven = debloater()
    let nowMs = work(uneven, { batches: 100, msPerRecord: 1 })
    for (let round = 0; round < 20; round++) {
      nowMs = work(uneven, { batches: 1, msPerRecord: 1.8, fromMs: nowMs })
      nowMs = work(uneven, { batches: 1, msPerRecord: 0.2, fromMs: nowMs })
    }
    expect(uneven.limit).toBeLessThan(160)
  })

  test('without a target there is no limit but that of the job', () => {
    const off = new Debloater({ targetMs: undefined, recordsMax: 100 }, CREDITS)
    expect(off.limit).toBe(100)
    work(off, { batches: 3, msPerRecord: 1000 })
    expect(off.limit).toBe(100)
  })

  test('what waits is worth the target within a quarter, or one record for each credit', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 10_000, noNaN: true }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 10_000 }),
        (msPerRecord, credits, targetMs) => {
          const any = new Debloater({ targetMs, recordsMax: BATCH_RECORDS_MAX }, credits)
          work(any, { batches: 200, msPerRecord })
          expect(any.limit).toBeGreaterThanOrEqual(1)
          expect(any.limit).toBeLessThanOrEqual(BATCH_RECORDS_MAX)
          if (any.limit > 1) expect(credits * any.limit * msPerRecord).toBeLessThanOrEqual(targetMs * 1.34)
        },
      ),
    )
  })
})
