import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writeFile } from '../testing/disk-files.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { SourceRun, readAll, type SourceSnapshot } from '../testing/source-run.ts'
import type { CsvSplit } from './csv-files.ts'
import { csvSource } from './csv-source.ts'
import { DEAD_LETTER } from './error-policy.ts'
import type { FileEnumeratorState } from './folder-watch.ts'
import type { DeadLetter } from './text-source.ts'

async function diskWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  for (const [path, content] of Object.entries(files)) await writeFile(disk, path, content)
  return disk
}

/** RFC 4180, the naive way. */
function csvText(rows: readonly (readonly string[])[], newline: string): string {
  const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return rows.map((row) => row.map(field).join(',') + newline).join('')
}

const anyField = fc
  .array(fc.constantFrom('a', 'é', '😀', '"', '""', ',', '\n', '\r\n', ' ', '\t', ';', '#', '1'), { maxLength: 6 })
  .map((parts) => parts.join(''))
/** Not blank: that is no record. */
const anyRows = fc.array(
  fc.tuple(anyField, anyField, anyField).filter((row) => row.join('') !== ''),
  { maxLength: 12 },
)

describe('csvSource', () => {
  test('every row comes once and in order, whatever is in quotes and wherever the job restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyRows,
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 6 }),
        async (rows, newline, hasBom, restarts) => {
          const disk = await diskWith({
            '/in.csv': (hasBom ? '\uFEFF' : '') + csvText([['x', 'y', 'z'], ...rows], newline),
          })
          const source = csvSource('/in.csv')
          const seen: unknown[] = []
          let snapshot: SourceSnapshot<CsvSplit, FileEnumeratorState<CsvSplit>> | undefined
          for (const count of [...restarts, Infinity]) {
            const run = new SourceRun(source, disk, 1, snapshot)
            await run.start()
            await run.read(count, 2)
            snapshot = structuredClone(run.snapshot())
            seen.push(...run.records)
            await run.close()
          }
          expect(seen).toEqual(rows.map(([x, y, z]) => ({ x, y, z })))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('files without line breaks in quotes may be read in pieces by several readers', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => [String(i), `"name, ${i}"`])
    const text = `id,name\n${rows.map((row) => row.join(',')).join('\n')}`
    const disk = await diskWith({ '/in.csv': text })
    for (const splitBytes of ['1b', '3b', '17b', '100b']) {
      const records = await readAll(
        csvSource('/in.csv', { splittable: true, splitBytes, types: { id: 'number', name: 'string' } }),
        disk,
        3,
      )
      expect(records.toSorted((a, b) => Number(a.id) - Number(b.id))).toEqual(
        rows.map((_, i) => ({ id: i, name: `name, ${i}` })),
      )
    }
  })

  test('types make values of texts; an empty field is null, a column without a type holds strings', async () => {
    const text =
      'n,b,i,d,s,other\n1.5,TRUE,-12345678901234567890,2026-01-31,x,y\n,,,,,\n-1e3,false,+7,2026-01-31 10:20:30,"",z\n0,true,0,2026-01-31T10:20:30.5+02:00,a,b\n'
    const disk = await diskWith({ '/in.csv': text })
    const types = { n: 'number', b: 'boolean', i: 'bigint', d: 'date', s: 'string' } as const
    expect(await readAll(csvSource('/in.csv', { types }), disk)).toEqual([
      { n: 1.5, b: true, i: -12345678901234567890n, d: new Date('2026-01-31T00:00:00Z'), s: 'x', other: 'y' },
      { n: null, b: null, i: null, d: null, s: '', other: '' },
      { n: -1000, b: false, i: 7n, d: new Date('2026-01-31T10:20:30Z'), s: '', other: 'z' },
      { n: 0, b: true, i: 0n, d: new Date('2026-01-31T08:20:30.500Z'), s: 'a', other: 'b' },
    ])
  })

  test.each([
    ['number', ['0x10', '0b1', ' 1', '1 ', '\u00a01', '1_000', '', '.', '-', 'e5', '1e400', '-1e400', 'infinity']],
    [
      'date',
      ['2026-02-29', '2026-04-31T10:00', '2026-13-01', '2026-00-10', '2026-1-1', '2026-01-01T25:00', '2026-01-01x'],
    ],
    ['bigint', ['1.0', '0x1', ' 1', '1e3']],
    ['boolean', ['yes', '1', ' true']],
  ] as const)('what JavaScript alone would take for a %s is refused', async (type, texts) => {
    for (const text of texts.filter((each) => each !== '')) {
      const disk = await diskWith({ '/in.csv': `a\n"${text}"\n` })
      const run = new SourceRun(csvSource('/in.csv', { types: { a: type }, onError: 'skip' }), disk)
      await run.start()
      await run.read()
      expect([text, run.records, run.counts.get('skippedRecords')]).toEqual([text, [], 1])
    }
  })

  test('numbers and dates are what String and toISOString make of them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double(), fc.date({ noInvalidDate: true }), async (n, d) => {
        const disk = await diskWith({ '/in.csv': `n,d\n${n},${d.toISOString()}\n` })
        const types = { n: 'number', d: 'date' } as const
        expect(await readAll(csvSource('/in.csv', { types }), disk)).toEqual([{ n: n === 0 ? 0 : n, d }])
      }),
      { numRuns: 200 },
    )
  })

  test('trim takes spaces and tabs, and no tab that is the delimiter', async () => {
    const disk = await diskWith({ '/in.csv': 'a\tb\n\t\n  \u00a0x \t" y"  \n', '/b.csv': 'a,b\n\u00a0, \tz\t\n \n' })
    expect(await readAll(csvSource('/in.csv', { delimiter: '\t', trim: true }), disk)).toEqual([
      { a: '', b: '' },
      { a: '\u00a0x', b: ' y' },
    ])
    expect(await readAll(csvSource('/b.csv', { trim: true }), disk)).toEqual([{ a: '\u00a0', b: 'z' }])
  })

  test('a byte order mark costs no row, however small the pieces are', async () => {
    const disk = await diskWith({ '/in.csv': '\uFEFF1,2\n3,4\n' })
    for (const splitBytes of ['1b', '2b', '3b', '4b', '5b']) {
      const source = csvSource('/in.csv', { header: ['a', 'b'], splittable: true, splitBytes })
      expect([splitBytes, await readAll(source, disk)]).toEqual([
        splitBytes,
        [
          { a: '1', b: '2' },
          { a: '3', b: '4' },
        ],
      ])
    }
  })

  test('a file whose rows end with a carriage return alone is refused, not read as a header', async () => {
    const disk = await diskWith({ '/in.csv': 'a,b\r1,2\r3,4' })
    await expect(readAll(csvSource('/in.csv'), disk)).rejects.toMatchObject({
      code: 'SRC1002',
      message: expect.stringContaining('\\r'),
    })
  })

  test('a dialect of its own: delimiter, quote, escape, comments, spaces', async () => {
    const text = "# made by hand\n a ; b \n 'x;1' ;  y\n\n#'no row\n'it\\'s';'two\nlines'\n"
    const disk = await diskWith({ '/in.csv': text })
    const options = { delimiter: ';', quoteChar: "'", escapeChar: '\\', comment: '#', trim: true }
    expect(await readAll(csvSource('/in.csv', options), disk)).toEqual([
      { a: 'x;1', b: 'y' },
      { a: "it's", b: 'two\nlines' },
    ])
  })

  test('names may be given, rows may be arrays, and parse makes records of either', async () => {
    const disk = await diskWith({ '/in.csv': '1,2\n3,4,5\n' })
    expect(await readAll(csvSource('/in.csv', { header: false }), disk)).toEqual([
      ['1', '2'],
      ['3', '4', '5'],
    ])
    const sums = csvSource('/in.csv', {
      header: false,
      parse: (row) => row.reduce((sum, text) => sum + Number(text), 0),
    })
    expect(await readAll(sums, disk)).toEqual([3, 12])
    const named = csvSource('/in.csv', { header: ['a', 'b'], onError: 'skip', parse: (row) => Number(row['a']) })
    expect(await readAll(named, disk)).toEqual([1])
  })

  test('each file of a folder has its own header, in its own order; an empty file has no records', async () => {
    const disk = await diskWith({
      '/in/1.csv': 'a,b\n1,2\n',
      '/in/2.csv': 'b,a\n3,4\n',
      '/in/3.csv': 'a,b\n',
      '/in/4.csv': '\n',
      '/in/x.txt': 'no',
    })
    expect(await readAll(csvSource('/in', { types: { a: 'number' } }), disk)).toEqual([
      { a: 1, b: '2' },
      { b: '3', a: 4 },
    ])
  })

  test('a column named __proto__ is a column', async () => {
    const disk = await diskWith({ '/in.csv': '__proto__,"a""b"\n1,2\n' })
    const [record] = await readAll(csvSource<object>('/in.csv'), disk)
    expect(Object.entries(record ?? {})).toEqual([
      ['__proto__', '1'],
      ['a"b', '2'],
    ])
  })

  test('records and dead letters come once, wherever it restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('good', 'bad', 'blank', 'broken'), { maxLength: 30 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }),
        async (kinds, restarts) => {
          const lines = { good: '1,x', bad: 'one,x', broken: '1,"x"y"' }
          const rows = kinds.map((kind, n) => (kind === 'blank' ? '' : `${n},${lines[kind]}`))
          const disk = await diskWith({ '/in.csv': `n,v,t\n${rows.join('\n')}\n` })
          const source = csvSource('/in.csv', { types: { v: 'number' }, onError: 'dead-letter' })
          const records: unknown[] = []
          const letters: unknown[] = []
          let snapshot: SourceSnapshot<CsvSplit, FileEnumeratorState<CsvSplit>> | undefined
          for (const count of [...restarts, Infinity]) {
            const run = new SourceRun(source, disk, 1, snapshot)
            await run.start()
            await run.read(count, 2)
            snapshot = structuredClone(run.snapshot())
            for (const record of run.records) records.push(Object.values(record)[0])
            for (const { value } of run.sideRecords) letters.push(value)
            await run.close()
          }
          const numbersOf = (...wanted: readonly string[]): string[] =>
            [...kinds.keys()].filter((n) => wanted.includes(kinds[n] ?? '')).map(String)
          expect(records).toEqual(numbersOf('good'))
          expect(letters.map((letter) => (letter as DeadLetter).line.split(',')[0])).toEqual(numbersOf('bad', 'broken')) // what the source sets aside
        },
      ),
      { numRuns: 150 },
    )
  })

  test.each([
    ['a,b\n1,2\n3\n5,6\n', 'row 3', 'it has 1 fields where there are 2 columns'],
    ['a,b\n1,2\n3,4,5\n5,6\n', 'row 3', 'it has 3 fields'],
    ['a,b\n1,2\n"x"y,4\n5,6\n', 'row 3', 'follows a closing quote'],
    ['a,b\n1,2\nz,4\n5,6\n', 'row 3', 'column "a" is no number: "z"'],
  ])('a row that cannot be decoded follows the policy: %j', async (text, place, reason) => {
    const disk = await diskWith({ '/in.csv': text })
    const types = { a: 'number' } as const
    const failing = new SourceRun(csvSource('/in.csv', { types }), disk)
    await failing.start()
    await expect(failing.read()).rejects.toMatchObject({ code: 'SRC1002', message: expect.stringContaining(place) })
    const skipping = new SourceRun(csvSource('/in.csv', { types, onError: 'skip' }), disk)
    await skipping.start()
    await skipping.read()
    expect(skipping.records.map(({ a }) => a)).toEqual([1, 5])
    expect([...skipping.counts]).toEqual([['skippedRecords', 1]])
    const letters = new SourceRun(csvSource('/in.csv', { types, onError: 'dead-letter' }), disk)
    await letters.start()
    await letters.read()
    expect(letters.sideRecords).toEqual([
      {
        tag: DEAD_LETTER,
        value: expect.objectContaining({ file: '/in.csv', offset: 8, error: expect.stringContaining(reason) }),
      },
    ])
    expect([...letters.counts]).toEqual([['deadLetterRecords', 1]])
  })

  test('a quote that is never closed, and bytes that are no UTF-8, are bad rows', async () => {
    const disk = await diskWith({
      '/1.csv': 'a\nx\n"open\ny\n',
      '/2.csv': Buffer.concat([Buffer.from('a\nx\n'), Buffer.from([0xff, 10]), Buffer.from('y\n')]),
    })
    const read = async (path: string): Promise<unknown> => {
      const run = new SourceRun(csvSource(path, { onError: 'dead-letter' }), disk)
      await run.start()
      await run.read()
      return [run.records, run.sideRecords.map(({ value }) => (value as { error: string }).error)] // a DeadLetter
    }
    expect(await read('/1.csv')).toEqual([[{ a: 'x' }], ['a quoted field is not closed']])
    expect(await read('/2.csv')).toEqual([[{ a: 'x' }, { a: 'y' }], ['it is not valid UTF-8']])
  })

  test.each([
    ['a,a\n1,2\n', {}, 'names column "a" twice'],
    ['a,b\n1,2\n', { types: { c: 'number' } }, 'it has no column "c"; it has a, b'],
    ['"a\n', {}, 'a quoted field is not closed'],
  ] as const)('a header that cannot be used is SRC1002: %j', async (text, options, problem) => {
    const run = new SourceRun(csvSource('/in.csv', options), await diskWith({ '/in.csv': text }))
    await run.start()
    await expect(run.read()).rejects.toMatchObject({ code: 'SRC1002', message: expect.stringContaining(problem) })
  })

  test('rows longer than a read, and files of many reads, come whole', async () => {
    const long = `${'x"",\n'.repeat(120_000)}`
    const rows = Array.from({ length: 30_000 }, (_, i) => `${i},"line\n${i}"`)
    const disk = await diskWith({ '/in.csv': `n,text\n${rows.join('\n')}\n-1,"${long}"\n-2,end` })
    const records = await readAll(csvSource<{ n: string; text: string }>('/in.csv'), disk)
    expect(records).toHaveLength(30_002)
    expect(records[29_999]).toEqual({ n: '29999', text: 'line\n29999' })
    expect(records[30_000]?.text).toBe(long.replaceAll('""', '"'))
    expect(records[30_001]).toEqual({ n: '-2', text: 'end' })
  })

  test('an option that does not fit is refused when the graph is built', () => {
    const refused = (options: object, code: string): void =>
      expect(() => csvSource('/in.csv', options)).toThrow(expect.objectContaining({ code }))
    refused({ delimiter: '::' }, 'CFG1002')
    refused({ quoteChar: '\n' }, 'CFG1002')
    refused({ comment: 'é' }, 'CFG1002')
    refused({ types: { a: 'integer' } }, 'CFG1002')
    refused({ splittable: true, splitBytes: '0b' }, 'CFG1002')
    refused({ delimiter: '"' }, 'CFG1003')
    refused({ splitBytes: '1mb' }, 'CFG1003')
    refused({ header: ['a', 'a'] }, 'CFG1003')
    refused({ header: ['a'], types: { b: 'number' } }, 'CFG1003')
    refused({ header: false, types: { b: 'number' } }, 'CFG1003')
    refused({ parse: () => 1, types: { b: 'number' } }, 'CFG1003')
    refused({ monitor: '1ms' }, 'CFG1002')
    refused({ monitor: '1s', fileOrder: 'unknown' }, 'CFG1003')
  })
})
