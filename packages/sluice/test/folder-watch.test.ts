import { expect, test } from 'vitest'
import { seededRandom } from '../src/base/random.ts'
import { csvSource } from '../src/connector/csv-source.ts'
import { writeFile } from '../src/testing/disk-files.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { committingSink, type Committed } from './committing-sink.ts'
import { failures, startInlineJob } from './inline-job.ts'

const ROWS_PER_FILE = 15
const FILES = 10

test('files that arrive in a watched folder are read exactly once, whatever fails meanwhile', async () => {
  const seed = Number(process.env['SEED'] ?? 23)
  const random = seededRandom(seed)
  const below = (max: number): number => Math.floor(random.fraction() * max)
  for (let run = 0; run < 8; run++) {
    const disk = new MemoryDisk()
    await disk.makeDirectory('/in')
    const committed: Committed = new Map()
    const fail = failures(...Array.from({ length: 3 }, () => 1 + below(FILES * ROWS_PER_FILE)))
    const source = csvSource('/in', { monitor: `${100 + below(900)}ms`, types: { n: 'number' } })
    const job = await startInlineJob(
      (env) => {
        env
          .fromSource(source, WatermarkStrategy.noWatermarks(), { uid: 'in', rateLimit: 20 + below(60) })
          .map(({ n }) => (fail(), Number(n)))
          .sinkTo(committingSink(committed))
          .uid('out')
      },
      { parallelism: 1 + below(3), disk, options: { 'checkpoint.interval': `${100 + below(900)}ms` } },
    )
    for (let file = 0; file < FILES; file++) {
      const numbers = Array.from({ length: ROWS_PER_FILE }, (_, row) => file * ROWS_PER_FILE + row)
      await writeFile(disk, `/in/${file}.csv.tmp`, `n,text\n${numbers.map((n) => `${n},"a\nb"\n`).join('')}`)
      await job.env.advanceAndSettle(below(500))
      await disk.rename(`/in/${file}.csv.tmp`, `/in/${file}.csv`)
      await job.env.advanceAndSettle(below(500))
    }
    await job.env.advanceAndSettle(30_000)
    const values = [...committed.values()].flat().toSorted((a, b) => a - b)
    expect(values, `SEED=${seed}, run ${run}`).toEqual(Array.from({ length: FILES * ROWS_PER_FILE }, (_, n) => n))
    const { state, restartCount } = await job.cancel()
    expect([state, restartCount > 0], `SEED=${seed}, run ${run}`).toEqual(['canceled', true])
  }
}, 30_000)
