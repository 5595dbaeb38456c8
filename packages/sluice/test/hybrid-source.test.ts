import { expect, test } from 'vitest'
import { defineJob } from '../src/api/define-job.ts'
import { seededRandom } from '../src/base/random.ts'
import { collectionSource } from '../src/connector/collection-source.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { jsonLinesSink } from '../src/connector/file-sink.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import { HybridSource } from '../src/connector/hybrid-source.ts'
import type { Source } from '../src/connector/source.ts'
import { jsonLinesSource } from '../src/connector/text-source.ts'
import { committingSink, type Committed } from './committing-sink.ts'
import { writeFile } from '../src/testing/disk-files.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'
import { simulate } from '../src/testing/simulator.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { failures, startInlineJob } from './inline-job.ts'

const HISTORY = 60
const LIVE = 40
const NONE = WatermarkStrategy.noWatermarks<number>()

function historyThenLive(): Source<number> {
  const items = Array.from({ length: HISTORY }, (_, index) => index)
  return HybridSource.builder<number>(collectionSource(items))
    .addSource(datagenSource({ generate: (index) => HISTORY + index, count: LIVE, splits: 3 }))
    .build()
}

test('every record of all sources comes exactly once, whatever fails around the switch', async () => {
  const seed = Number(process.env['SEED'] ?? 5)
  const random = seededRandom(seed)
  const below = (max: number): number => Math.floor(random.fraction() * max)
  for (let run = 0; run < 15; run++) {
    const committed: Committed = new Map()
    const fail = failures(1 + below(100), HISTORY - 5 + below(10), HISTORY + below(60))
    const job = await startInlineJob(
      (env) => {
        env
          .fromSource(historyThenLive(), NONE, { uid: 'in', rateLimit: 20 + below(40) })
          .map((value) => (fail(), value))
          .sinkTo(committingSink(committed))
          .uid('out')
      },
      { parallelism: 1 + below(3), options: { 'checkpoint.interval': `${100 + below(500)}ms` } },
    )
    const { state, restartCount } = await job.toEnd()
    expect([state, restartCount > 0], `SEED=${seed}, run ${run}`).toEqual(['finished', true])
    const values = [...committed.values()].flat().toSorted((a, b) => a - b)
    expect(values, `SEED=${seed}, run ${run}`).toEqual(Array.from({ length: HISTORY + LIVE }, (_, index) => index))
  }
}, 30_000)

test('event time waits in a reader that is done with its source before the others', async () => {
  // The history of one reader ends early, at 5; that of the other goes on to 6000. What comes live goes on from there in each of them.
  const disk = new MemoryDisk()
  await writeFile(
    disk,
    '/history/1',
    numbers(5, (n) => n + 1),
  )
  await writeFile(
    disk,
    '/history/2',
    numbers(60, (n) => n * 100),
  )
  await writeFile(
    disk,
    '/live/1',
    numbers(5, (n) => n + 6),
  )
  await writeFile(
    disk,
    '/live/2',
    numbers(60, (n) => 6000 + n),
  )
  const seen: number[] = []
  const late: number[] = []
  const watermarks = WatermarkStrategy.forMonotonousTimestamps<number>()
    .withTimestamp((value) => value)
    .withIdleness('2s')
  const source = HybridSource.builder(jsonLinesSource<number>('/history')).addSource(jsonLinesSource<number>('/live'))
  const job = await startInlineJob(
    (env) => {
      env
        .fromSource(source.build(), watermarks, { uid: 'in', rateLimit: 10 })
        .keyBy(() => 0)
        .process({
          onRecord(value, ctx) {
            seen.push(value)
            if (value <= ctx.currentWatermark()) late.push(value)
          },
        })
        .uid('late')
        .sinkTo(functionSink(() => {}))
        .uid('out')
    },
    { parallelism: 2, disk },
  )
  expect((await job.toEnd()).state).toBe('finished')
  expect([seen.length, late]).toEqual([130, []])
})

function numbers(count: number, numberOf: (n: number) => number): string {
  return Array.from({ length: count }, (_, n) => `${numberOf(n)}\n`).join('')
}

const FILES_JOB = defineJob('hybrid', (env) => {
  const source = HybridSource.builder(jsonLinesSource<{ id: number }>('history.jsonl', { splitBytes: '1kb' }))
    .addSource(jsonLinesSource<{ id: number }>('newer.jsonl', { splitBytes: '1kb' }))
    .build()
  env
    .fromSource(source, WatermarkStrategy.noWatermarks(), { uid: 'in' })
    .keyBy(({ id }) => id % 7)
    .reduce((_, next) => next)
    .uid('last')
    .sinkTo(jsonLinesSink('out'))
    .uid('out')
})

test('a simulated cluster gives the output of an undisturbed run', async () => {
  const lines = (first: number): string =>
    Array.from({ length: 150 }, (_, index) => `${JSON.stringify({ id: first + index })}\n`).join('')
  const files = { 'history.jsonl': lines(0), 'newer.jsonl': lines(1000) }
  let crashes = 0
  for (let seed = 1; seed <= 8; seed++) {
    const { output, faults } = await simulate(FILES_JOB, { seed, files })
    crashes += faults.crashes
    expect(output.get('/out'), `seed ${seed}`).toHaveLength(300)
  }
  expect(crashes).toBeGreaterThan(0)
}, 60_000)

test('a source that assigns its splits at its start, and ends its readers when it hears of them, is read whole', async () => {
  const committed: Committed = new Map()
  const inner = datagenSource({ generate: (index) => HISTORY + index, count: LIVE, splits: 2 })
  const eager: typeof inner = {
    ...inner,
    createEnumerator: (context, restored) => {
      const enumerator = inner.createEnumerator({ ...context, noMoreSplits: () => {} }, restored)
      return {
        start: async () => {
          await enumerator.start()
          for (const subtask of [0, 1]) enumerator.onSplitRequest(subtask)
        },
        addReader: (subtask) => context.noMoreSplits(subtask),
        onSplitRequest: () => {},
        addSplitsBack: (splits, subtask) => enumerator.addSplitsBack(splits, subtask),
        snapshot: () => enumerator.snapshot(),
        close: () => enumerator.close(),
      }
    },
  }
  const history = collectionSource(Array.from({ length: HISTORY }, (_, index) => index))
  const job = await startInlineJob(
    (env) => {
      env
        .fromSource(HybridSource.builder<number>(history).addSource(eager).build(), NONE, { uid: 'in' })
        .sinkTo(committingSink(committed))
        .uid('out')
    },
    { parallelism: 2 },
  )
  expect(await job.toEnd()).toMatchObject({ state: 'finished', restartCount: 0 })
  const values = [...committed.values()].flat().toSorted((a, b) => a - b)
  expect(values).toEqual(Array.from({ length: HISTORY + LIVE }, (_, index) => index))
})
