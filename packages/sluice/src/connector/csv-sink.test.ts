import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readTree } from '../testing/disk-files.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { SinkRun } from '../testing/sink-run.ts'
import { readAll } from '../testing/source-run.ts'
import { type CsvSinkOptions, csvSink } from './csv-sink.ts'
import { csvSource } from './csv-source.ts'

interface Row {
  readonly a: unknown
  readonly b?: unknown
}

async function written(rows: readonly Row[], options: Partial<CsvSinkOptions<Row>> = {}): Promise<string> {
  const disk = new MemoryDisk()
  const run = await SinkRun.start(csvSink<Row>('/out', { columns: ['a', 'b'], ...options }), { disk })
  run.write(...rows)
  await run.end()
  return visible(await readTree(disk, '/out')).join('---\n')
}

function visible(files: ReadonlyMap<string, string>): string[] {
  return [...files].filter(([path]) => !path.includes('/.')).map(([, text]) => text)
}

describe('csvSink', () => {
  test('writes a header and one row per record; fields that need it are quoted', async () => {
    const rows = [
      { a: 'x', b: 1.5 },
      { a: 'a "b", c', b: -3n },
      { a: 'two\nlines', b: true },
      { a: new Date('2026-01-31T10:00:00Z'), b: null },
      { a: '' },
    ]
    expect(await written(rows)).toBe('a,b\nx,1.5\n"a ""b"", c",-3\n"two\nlines",true\n2026-01-31T10:00:00.000Z,\n,\n')
    expect(await written(rows.slice(0, 1), { quoting: 'always', delimiter: ';' })).toBe('"a";"b"\n"x";"1.5"\n')
    expect(await written([{ a: null, b: '' }], { header: false, columns: ['a'] })).toBe('""\n')
  })

  test('every file begins with the header, also in folders and behind a checkpoint', async () => {
    const disk = new MemoryDisk()
    const run = await SinkRun.start(
      csvSink<Row>('/out', { columns: ['a'], bucketOf: ({ a }) => (Number(a) % 2 === 0 ? 'even' : 'odd') }),
      { disk },
    )
    run.write({ a: 1 }, { a: 2 })
    await run.checkpoint()
    run.write({ a: 3 })
    await run.end()
    expect(visible(await readTree(disk, '/out')).toSorted()).toEqual(['a\n1\n', 'a\n2\n', 'a\n3\n'])
  })

  test('a file that spans checkpoints has one header, also when another attempt continues it', async () => {
    const disk = new MemoryDisk()
    const sink = csvSink<Row>('/out', { columns: ['a'], roll: { sizeMax: '1mb' } })
    const first = await SinkRun.start(sink, { disk })
    first.write({ a: 1 })
    await first.checkpoint()
    first.write({ a: 2 })
    const { states } = await first.checkpoint()
    const second = await SinkRun.start(sink, { disk, restored: states })
    second.write({ a: 3 })
    await second.end()
    expect(visible(await readTree(disk, '/out'))).toEqual(['a\n1\n2\n3\n'])
  })

  test('csvSource reads what it writes', async () => {
    const anyText = fc.string({ unit: 'binary', maxLength: 6 }).map((text) => text.toWellFormed())
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ a: anyText, b: fc.option(fc.double({ noDefaultInfinity: true, noNaN: true })) }), {
          maxLength: 8,
        }),
        fc.constantFrom(',', ';', '\t', '-', ']', '^', '\\'),
        fc.constantFrom('minimal' as const, 'always' as const),
        async (rows, delimiter, quoting) => {
          const disk = new MemoryDisk()
          const sink = csvSink<Row>('/out', { columns: ['a', 'b'], delimiter, quoting })
          const run = await SinkRun.start(sink, { disk })
          run.write(...rows)
          await run.end()
          const types = { a: 'string', b: 'number' } as const
          const plusZero = rows.map(({ a, b }) => ({ a, b: b === 0 ? 0 : b }))
          expect(await readAll(csvSource('/out', { delimiter, types }), disk)).toEqual(plusZero)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('a text that begins with a byte order mark comes back, also at the start of a file', async () => {
    const disk = new MemoryDisk()
    const run = await SinkRun.start(csvSink<Row>('/out', { columns: ['a'], header: false }), { disk })
    run.write({ a: '\uFEFFx' })
    await run.end()
    expect(await readAll(csvSource('/out', { header: ['a'] }), disk)).toEqual([{ a: '\uFEFFx' }])
  })

  test('what has no text is SER1001 and names the column; columns that cannot be are refused', async () => {
    await expect(written([{ a: 1, b: {} }])).rejects.toMatchObject({
      code: 'SER1001',
      message: expect.stringContaining('"b"'),
    })
    await expect(written([{ a: new Date(Number.NaN) }])).rejects.toMatchObject({ code: 'SER1001' })
    expect(() => csvSink<Row>('/out', { columns: [] })).toThrow(expect.objectContaining({ code: 'CFG1002' }))
    expect(() => csvSink<Row>('/out', { columns: ['a', 'a'] })).toThrow(expect.objectContaining({ code: 'CFG1002' }))
  })
})
