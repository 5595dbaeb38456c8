/** Files that cover any time, read by source tasks the way a job drives them: nothing is late because of the order of reading. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileOrder } from '../src/connector/file-splits.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'
import { writeFile } from '../src/testing/disk-files.ts'
import { createManualEnv } from '../src/testing/manual-env.ts'
import { below, seededRandom } from '../src/base/random.ts'
import { BOUND_MS, type Cut, type Entry, SourceAttempt, entrySource } from './source-attempt.ts'

/** Timestamps by file, then by line. */
type Files = readonly (readonly number[])[]

/** A record as it was read, and the watermark that it met. */
interface Met extends Entry {
  readonly watermark: number
}

interface Reading {
  readonly files: Files
  readonly splitBytes: number
  readonly fileOrder: FileOrder
  /** Parallelism of each attempt; between two of them the job fails, some steps after a checkpoint. */
  readonly attempts: readonly number[]
  readonly seed: number
}

/** What is common to all readings. */
const HOW = {
  splitBytes: fc.integer({ min: 5, max: 100 }),
  attempts: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 5 }),
  seed: fc.nat(),
}

/** Timestamps of lines that follow each other: forward by up to 4 × BOUND_MS, or back by up to 2 × BOUND_MS. */
function anyTimes(linesMax: number): fc.Arbitrary<readonly number[]> {
  const steps = fc.array(fc.integer({ min: -2 * BOUND_MS, max: 4 * BOUND_MS }), {
    minLength: 1,
    maxLength: linesMax,
    size: 'max',
  })
  return fc.tuple(fc.nat(1000), steps).map(([start, differences]) => {
    let time = start
    return differences.map((difference) => (time += difference))
  })
}

const anyFiles: fc.Arbitrary<Reading> = fc.record({
  ...HOW,
  files: fc.array(anyTimes(30), { minLength: 2, maxLength: 6 }),
  fileOrder: fc.constant('unknown'),
})

const oneFile: fc.Arbitrary<Reading> = fc.record({
  ...HOW,
  files: fc.tuple(anyTimes(100)),
  fileOrder: fc.constant('unknown'),
})

/** One series, cut into files. */
const filesInOrder: fc.Arbitrary<Reading> = fc.record({
  ...HOW,
  files: fc
    .tuple(anyTimes(100), fc.integer({ min: 1, max: 40 }))
    .map(([times, size]) =>
      Array.from({ length: Math.ceil(times.length / size) }, (_, file) => times.slice(file * size, (file + 1) * size)),
    ),
  fileOrder: fc.constant('time'),
})

describe('no record is late that is in order by the bound, at any parallelism and over restarts,', () => {
  test('within its own file, where files may cover the same time', async () => {
    await fc.assert(
      fc.asyncProperty(anyFiles, async (reading) => expectNothingLate(reading, reading.files.map(inOrderOf).flat())),
      { numRuns: 150 },
    )
  })

  test('in one file', async () => {
    await fc.assert(
      fc.asyncProperty(oneFile, async (reading) => expectNothingLate(reading, inOrderOf(reading.files.flat()))),
      { numRuns: 150 },
    )
  })

  test('in files that follow each other, where the source was told so', async () => {
    await fc.assert(
      fc.asyncProperty(filesInOrder, async (reading) => expectNothingLate(reading, inOrderOf(reading.files.flat()))),
      { numRuns: 150 },
    )
  })
})

describe('event time while reading', () => {
  const hour = Array.from({ length: 400 }, (_, line) => line * BOUND_MS)
  const days: Files = [hour.slice(0, 100), hour.slice(100, 200), hour.slice(200, 300), hour.slice(300)]

  test.for([
    { name: 'one file', fileOrder: 'unknown', files: [hour], parallelism: 1 },
    { name: 'one file', fileOrder: 'unknown', files: [hour], parallelism: 2 },
    { name: 'files that follow each other', fileOrder: 'time', files: days, parallelism: 1 },
    { name: 'files that follow each other', fileOrder: 'time', files: days, parallelism: 2 },
  ] as const)(
    'goes on over the splits of $name at parallelism $parallelism',
    async ({ fileOrder, files, parallelism }) => {
      const met = await read({ files, splitBytes: 200, fileOrder, attempts: [parallelism], seed: 7 })
      const behind = met.map(({ timeMs, watermark }) => timeMs - watermark)
      expect(Math.min(...behind)).toBeGreaterThan(0)
      // A watermark goes out about every third step of at most 3 records, and not while a split is opened.
      const lagging = behind.slice(20).filter((ms) => ms > 40 * BOUND_MS)
      expect(lagging.length).toBeLessThan(behind.length / 10)
    },
  )

  test('waits for the last file of a subtask where files may cover the same time', async () => {
    const met = await read({ files: days, splitBytes: 200, fileOrder: 'unknown', attempts: [1], seed: 7 })
    for (const { file, watermark } of met) if (file < days.length - 1) expect(watermark).toBe(Number.MIN_SAFE_INTEGER)
    expect(met.at(-1)?.watermark).toBeGreaterThan(hour.at(-50) ?? 0)
  })

  test('with files that are said to follow each other and do not, the second one is late', async () => {
    const met = await read({ files: [hour, hour], splitBytes: 200, fileOrder: 'time', attempts: [1], seed: 7 })
    expect(met.filter(({ timeMs, watermark }) => timeMs <= watermark).length).toBeGreaterThan(hour.length / 2)
  })
})

/** All records of all attempts, in the order in which they were emitted. */
async function read({ files, splitBytes, fileOrder, attempts, seed }: Reading): Promise<readonly Met[]> {
  const disk = new MemoryDisk()
  await disk.makeDirectory('/in')
  for (const [file, times] of files.entries())
    await writeFile(
      disk,
      `/in/${String(file).padStart(3, '0')}.log`,
      times.map((timeMs, line) => `${file} ${line} ${timeMs}\n`).join(''),
    )
  const source = entrySource('/in', { splitBytes: `${splitBytes}b`, fileOrder })
  const random = seededRandom(seed)
  const met: Met[] = []
  let restored: Cut | undefined
  for (const [index, parallelism] of attempts.entries()) {
    const attempt = new SourceAttempt({
      source,
      env: createManualEnv({ disk }),
      random,
      parallelism,
      restored,
      onRecord: (entry, watermark) => void met.push({ ...entry, watermark }),
    })
    await attempt.start()
    if (index === attempts.length - 1) await attempt.toEnd()
    else {
      await attempt.steps(below(random, 60))
      restored = await attempt.cut()
      await attempt.steps(below(random, 20))
    }
  }
  return met
}

/** `inOrder` says it of every line, file after file. */
async function expectNothingLate(reading: Reading, inOrder: readonly boolean[]): Promise<void> {
  const met = await read(reading)
  const lineBefore = reading.files.map((_, file) => reading.files.slice(0, file).flat().length)
  const indexOf = ({ file, line }: Entry): number => (lineBefore[file] ?? 0) + line
  expect(met.filter((entry) => inOrder[indexOf(entry)] === true && entry.timeMs <= entry.watermark)).toEqual([])
  expect(new Set(met.map(indexOf)).size).toBe(inOrder.length)
}

/** The naive model: which lines are not behind the greatest timestamp in front of them by more than the bound. */
function inOrderOf(times: readonly number[]): readonly boolean[] {
  return times.map((time, line) => times.slice(0, line).every((before) => time >= before - BOUND_MS))
}
