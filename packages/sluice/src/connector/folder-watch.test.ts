import { describe, expect, test } from 'vitest'
import { writeFile } from '../testing/disk-files.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { SinkRun } from '../testing/sink-run.ts'
import { SourceRun } from '../testing/source-run.ts'
import { csvSource } from './csv-source.ts'
import { WATCHED_FILES_MAX, fileEnumerator, type FileEnumeratorOptions } from './folder-watch.ts'
import { byteSplits, type FileSplit } from './file-splits.ts'
import { parquetSink } from './parquet-sink.ts'
import { parquetSource } from './parquet-source.ts'
import { jsonLinesSource, textSource } from './text-source.ts'

const WATCHED = textSource('/in', { monitor: '10s' })

type AnyRun = Pick<SourceRun<unknown, never, unknown>, 'env' | 'read' | 'records'>

/** The next looks, and what came of them. */
async function look(run: AnyRun, count: number): Promise<unknown[]> {
  const before = run.records.length
  await run.env.advanceAndSettle(10_000)
  await run.read(count)
  return run.records.slice(before)
}

describe('a watched folder', () => {
  test('files that arrive while the job runs are read once, in folders too', async () => {
    const disk = new MemoryDisk()
    await writeFile(disk, '/in/1.txt', 'a\nb\n')
    const run = new SourceRun(WATCHED, disk)
    await run.start()
    expect(await look(run, 2)).toEqual(['a', 'b'])
    await writeFile(disk, '/in/deep/2.txt', 'c\n')
    await writeFile(disk, '/in/0.txt', 'd\n')
    expect(await look(run, 2)).toEqual(['d', 'c'])
    await run.env.advanceAndSettle(60_000)
    expect(run.snapshot()).toEqual({
      enumerator: { splits: [], seen: ['/in/1.txt', '/in/0.txt', '/in/deep/2.txt'], nextIndex: 3 },
      splits: [],
    })
  })

  test('a file that is hidden, unfinished or empty has not arrived yet', async () => {
    const disk = new MemoryDisk()
    for (const name of ['.a', '_b', 'c.tmp', 'd.in-progress']) await writeFile(disk, `/in/${name}`, 'no\n')
    await writeFile(disk, '/in/empty', '')
    await writeFile(disk, '/in/z', 'yes\n')
    const run = new SourceRun(WATCHED, disk)
    await run.start()
    expect(await look(run, 1)).toEqual(['yes'])
    await disk.rename('/in/c.tmp', '/in/c')
    await writeFile(disk, '/in/empty', 'now\n')
    expect(await look(run, 2)).toEqual(['no', 'now'])
  })

  test('a path is read once, whatever is written to it later, until it is gone', async () => {
    const disk = new MemoryDisk()
    await writeFile(disk, '/in/a', 'first\n')
    const run = new SourceRun(WATCHED, disk)
    await run.start()
    await look(run, 1)
    await writeFile(disk, '/in/a', 'first\nmore\n')
    await run.env.advanceAndSettle(20_000)
    await disk.remove('/in/a')
    await run.env.advanceAndSettle(20_000)
    expect(run.snapshot().enumerator.seen).toEqual([])
    await writeFile(disk, '/in/a', 'another\n')
    expect(await look(run, 1)).toEqual(['another'])
    expect(run.records).toEqual(['first', 'another'])
  })

  test('a restored source goes on with what was not read, and reads nothing again', async () => {
    const disk = new MemoryDisk()
    const source = jsonLinesSource<number>('/in', { monitor: '10s', splitBytes: '4b' })
    await writeFile(disk, '/in/a', '1\n2\n3\n4\n5\n6\n')
    const first = new SourceRun(source, disk)
    await first.start()
    await look(first, 3)
    const snapshot = structuredClone(first.snapshot())
    await writeFile(disk, '/in/b', '7\n8\n')
    const second = new SourceRun(source, disk, 2, snapshot)
    await second.start()
    await look(second, 5)
    expect(second.records.toSorted((a, b) => a - b)).toEqual([4, 5, 6, 7, 8])
  })

  test('splits of all files have different ids, also when a path comes back', async () => {
    const disk = new MemoryDisk()
    await writeFile(disk, '/in/a', 'x\n')
    const run = new SourceRun(WATCHED, disk)
    await run.start()
    await look(run, 1)
    await disk.remove('/in/a')
    await run.env.advanceAndSettle(10_000)
    await writeFile(disk, '/in/a', 'y\n')
    await look(run, 1)
    await run.env.advanceAndSettle(10_000)
    await run.read(0)
    await run.env.settle()
    expect(new Set(run.finishedSplits).size).toBe(run.finishedSplits.length)
  })

  test('a path that comes back has columns of its own', async () => {
    const disk = new MemoryDisk()
    await writeFile(disk, '/in/a.csv', 'a,b\n1,2\n')
    const run = new SourceRun(csvSource('/in', { monitor: '10s' }), disk)
    await run.start()
    await look(run, 1)
    await disk.remove('/in/a.csv')
    await run.env.advanceAndSettle(10_000)
    await writeFile(disk, '/in/a.csv', 'b,a\n1,2\n') // as long as the other
    await look(run, 1)
    expect(run.records).toEqual([
      { a: '1', b: '2' },
      { b: '1', a: '2' },
    ])
  })

  test('a Parquet file that comes to the path of another is read by its own footer', async () => {
    const disk = new MemoryDisk()
    for (const [n, columns] of (
      [
        { a: 'int32', b: 'string' },
        { b: 'string', a: 'int32' },
      ] as const
    ).entries()) {
      const sink = await SinkRun.start(parquetSink<{ a: number; b: string }>(`/out${n}`, { columns }), { disk })
      sink.write({ a: n, b: `text ${n}` })
      await sink.end()
    }
    const made = async (n: number): Promise<string> => {
      const entries = await disk.list(`/out${n}`)
      return `/out${n}/${entries.find(({ name }) => name.endsWith('.parquet'))?.name ?? ''}`
    }
    await disk.makeDirectory('/in')
    await disk.rename(await made(0), '/in/a.parquet')
    const run = new SourceRun(parquetSource('/in', { monitor: '10s' }), disk)
    await run.start()
    await look(run, 1)
    await disk.remove('/in/a.parquet')
    await run.env.advanceAndSettle(10_000)
    await disk.rename(await made(1), '/in/a.parquet')
    await look(run, 1)
    expect(run.records).toEqual([
      { a: 0, b: 'text 0' },
      { b: 'text 1', a: 1 },
    ])
  })

  test('CSV and Parquet files are watched by their names', async () => {
    const disk = new MemoryDisk()
    await writeFile(disk, '/in/readme.txt', 'hello')
    const csv = new SourceRun(csvSource('/in', { monitor: '10s' }), disk)
    await csv.start()
    await writeFile(disk, '/in/a.csv', 'x\n1\n')
    expect(await look(csv, 1)).toEqual([{ x: '1' }])
    expect(parquetSource('/in', { monitor: '10s' }).boundedness).toBe('continuous')
    expect(parquetSource('/in').boundedness).toBe('bounded')
    expect(parquetSource('/in').identity).toEqual({ paths: ['/in'] })
  })

  test('a folder that is not there when the job starts is SRC1001; one that is away later is seen again', async () => {
    const disk = new MemoryDisk()
    await expect(new SourceRun(WATCHED, disk).start()).rejects.toMatchObject({ code: 'SRC1001' })
    await writeFile(disk, '/in/a', 'a\n')
    const run = new SourceRun(WATCHED, disk)
    await run.start()
    await look(run, 1)
    await disk.rename('/in', '/away')
    await run.env.advanceAndSettle(10_000)
    expect(run.failure).toBeUndefined()
  })

  test('more files than can be remembered fail the job with SRC1008', async () => {
    const files = Array.from({ length: WATCHED_FILES_MAX + 1 }, (_, i) => ({ path: `/in/${i}`, sizeBytes: 1 }))
    const disk = new MemoryDisk()
    await disk.makeDirectory('/in')
    const crowded: MemoryDisk = Object.assign(Object.create(disk), {
      list: async () => files.map(({ path }) => ({ name: path.slice(4), kind: 'file' })),
      stat: async (path: string) => ({ kind: path === '/in' ? 'directory' : 'file', sizeBytes: 1, modifiedMs: 0 }),
    }) // the same disk, but for these two
    let look: { call: () => unknown; handle: (found: never) => void } | undefined
    const options: FileEnumeratorOptions<FileSplit> = {
      kind: 'text',
      paths: '/in',
      suffixes: [],
      findAll: async () => files,
      splitsOf: async (_disk, found, order) => byteSplits(found, 10, order),
      sizeOf: () => 1,
    }
    const enumerator = fileEnumerator<FileSplit>(
      {
        env: new SourceRun(WATCHED, crowded).env,
        parallelism: 1,
        registeredReaders: () => [],
        assign: () => {},
        noMoreSplits: () => {},
        sendEventToSourceReader: () => {},
        callAsync: (call, handle) => {
          look = { call, handle }
          return { cancel: () => {} }
        },
        fail: () => {},
      },
      undefined,
      { ...options, monitor: { intervalMs: 1000 }, fileOrder: undefined },
    )
    await enumerator.start()
    const found = await look?.call()
    expect(() => look?.handle(found as never)).toThrow(expect.objectContaining({ code: 'SRC1008' })) // what its own call gave
  })
})
