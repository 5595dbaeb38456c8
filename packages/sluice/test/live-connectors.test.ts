import { expect, test } from 'vitest'
import { seededRandom } from '../src/base/random.ts'
import { asyncSink } from '../src/connector/async-sink.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { httpSource } from '../src/connector/http-source.ts'
import { MemorySockets } from '../src/testing/memory-sockets.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { committingSink, type Committed } from './committing-sink.ts'
import { failures, startInlineJob } from './inline-job.ts'

const NONE = WatermarkStrategy.noWatermarks<number>()

test('an asynchronous sink has every record at least once, whatever fails, and once where the other side knows keys', async () => {
  const seed = Number(process.env['SEED'] ?? 3)
  const random = seededRandom(seed)
  const below = (max: number): number => Math.floor(random.fraction() * max)
  for (let run = 0; run < 8; run++) {
    const count = 200
    const stored = new Set<number>()
    const fail = failures(1 + below(count), 1 + below(count))
    const sink = asyncSink<number>({
      name: 'store',
      batch: { records: 1 + below(20), after: '50ms' },
      inFlight: 1 + below(4),
      retry: { attempts: 100, initial: '10ms' },
      send: async (batch) => {
        if (below(4) === 0) throw new TypeError('busy')
        const taken = batch.slice(0, 1 + below(batch.length))
        for (const value of taken) stored.add(value)
        return { retry: batch.slice(taken.length) }
      },
    })
    const job = await startInlineJob(
      (env) => {
        env
          .fromSource(datagenSource({ generate: (n) => n, count, splits: 3 }), NONE, { uid: 'in', rateLimit: 100 })
          .map((value) => (fail(), value))
          .sinkTo(sink)
          .uid('out')
      },
      { parallelism: 1 + below(3), options: { 'checkpoint.interval': `${100 + below(500)}ms` } },
    )
    const { state, restartCount } = await job.toEnd()
    expect([state, restartCount > 0, stored.size], `SEED=${seed}, run ${run}`).toEqual(['finished', true, count])
  }
}, 30_000)

test('what an HTTP source has answered with 200 is never lost, whatever fails', async () => {
  const seed = Number(process.env['SEED'] ?? 4)
  const random = seededRandom(seed)
  const below = (max: number): number => Math.floor(random.fraction() * max)
  for (let run = 0; run < 6; run++) {
    const sockets = new MemorySockets()
    const committed: Committed = new Map()
    const fail = failures(...Array.from({ length: 3 }, () => 1 + below(60)))
    const job = await startInlineJob(
      (env) => {
        env
          .fromSource(httpSource<number>({ port: 8080, buffered: 20 }), NONE, { uid: 'in', rateLimit: 50 })
          .map((value) => (fail(), value))
          .sinkTo(committingSink(committed))
          .uid('out')
      },
      { sockets, options: { 'checkpoint.interval': `${200 + below(500)}ms` } },
    )
    const headers = { host: 'localhost:8080' }
    const answered = new Set<number>()
    const send = (first: number): void => {
      const values = [first, first + 1, first + 2]
      sockets.request({ headers, body: JSON.stringify(values) }).then(
        ({ status }) => {
          if (status === 200) for (const value of values) answered.add(value)
        },
        () => {}, // nobody listens at the moment: not answered
      )
    }
    for (let first = 0; first < 90; first += 3) {
      send(first)
      await job.env.advanceAndSettle(below(300))
    }
    await job.env.advanceAndSettle(10_000)
    const seen = new Set([...committed.values()].flat())
    expect(
      [...answered].filter((value) => !seen.has(value)),
      `SEED=${seed}, run ${run}`,
    ).toEqual([])
    expect(answered.size, `SEED=${seed}, run ${run}`).toBeGreaterThan(20)
    expect((await job.cancel()).restartCount, `SEED=${seed}, run ${run}`).toBeGreaterThan(0)
    expect(sockets.listening).toEqual([])
  }
}, 30_000)
