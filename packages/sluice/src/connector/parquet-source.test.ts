import { open, readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { zstdDecompressSync } from 'node:zlib'
import { parquetReadObjects } from 'hyparquet'
import { describe, expect, test } from 'vitest'
import type { Disk } from '../base/env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { parquetSource } from './parquet-source.ts'
import { writeFile } from '../testing/disk-files.ts'
import { SourceRun } from '../testing/source-run.ts'

/** 3,000,000 flights in 11 row groups, zstd. */
const FLIGHTS = fileURLToPath(
  new URL('../../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url),
)
const ROWS_PER_GROUP = 272_727

interface Flight {
  readonly date: number
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

/** The real file, read only. */
const realDisk: Disk = Object.assign(new MemoryDisk(), {
  stat: async (path: string) => ({ kind: 'file', sizeBytes: (await stat(path)).size, modifiedMs: 0 }),
  readRange: async (path: string, offset: number, length: number) => {
    const file = await open(path)
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset)
    await file.close()
    return buffer.subarray(0, bytesRead)
  },
})

/** The same rows by the library alone. */
async function reference(rowStart: number, rowEnd: number): Promise<Flight[]> {
  const bytes = await readFile(FLIGHTS)
  const rows = await parquetReadObjects({
    file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    rowStart,
    rowEnd,
    compressors: { ZSTD: (input) => zstdDecompressSync(input) },
  })
  return rows.map((row) => ({
    date: (row['date'] as Date).getTime(), // by the library's default
    delay: Number(row['delay']),
    distance: Number(row['distance']),
    origin: String(row['origin']),
    destination: String(row['destination']),
  }))
}

/** Row i of testdata/types.parquet: 60 rows in groups of 25, several pages per column, snappy. */
function typesRow(i: number): object {
  const isNull = i % 7 === 3
  return {
    id: i,
    big: isNull ? null : i % 5 === 0 ? 9007199254740993n * BigInt(i + 1) : i * 1000,
    word: isNull ? null : `w${i % 4}`,
    unique: isNull ? null : `ü${i}`,
    flag: isNull ? null : i % 3 === 0,
    ratio: isNull ? null : i / 3,
    at: isNull ? null : 1e12 + i * 1234,
    never: null,
    ['__proto__']: i % 2,
    tags: i % 2 === 1 ? ['a', `b${i}`] : [],
  }
}

function idOf(row: object): number {
  return 'id' in row ? Number(row.id) : -1
}

describe('parquetSource', () => {
  test('gives the rows that the library gives, as plain objects, across row groups', async () => {
    const run = new SourceRun(parquetSource<Flight>(FLIGHTS), realDisk)
    await run.start()
    await run.read(ROWS_PER_GROUP + 1000)
    expect(run.records.slice(0, 3000)).toEqual(await reference(0, 3000))
    expect(run.records.slice(-2000)).toEqual(await reference(ROWS_PER_GROUP - 1000, ROWS_PER_GROUP + 1000))
    expect(run.position()).toBe('flights-3m.parquet row group 1 row 999')
  })

  test('goes on behind the last row after a restart, with one split per row group', async () => {
    const source = parquetSource<Flight>(FLIGHTS, { columns: ['origin', 'delay'] })
    const first = new SourceRun(source, realDisk)
    await first.start()
    await first.read(12_345)
    const snapshot = structuredClone(first.snapshot())
    expect(snapshot.splits.length + snapshot.enumerator.splits.length).toBe(11)
    const second = new SourceRun(source, realDisk, 1, snapshot)
    await second.start()
    await second.read(100)
    const expected = (await reference(12_345, 12_445)).map(({ origin, delay }) => ({ origin, delay }))
    expect(second.records).toEqual(expected)
  })

  test('gives Date objects when asked', async () => {
    const run = new SourceRun(
      parquetSource<{ date: Date }>(FLIGHTS, { columns: ['date'], timestamps: 'date' }),
      realDisk,
    )
    await run.start()
    await run.read(1)
    expect(run.records[0]?.date).toEqual(new Date('2001-01-01T00:01:00Z'))
  })

  test('reads nulls, all plain types, dictionaries, big integers, lists and odd names, wherever it restarts', async () => {
    const bytes = await readFile(new URL('testdata/types.parquet', import.meta.url))
    const disk = new MemoryDisk()
    await writeFile(disk, '/in/types.parquet', bytes)
    const source = parquetSource('/in/types.parquet')
    for (const stopAt of [0, 1, 24, 25, 26, 59, 60]) {
      const first = new SourceRun(source, disk)
      await first.start()
      await first.read(stopAt, 7)
      const second = new SourceRun(source, disk, 2, first.snapshot())
      await second.start()
      await second.read()
      const rows = [...first.records, ...second.records].toSorted((a, b) => idOf(a) - idOf(b))
      expect(rows, `stopped at ${stopAt}`).toEqual(Array.from({ length: 60 }, (_, i) => typesRow(i)))
    }
  })

  test('a missing file is SRC1001, another kind of file SRC1002, an unknown column SRC1001', async () => {
    const disk = new MemoryDisk()
    await writeFile(disk, '/in/a.parquet', 'this is not a Parquet file at all')
    await expect(new SourceRun(parquetSource('/in/b.parquet'), disk).start()).rejects.toMatchObject({ code: 'SRC1001' })
    await expect(new SourceRun(parquetSource('/in'), disk).start()).rejects.toMatchObject({
      code: 'SRC1002',
      message: expect.stringContaining('/in/a.parquet'),
    })
    const run = new SourceRun(parquetSource(FLIGHTS, { columns: ['fare'] }), realDisk)
    await run.start()
    await expect(run.read(1)).rejects.toMatchObject({
      code: 'SRC1001',
      message: expect.stringContaining('It has: date, delay, distance, origin, destination'),
    })
  })

  test('a damaged page is SRC1002 and names row group and column', async () => {
    const bytes = await readFile(FLIGHTS)
    bytes.fill(0xff, 4, 40)
    const disk = new MemoryDisk()
    await writeFile(disk, '/in/flights.parquet', bytes)
    const run = new SourceRun(parquetSource('/in'), disk)
    await run.start()
    await expect(run.read(1)).rejects.toMatchObject({
      code: 'SRC1002',
      message: expect.stringContaining('row group 0: column "date"'),
    })
  })
})
