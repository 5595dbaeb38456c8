import { expect, test } from 'vitest'
import { defineJob } from '../src/api/define-job.ts'
import { seededRandom } from '../src/base/random.ts'
import { csvSink } from '../src/connector/csv-sink.ts'
import { csvSource } from '../src/connector/csv-source.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { parquetSink } from '../src/connector/parquet-sink.ts'
import { parquetSource } from '../src/connector/parquet-source.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'
import { simulate } from '../src/testing/simulator.ts'
import { readAll } from '../src/testing/source-run.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { failures, startInlineJob } from './inline-job.ts'

const CSV_JOB = defineJob('csv', (env) => {
  const source = csvSource('in.csv', { types: { id: 'number', text: 'string' } })
  env
    .fromSource(source, WatermarkStrategy.noWatermarks(), { uid: 'in' })
    .map(({ id, text }) => ({ id, text: text.replaceAll('\n', ' ') }))
    .sinkTo(csvSink('out', { columns: ['id', 'text'], header: false }))
    .uid('out')
})

test('a simulated cluster reads and writes CSV as an undisturbed run does', async () => {
  const rows = Array.from({ length: 200 }, (_, n) => `${n},"a ""quoted"" text,\nof two lines ${n}"\n`)
  let crashes = 0
  for (let seed = 1; seed <= 6; seed++) {
    const { output, faults } = await simulate(CSV_JOB, { seed, files: { 'in.csv': `id,text\n${rows.join('')}` } })
    crashes += faults.crashes
    expect(output.get('/out'), `seed ${seed}`).toHaveLength(200)
  }
  expect(crashes).toBeGreaterThan(0)
}, 60_000)

test('Parquet files hold every record exactly once, whatever fails', async () => {
  const seed = Number(process.env['SEED'] ?? 9)
  const random = seededRandom(seed)
  const below = (max: number): number => Math.floor(random.fraction() * max)
  const count = 300
  for (let run = 0; run < 5; run++) {
    const disk = new MemoryDisk()
    const fail = failures(1 + below(count), 1 + below(count))
    const sink = parquetSink<{ n: number; tags: readonly string[] }>('/out', {
      columns: { n: 'int32', tags: { list: 'string' } },
      rowGroup: 1 + below(40),
      roll: { every: 'checkpoint', sizeMax: `${500 + below(2000)}b` },
    })
    const job = await startInlineJob(
      (env) => {
        env
          .fromSource(datagenSource({ generate: (n) => n, count, splits: 3 }), WatermarkStrategy.noWatermarks(), {
            uid: 'in',
            rateLimit: 150,
          })
          .map((n) => (fail(), { n, tags: [`t${n}`] }))
          .sinkTo(sink)
          .uid('out')
      },
      { parallelism: 1 + below(3), disk, options: { 'checkpoint.interval': `${100 + below(600)}ms` } },
    )
    const { state, restartCount } = await job.toEnd()
    expect([state, restartCount > 0], `SEED=${seed}, run ${run}`).toEqual(['finished', true])
    const rows = await readAll(parquetSource<{ n: number }>('/out'), disk)
    const numbers = rows.map(({ n }) => n).toSorted((a, b) => a - b)
    expect(numbers, `SEED=${seed}, run ${run}`).toEqual(Array.from({ length: count }, (_, n) => n))
  }
}, 60_000)
