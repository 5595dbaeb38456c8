import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { collectionSource } from './collection-source.ts'
import { SourceRun, readAll } from '../testing/source-run.ts'

const disk = new MemoryDisk()

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b)
}

test('with parallelism 1 the items come in order', async () => {
  const items = Array.from({ length: 10_000 }, (_, i) => i)
  expect(await readAll(collectionSource(items), disk)).toEqual(items)
})

test('several subtasks share the items; each comes once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer()), fc.integer({ min: 2, max: 5 }), async (items, parallelism) => {
      const read = await readAll(collectionSource(items), disk, parallelism)
      expect(ascending(read)).toEqual(ascending(items))
    }),
  )
})

test('a restart with another parallelism loses and repeats nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(60),
      fc.nat(60),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      async (length, stopAt, before, after) => {
        const items = Array.from({ length }, (_, i) => i)
        const source = collectionSource(items)
        const first = new SourceRun(source, disk, before)
        await first.start()
        await first.read(stopAt, 2)
        const second = new SourceRun(source, disk, after, first.snapshot())
        await second.start()
        await second.read()
        expect([...first.records, ...second.records].toSorted((a, b) => a - b)).toEqual(items)
      },
    ),
  )
})

test('the identity depends on the items, also on those that JSON cannot say', () => {
  const identity = (items: readonly unknown[]): unknown => collectionSource(items).identity
  expect(identity([1, 2])).toEqual(identity([1, 2]))
  expect(identity([1, 2])).not.toEqual(identity([2, 1]))
  expect(identity([1n])).not.toEqual(identity([2n]))
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  expect(identity([cyclic])).toMatchObject({ count: 1 })
})
