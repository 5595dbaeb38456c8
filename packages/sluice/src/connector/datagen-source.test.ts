import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { datagenSource } from './datagen-source.ts'
import { SourceRun, readAll } from '../testing/source-run.ts'

const disk = new MemoryDisk()

describe('datagenSource', () => {
  test('generates count records in order with one subtask', async () => {
    expect(await readAll(datagenSource({ generate: (i) => i * 2, count: 1000 }), disk)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i * 2),
    )
  })

  test('a record depends on its index and the seed only, whatever the splits, the parallelism and the restarts', async () => {
    const generate = (index: number, random: { u32(): number }): string => `${index}:${random.u32()}:${random.u32()}`
    const expected = await readAll(datagenSource({ generate, count: 200, seed: 7 }), disk)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(200),
        async (splits, before, after, stopAt) => {
          const source = datagenSource({ generate, count: 200, seed: 7, splits })
          const first = new SourceRun(source, disk, before)
          await first.start()
          await first.read(stopAt, 7)
          const second = new SourceRun(source, disk, after, first.snapshot())
          await second.start()
          await second.read()
          expect([...first.records, ...second.records].toSorted()).toEqual(expected.toSorted())
        },
      ),
    )
  })

  test('another seed gives other records', async () => {
    const of = (seed: number): Promise<number[]> =>
      readAll(datagenSource({ generate: (_, random) => random.u32(), count: 3, seed }), disk)
    expect(await of(1)).not.toEqual(await of(2))
  })

  test('random numbers are spread evenly over neighbouring records', async () => {
    const values = await readAll(
      datagenSource({ generate: (_, random) => Math.floor(random.fraction() * 10), count: 20_000 }),
      disk,
    )
    for (let digit = 0; digit < 10; digit++)
      expect(values.filter((value) => value === digit).length).toBeGreaterThan(1800)
  })

  test('without count it never ends', async () => {
    const run = new SourceRun(datagenSource({ generate: (i) => i }), disk)
    await run.start()
    expect(await run.read(100_000)).toBe('more')
  })

  test('a reader with several splits keeps them side by side', async () => {
    const records = await readAll(datagenSource({ generate: (i) => i, count: 10_000, splits: 4 }), disk)
    let behind = 0
    let highest = 0
    for (const index of records) {
      highest = Math.max(highest, index)
      behind = Math.max(behind, highest - index)
    }
    expect(behind).toBeLessThan(256 * 4)
  })

  test('ratePerSecond lets through its share per second', async () => {
    const run = new SourceRun(datagenSource({ generate: (i) => i, count: 100, ratePerSecond: 10 }), disk)
    await run.start()
    const polled = async (): Promise<number> => {
      await run.read(0.5).catch(() => {})
      return run.records.length
    }
    expect(await polled()).toBe(1)
    run.env.advance(1000)
    await run.read(10)
    expect(run.records.length).toBe(11)
  })

  test('a count, rate or number of splits out of range is CFG1002', () => {
    const generate = (i: number): number => i
    expect(() => datagenSource({ generate, count: -1 })).toThrow(expect.objectContaining({ code: 'CFG1002' }))
    expect(() => datagenSource({ generate, splits: 0 })).toThrow(expect.objectContaining({ code: 'CFG1002' }))
    expect(() => datagenSource({ generate, ratePerSecond: 0 })).toThrow(expect.objectContaining({ code: 'CFG1002' }))
  })
})
