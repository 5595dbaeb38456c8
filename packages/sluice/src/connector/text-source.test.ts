import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DiskError } from '../base/disk-error.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import type { FileSplit } from './file-splits.ts'
import { READ_BYTES, lineBlocks } from './line-chunks.ts'
import { writeFile } from '../testing/disk-files.ts'
import { SourceRun, readAll, type SourceSnapshot } from '../testing/source-run.ts'
import { DEAD_LETTER } from './error-policy.ts'
import { jsonLinesSource, textSource } from './text-source.ts'

async function diskWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  for (const [path, content] of Object.entries(files)) await writeFile(disk, path, content)
  return disk
}

/** What L1 and L2 promise, the naive way. */
function linesOf(text: string): string[] {
  const lines = text.split('\n')
  const last = lines.pop()
  const ended = lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
  return last === undefined || last === '' ? ended : [...ended, last]
}

const anyText = fc
  .array(
    fc.oneof(
      fc.constant('\n'),
      fc.constant('\r\n'),
      fc.constant('\r'),
      fc.string({ unit: 'binary', maxLength: 5 }),
      fc.constantFrom('é', '€', '😀'),
    ),
    {
      maxLength: 40,
    },
  )
  .map((parts) =>
    parts
      .join('')
      .toWellFormed()
      .replace(/^\uFEFF/, ''),
  )

describe('lines of files', () => {
  test('every line comes once and in order, however the file is cut into splits and wherever the job restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 12 }),
        async (text, splitBytes, restarts) => {
          const disk = await diskWith({ '/in/a.txt': text })
          const source = textSource('/in/a.txt', { splitBytes: `${splitBytes}b` })
          const seen: string[] = []
          let snapshot: SourceSnapshot<FileSplit, { readonly splits: readonly FileSplit[] }> | undefined
          for (const count of [...restarts, Infinity]) {
            const run = new SourceRun(source, disk, 1, snapshot)
            await run.start()
            await run.read(count, 3)
            snapshot = structuredClone(run.snapshot())
            seen.push(...run.records)
            await run.close()
          }
          expect(seen).toEqual(linesOf(text))
        },
      ),
      { numRuns: 150 },
    )
  })

  test('several readers together read every line once', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 2, max: 4 }),
        async (text, splitBytes, parallelism) => {
          const disk = await diskWith({ '/in/a.txt': text })
          const lines = await readAll(textSource('/in/a.txt', { splitBytes: `${splitBytes}b` }), disk, parallelism)
          expect(lines.toSorted()).toEqual(linesOf(text).toSorted())
        },
      ),
      { numRuns: 50 },
    )
  })

  test('lines longer than a read are put together again', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 20 }),
        async (text, readBytes, end) => {
          const disk = await diskWith({ '/in/a.txt': text })
          const fileBytes = new TextEncoder().encode(text).length
          let read = ''
          for (let start = 0; start < fileBytes; start += end) {
            const split = {
              id: 'x',
              index: 0,
              path: '/in/a.txt',
              start,
              end: Math.min(fileBytes, start + end),
              fileBytes,
              position: start,
            }
            const blocks: Uint8Array[] = []
            for await (const block of lineBlocks(disk, split, readBytes)) blocks.push(block.bytes)
            read += new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(blocks))
          }
          expect(read).toBe(text)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('a line longer than READ_BYTES and characters across its borders come whole', async () => {
    const long = '€'.repeat(READ_BYTES)
    const disk = await diskWith({ '/in/a.txt': `x\n${long}\ny` })
    expect(await readAll(textSource('/in/a.txt'), disk)).toEqual(['x', long, 'y'])
  })

  test('a byte order mark at the start is not part of the first line', async () => {
    const disk = await diskWith({ '/in/a.txt': '\uFEFFa\nb\n' })
    expect(await readAll(textSource('/in/a.txt'), disk)).toEqual(['a', 'b'])
  })

  test('a folder gives its files sorted by name, with its folders, without hidden files', async () => {
    const disk = await diskWith({
      '/in/b.txt': 'b',
      '/in/a.txt': 'a\n',
      '/in/.hidden': 'h',
      '/in/_SUCCESS': 's',
      '/in/aa/c.txt': 'c',
      '/in/empty.txt': '',
    })
    expect(await readAll(textSource('/in'), disk)).toEqual(['a', 'c', 'b'])
  })

  test('withPosition gives file and byte offset of each line', async () => {
    const disk = await diskWith({ '/in/a.txt': 'é\r\nb' })
    expect(await readAll(textSource('/in/a.txt', { withPosition: true }), disk)).toEqual([
      { line: 'é', file: '/in/a.txt', offset: 0 },
      { line: 'b', file: '/in/a.txt', offset: 4 },
    ])
  })

  test('a missing input is SRC1001 and names the path', async () => {
    await expect(readAll(textSource('/nowhere/a.txt'), new MemoryDisk())).rejects.toMatchObject({
      code: 'SRC1001',
      message: expect.stringContaining('/nowhere/a.txt'),
    })
  })

  test.each(['stat', 'readRange'] as const)(
    'an input that may not be read (%s) is SRC1001, which no restart repeats',
    async (operation) => {
      const disk = await diskWith({ '/in/a.txt': 'a\n' })
      disk[operation] = async (path: string) => {
        throw new DiskError('denied', operation, path)
      }
      await expect(readAll(textSource('/in/a.txt'), disk)).rejects.toMatchObject({
        code: 'SRC1001',
        retry: 'never',
        message: expect.stringContaining('/in/a.txt'),
      })
    },
  )

  test('a file that changed its size since the checkpoint is SRC1004', async () => {
    const disk = await diskWith({ '/in/a.txt': 'a\nb\nc\n' })
    const first = new SourceRun(textSource('/in/a.txt'), disk)
    await first.start()
    await first.read(1)
    await writeFile(disk, '/in/a.txt', 'a\n')
    const second = new SourceRun(textSource('/in/a.txt'), disk, 1, first.snapshot())
    await second.start()
    await expect(second.read()).rejects.toMatchObject({ code: 'SRC1004' })
  })

  test('bytes that are not UTF-8 are SRC1002 and name the byte', async () => {
    const disk = await diskWith({ '/in/a.txt': Uint8Array.of(97, 10, 0xff, 10, 98) })
    const run = new SourceRun(textSource('/in/a.txt'), disk)
    await run.start()
    await expect(run.read()).rejects.toMatchObject({ code: 'SRC1002', message: expect.stringContaining('byte 2') })
    expect(run.records).toEqual(['a'])
  })
})

describe('JSON lines', () => {
  const text = '{"a":1}\nbroken\n\n{"a":2}\nworse\n'

  test('a line that does not parse fails the job with its file and offset, after the records in front of it', async () => {
    const run = new SourceRun(jsonLinesSource<{ a: number }>('/in/a.jsonl'), await diskWith({ '/in/a.jsonl': text }))
    await run.start()
    await expect(run.read()).rejects.toMatchObject({
      code: 'SRC1002',
      message: expect.stringContaining('/in/a.jsonl: the line at byte 8'),
    })
    expect(run.records).toEqual([{ a: 1 }])
    expect(run.position()).toBe('a.jsonl byte 0')
  })

  test('with skip it is counted, and blank lines are not', async () => {
    const run = new SourceRun(
      jsonLinesSource<{ a: number }>('/in/a.jsonl', { onError: 'skip' }),
      await diskWith({ '/in/a.jsonl': text }),
    )
    await run.start()
    await run.read()
    expect(run.records).toEqual([{ a: 1 }, { a: 2 }])
    expect(run.counts.get('skippedRecords')).toBe(2)
    expect(run.sideRecords).toEqual([])
  })

  test('with dead-letter it goes to the side output exactly once, wherever the job restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 6 }),
        async (shape, restarts) => {
          const lines = shape.map((isGood, i) => (isGood ? JSON.stringify({ i }) : `bad ${i}`))
          const disk = await diskWith({ '/in/a.jsonl': lines.join('\n') })
          const source = jsonLinesSource<{ i: number }>('/in/a.jsonl', { onError: 'dead-letter', splitBytes: '20b' })
          const good: unknown[] = []
          const dead: unknown[] = []
          let snapshot: SourceSnapshot<FileSplit, { readonly splits: readonly FileSplit[] }> | undefined
          for (const count of [...restarts, Infinity]) {
            const run = new SourceRun(source, disk, 1, snapshot)
            await run.start()
            await run.read(count, 1)
            snapshot = run.snapshot()
            good.push(...run.records.map(({ i }) => i))
            for (const { tag, value } of run.sideRecords) {
              expect(tag).toBe(DEAD_LETTER)
              dead.push((value as { line: string }).line) // a DeadLetter
            }
          }
          expect(good).toEqual(shape.flatMap((isGood, i) => (isGood ? [i] : [])))
          expect(dead).toEqual(lines.filter((line) => line.startsWith('bad')))
        },
      ),
      { numRuns: 100 },
    )
  })
})
