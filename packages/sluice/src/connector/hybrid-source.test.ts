import { describe, expect, test } from 'vitest'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { SourceRun, readAll } from '../testing/source-run.ts'
import { collectionSource } from './collection-source.ts'
import { datagenSource } from './datagen-source.ts'
import { HybridSource } from './hybrid-source.ts'
import type { Source } from './source.ts'

const endless = (): Source<number> => datagenSource({ generate: (index) => index })

/** Counts on from where the one before has ended, which its enumerator knows. */
function countingSource(first: number, count: number): Source<number> {
  const items = Array.from({ length: count }, (_, index) => first + index)
  const inner = collectionSource(items)
  return {
    ...inner,
    createEnumerator: (...[context, restored]: Parameters<typeof inner.createEnumerator>) => {
      const enumerator = inner.createEnumerator(context, restored)
      return Object.assign(enumerator, { endState: () => ({ next: first + count }) })
    },
  }
}

function counted(count: number, more: number): Source<number> {
  return HybridSource.builder(countingSource(0, count))
    .addSource(({ previousEndState }) => countingSource((previousEndState as { next: number }).next, more), 'bounded') // see countingSource
    .addSource(({ previousEndState }) => countingSource((previousEndState as { next: number }).next, more), 'bounded') // see countingSource
    .build()
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const byNumber = (a: number, b: number): number => a - b

describe('a hybrid source', () => {
  test('reads its sources one after the other', async () => {
    const source = HybridSource.builder(collectionSource([1, 2, 3]))
      .addSource(collectionSource([10, 20]))
      .addSource(collectionSource([100]))
      .build()
    expect(await readAll(source, new MemoryDisk())).toEqual([1, 2, 3, 10, 20, 100])
  })

  test('begins no source before every reader has finished the one before', async () => {
    const source = HybridSource.builder(collectionSource(upTo(50)))
      .addSource(collectionSource(upTo(50).map((index) => 1000 + index)))
      .build()
    const records = await readAll(source, new MemoryDisk(), 3)
    expect(records.slice(0, 50).every((value) => value < 1000)).toBe(true)
    expect(records.toSorted(byNumber)).toEqual([...upTo(50), ...upTo(50).map((index) => 1000 + index)])
  })

  test('a source made later begins where the one before has ended', async () => {
    expect(await readAll(counted(5, 3), new MemoryDisk())).toEqual(upTo(11))
  })

  test('is as bounded as its last source, and its identity is that of all', () => {
    const build = (): Source<number> =>
      HybridSource.builder(collectionSource([1]))
        .addSource(() => endless(), 'continuous')
        .build()
    expect(build()).toMatchObject({
      kind: 'hybrid',
      boundedness: 'continuous',
      identity: { sources: [{ kind: 'collection' }, { kind: 'made later', boundedness: 'continuous' }] },
    })
    expect(build().identity).toEqual(build().identity)
  })

  test.each([1, 2, 3])('goes on exactly where a checkpoint was, with %i readers', async (parallelism) => {
    for (let cut = 0; cut <= 40; cut += 1 + (cut % 3)) {
      const first = new SourceRun(counted(12, 9), new MemoryDisk(), parallelism)
      await first.start()
      await first.read(cut, 2)
      const snapshot = structuredClone(first.snapshot())
      await first.close()
      const second = new SourceRun(counted(12, 9), new MemoryDisk(), (parallelism % 3) + 1, snapshot)
      await second.start()
      await second.read()
      await second.close()
      expect([...first.records, ...second.records].toSorted(byNumber), `cut at ${cut}`).toEqual(upTo(30))
    }
  })

  test('nothing can come behind a source that never ends', () => {
    const builder = HybridSource.builder(endless())
    expect(() => builder.addSource(collectionSource([1]))).toThrow(expect.objectContaining({ code: 'SRC1007' }))
    const later = HybridSource.builder<number>(collectionSource([1])).addSource(() => endless(), 'continuous')
    expect(() => later.addSource(collectionSource([1]))).toThrow('source 2 of a hybrid source never ends')
  })

  test('a function needs to say what it makes', () => {
    const builder = HybridSource.builder<number>(collectionSource([1]))
    // @ts-expect-error boundedness is required with a function
    expect(() => builder.addSource(() => endless())).toThrow(expect.objectContaining({ code: 'SRC1007' }))
  })

  test('a function that makes something else than announced fails the source', async () => {
    const source = HybridSource.builder<number>(collectionSource([1]))
      .addSource(() => endless(), 'bounded')
      .build()
    await expect(readAll(source, new MemoryDisk())).rejects.toMatchObject({ code: 'SRC1007' })
  })
})
