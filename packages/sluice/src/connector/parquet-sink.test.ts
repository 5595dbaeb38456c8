import { describe, expect, test } from 'vitest'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { SinkRun } from '../testing/sink-run.ts'
import { readAll } from '../testing/source-run.ts'
import type { ParquetColumnTypes } from './parquet-columns.ts'
import { type ParquetSinkOptions, parquetSink } from './parquet-sink.ts'
import { parquetSource } from './parquet-source.ts'

const COLUMNS = {
  text: 'string',
  flag: 'boolean',
  small: 'int32',
  big: 'int64',
  narrow: 'float',
  wide: 'double',
  at: 'timestamp',
  day: 'date',
  any: 'json',
  id: 'uuid',
  tags: { list: 'string' },
  counts: { list: 'int64' },
} as const satisfies ParquetColumnTypes

const DAY_MS = 86_400_000

/** As the source gives it. */
function row(i: number): Readonly<Record<string, unknown>> {
  const isNull = i % 5 === 4
  return {
    text: isNull ? null : `é${i % 7}`,
    flag: isNull ? null : i % 2 === 0,
    small: isNull ? null : 7 - i,
    big: isNull ? null : i % 3 === 0 ? 9007199254740993n * BigInt(i + 1) : i,
    narrow: isNull ? null : i / 4,
    wide: isNull ? null : i / 3,
    at: isNull ? null : 1.7e12 + i,
    day: isNull ? null : i * DAY_MS,
    any: isNull ? null : { deep: [i, { x: null }] },
    id: isNull ? null : `00000000-0000-0000-0000-${String(i).padStart(12, '0')}`,
    tags: isNull ? null : i % 3 === 0 ? [] : ['a', null, `t${i}`],
    counts: isNull ? null : [i, i + 1],
  }
}

function rows(count: number): Readonly<Record<string, unknown>>[] {
  return Array.from({ length: count }, (_, i) => row(i))
}

type Row = Readonly<Record<string, unknown>>

async function roundTrip(count: number, options: Partial<ParquetSinkOptions<Row>>): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const run = await SinkRun.start(parquetSink<Row>('/out', { columns: COLUMNS, ...options }), { disk })
  run.write(...rows(count))
  await run.end()
  expect(run.failure).toBeUndefined()
  expect(await readAll(parquetSource<Row>('/out'), disk)).toEqual(rows(count))
  return disk
}

describe('parquetSink', () => {
  test.each(['none', 'snappy', 'gzip', 'zstd'] as const)(
    'parquetSource reads what it writes, all types and nulls (%s)',
    async (compression) => {
      await roundTrip(100, { compression })
    },
  )

  test('row groups end by rows or by size, files by size', async () => {
    await roundTrip(100, { rowGroup: 7 })
    await roundTrip(100, { rowGroup: '500b' })
    const disk = await roundTrip(100, { rowGroup: 10, roll: { every: 'checkpoint', sizeMax: '2kb' } })
    expect(disk.files().filter((path) => path.endsWith('.parquet')).length).toBeGreaterThan(3)
  })

  test('each checkpoint ends a file, and what was written behind it is not visible', async () => {
    const disk = new MemoryDisk()
    const run = await SinkRun.start(parquetSink<Row>('/out', { columns: COLUMNS, rowGroup: 3 }), { disk })
    run.write(...rows(10))
    await run.checkpoint()
    run.write(row(10), row(11))
    expect(await readAll(parquetSource<Row>('/out'), disk)).toEqual(rows(10))
    await run.checkpoint()
    expect(await readAll(parquetSource<Row>('/out'), disk)).toEqual(rows(12))
    await run.checkpoint()
    expect(disk.files().filter((path) => path.endsWith('.parquet'))).toHaveLength(2)
  })

  test('folders have files of their own', async () => {
    const disk = new MemoryDisk()
    const sink = parquetSink<Row>('/out', {
      columns: { small: 'int32' },
      bucketOf: ({ small }) => `k=${Number(small) % 2}`,
    })
    const run = await SinkRun.start(sink, { disk })
    run.write({ small: 1 }, { small: 2 }, { small: 3 })
    await run.end()
    expect(await readAll(parquetSource('/out/k=1'), disk)).toEqual([{ small: 1 }, { small: 3 }])
    expect(await readAll(parquetSource('/out/k=0'), disk)).toEqual([{ small: 2 }])
  })

  test('a record may change behind its write, and moments may come as milliseconds', async () => {
    const disk = new MemoryDisk()
    const columns = { any: 'json', tags: { list: 'string' }, at: 'timestamp', day: 'date' } as const
    const run = await SinkRun.start(parquetSink<Row>('/out', { columns }), { disk })
    const record = { any: { n: 1 }, tags: ['a'], at: 5, day: new Date(-1) }
    run.write(record)
    record.any.n = 2
    record.tags.push('b')
    record.day.setTime(0)
    await run.end()
    expect(await readAll(parquetSource('/out'), disk)).toEqual([{ any: { n: 1 }, tags: ['a'], at: 5, day: -DAY_MS }])
  })

  test.each([
    ['string', 1],
    ['boolean', 'true'],
    ['int32', 2 ** 31],
    ['int32', 1.5],
    ['int64', 1.5],
    ['int64', 2n ** 63n],
    ['double', '1'],
    ['float', 1e300],
    ['timestamp', 'now'],
    ['date', Number.NaN],
    ['json', 1n],
    ['uuid', 'abc'],
    [{ list: 'int32' }, [1, 'x']],
    [{ list: 'int32' }, 1],
  ] as const)(
    'a value that does not fit its column (%j) is SER1001, and nothing of the record is written',
    async (type, value) => {
      const disk = new MemoryDisk()
      const run = await SinkRun.start(parquetSink<Row>('/out', { columns: { a: 'int32', b: type } }), { disk })
      expect(() => run.write({ a: 1, b: value })).toThrow(
        expect.objectContaining({ code: 'SER1001', message: expect.stringContaining('"b"') }),
      )
      run.write({ a: 2, b: null })
      await run.end()
      expect(await readAll(parquetSource('/out'), disk)).toEqual([{ a: 2, b: null }])
    },
  )

  test('options that do not fit are refused when the graph is built', () => {
    const refused = (options: object, code: string): void =>
      expect(() => parquetSink('/out', { columns: { a: 'int32' }, ...options })).toThrow(
        expect.objectContaining({ code }),
      )
    refused({ columns: {} }, 'CFG1002')
    refused({ columns: { a: 'decimal' } }, 'CFG1002')
    refused({ columns: { a: { list: { list: 'int32' } } } }, 'CFG1002')
    refused({ rowGroup: 0 }, 'CFG1002')
    refused({ rowGroup: '0b' }, 'CFG1002')
    refused({ compression: 'lzo' }, 'CFG1002')
    refused({ roll: { sizeMax: '1mb' } }, 'CFG1003')
  })
})
