import { expect, test } from 'vitest'
import { AsyncDataStream } from '../src/api/async-data-stream.ts'
import { recordType } from '../src/api/record-type.ts'
import { seededRandom } from '../src/base/random.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import type { Sink } from '../src/connector/sink.ts'
import { HybridSource } from '../src/connector/hybrid-source.ts'
import { collectionSource } from '../src/connector/collection-source.ts'
import { AsyncRetryStrategies } from '../src/operators/async-retry.ts'
import { outputTag } from '../src/operators/output-tag.ts'
import { valueState } from '../src/state/descriptors.ts'
import type { DeadLetterRecord } from '../src/operators/dead-letter.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { failures, startInlineJob, type InlineJob } from './inline-job.ts'

type Commits = Map<string, readonly unknown[]>
function flaky(committed: Commits, fraction: () => number): Sink<unknown, { id: string; values: unknown[] }> {
  return {
    kind: 'flaky', identity: null,
    createWriter: (context) => {
      let values: unknown[] = []
      return {
        write: (value) => void values.push(value),
        isBlocked: () => false,
        snapshot: async (checkpoint) => {
          const id = `${context.incarnation}/${context.subtask}/${checkpoint}`
          const committables = values.length === 0 ? [] : [{ id, values }]
          values = []
          return { committables, states: [] }
        },
        close: async () => {},
      }
    },
    createCommitter: () => ({
      commit: async (requests) => {
        for (const r of requests) {
          const x = fraction()
          if (x < 0.1) r.retryLater(new Error('later'))
          else if (x < 0.13) { committed.set(r.committable.id, r.committable.values); throw new Error('commit broke') }
          else if (x < 0.16) throw new Error('commit broke before')
          else committed.set(r.committable.id, r.committable.values)
        }
      },
    }),
  }
}

test('fuzz async', async () => {
  const base = Number(process.env['SEED'] ?? 1)
  const runs = Number(process.env['RUNS'] ?? 20)
  for (let seed = base; seed < base + runs; seed++) {
    const random = seededRandom(seed)
    const below = (max: number): number => Math.floor(random.fraction() * max)
    const COUNT = 150 + below(200)
    const main: Commits = new Map()
    const dead: Commits = new Map()
    const watch: Commits = new Map()
    const fail = failures(...Array.from({ length: below(5) }, () => 1 + below(600)))
    const tag = outputTag<DeadLetterRecord<number>>('dead')
    let holder: InlineJob | undefined
    const order = below(2) === 0 ? AsyncDataStream.orderedWait : AsyncDataStream.unorderedWait
    const capacity = 1 + below(12)
    const slow = below(3)
    const parallelism = 1 + below(3)
    const asyncParallelism = 1 + below(3)
    const job = await startInlineJob(
      (env) => {
        const numbers = env.fromSource(
          below(2) === 0
            ? datagenSource({ generate: (i) => i, count: COUNT, splits: 3 })
            : HybridSource.builder<number>(collectionSource(Array.from({ length: 80 }, (_, i) => i))).addSource(datagenSource({ generate: (i) => 80 + i, count: COUNT - 80, splits: 2 })).build(),
          WatermarkStrategy.forBoundedOutOfOrderness<number>('1s').withTimestamp((i) => i * 10),
          { uid: 'in', rateLimit: 50 + below(100) },
        ).map((v) => (fail(), v))
        const asked = order(
          below(2) === 0 ? numbers : numbers.rebalance(),
          async (n: number, { attempt, signal }) => {
            void signal
            const ms = [0, 5, 40, 900][below(slow + 2)] ?? 0
            if (ms > 0) await new Promise<void>((r) => void holder!.env.timers.after(ms, r))
            if (n % 9 === 0 && attempt < 2) throw new Error('busy')
            if (n % 10 === 7) throw new Error('never')
            return n
          },
          { timeout: '1h', capacity, retry: AsyncRetryStrategies.fixedDelay({ attempts: 1 + below(2), delay: `${10 + below(200)}ms` }) },
        ).uid('ask').onError(tag).setParallelism(asyncParallelism)
        asked.getSideOutput(tag).map((l: DeadLetterRecord<number>) => l.value).sinkTo(flaky(dead, () => random.fraction())).uid('dead-out')
        asked.keyBy((n) => n % 7).process({
          emits: recordType<string>(),
          state: { n: valueState<number>('n', 0) },
          onRecord(n, ctx) {
            fail()
            ctx.state.n.update(ctx.state.n.value() + 1)
            ctx.emit(`${n} ${ctx.timestamp} ${ctx.timestamp <= ctx.currentWatermark() ? 'late' : 'ok'}`)
            if (ctx.timestamp !== n * 10) throw new TypeError('timestamp')
          },
        }).uid('watch').sinkTo(flaky(watch, () => random.fraction())).uid('watch-out')
        asked.sinkTo(flaky(main, () => random.fraction())).uid('out')
      },
      { parallelism, options: { 'checkpoint.interval': `${100 + below(900)}ms`, 'restart.attemptsMax': '100000' } },
    )
    holder = job
    const { state, restartCount, error } = await job.toEnd()
    const label = `SEED=${seed} restarts ${restartCount} p${parallelism}/${asyncParallelism} ${JSON.stringify(error)?.slice(0, 300)}`
    expect(state, label).toBe('finished')
    const values = (c: Commits): unknown[] => [...c.values()].flat()
    const expectedDead = Array.from({ length: COUNT }, (_, i) => i).filter((i) => i % 10 === 7)
    const expected = Array.from({ length: COUNT }, (_, i) => i).filter((i) => i % 10 !== 7)
    expect((values(main) as number[]).toSorted((a, b) => a - b), label).toEqual(expected)
    expect((values(dead) as number[]).toSorted((a, b) => a - b), label).toEqual(expectedDead)
    const texts = values(watch) as string[]
    expect(texts.map((t) => Number(t.split(' ')[0])).toSorted((a, b) => a - b), label).toEqual(expected)
    process.stdout.write(`${label} late ${texts.filter((t) => t.endsWith('late')).length}\n`)
  }
}, 300_000)
