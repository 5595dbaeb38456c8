import { describe, expect, test } from 'vitest'
import type { StreamExecutionEnvironment } from '../src/api/stream-execution-environment.ts'
import { collectionSource } from '../src/connector/collection-source.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import { HybridSource } from '../src/connector/hybrid-source.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { type InlineJob, failures, startInlineJob } from './inline-job.ts'

const DRIFT_MS = 5000
const UPDATE_MS = 200
/** Event time of one record behind the other. */
const STEP_MS = 10

interface Stream {
  readonly name: string
  readonly ratePerSecond: number
  readonly count?: number
  readonly isAligned?: false
  readonly onRecord?: () => void
}

/** How far each stream is, by name, as its sink sees it. */
class Positions {
  readonly ms = new Map<string, number>()
  /** The greatest distance between the fastest and the slowest that was ever seen, once all had begun. */
  greatestDriftMs = 0
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  note(name: string, atMs: number): void {
    this.ms.set(name, atMs)
    if (this.ms.size < this.#count) return
    const all = [...this.ms.values()]
    this.greatestDriftMs = Math.max(this.greatestDriftMs, Math.max(...all) - Math.min(...all))
  }
}

function strategyOf({ isAligned }: Stream): WatermarkStrategy<number> {
  const strategy = WatermarkStrategy.forMonotonousTimestamps<number>().withTimestamp((index) => index * STEP_MS)
  return isAligned === false ? strategy : strategy.withWatermarkAlignment('all', `${DRIFT_MS}ms`, `${UPDATE_MS}ms`)
}

/** Each stream is a region of its own. */
function streams(env: StreamExecutionEnvironment, positions: Positions, given: readonly Stream[]): void {
  for (const stream of given) {
    const { name, ratePerSecond, count, onRecord = () => {} } = stream
    const source = datagenSource({ name, generate: (index) => index, ...(count === undefined ? {} : { count }) })
    env
      .fromSource(source, strategyOf(stream), { uid: name, rateLimit: ratePerSecond })
      .map((index) => (onRecord(), index))
      .sinkTo(functionSink((index: number) => positions.note(name, index * STEP_MS)))
      .uid(`${name}-out`)
  }
}

/** What the fastest source may read between two looks: at its own watermark, at the limit, and at the report of the slowest. */
function boundMs(fastest: number): number {
  return DRIFT_MS + ((fastest * STEP_MS) / 1000) * (2 * UPDATE_MS + 200)
}

async function run(job: InlineJob, seconds: number): Promise<void> {
  await job.env.advanceAndSettle(seconds * 1000)
}

const FAST: Stream = { name: 'fast', ratePerSecond: 2000 }
const SLOW: Stream = { name: 'slow', ratePerSecond: 100 }

describe('watermark alignment', () => {
  test('keeps sources of one group within their drift, and checkpoints go on meanwhile', async () => {
    const positions = new Positions(2)
    const job = await startInlineJob((env) => streams(env, positions, [FAST, SLOW]))
    await run(job, 60)
    expect(positions.greatestDriftMs).toBeGreaterThan(DRIFT_MS)
    expect(positions.greatestDriftMs).toBeLessThanOrEqual(boundMs(FAST.ratePerSecond))
    expect(positions.ms.get('slow')).toBeGreaterThan(55_000)
    expect(job.completed()).toBeGreaterThan(50)
    const paused = job.master.status().counters['fast/alignmentPausedMs']
    expect(paused).toBeGreaterThan(30_000)
    await job.cancel()
  })

  test('without it one runs away from the other', async () => {
    const positions = new Positions(2)
    const job = await startInlineJob((env) => streams(env, positions, [{ ...FAST, isAligned: false }, SLOW]))
    await run(job, 60)
    expect(positions.greatestDriftMs).toBeGreaterThan(10 * boundMs(FAST.ratePerSecond))
    await job.cancel()
  })

  test('holds with several subtasks, several sources and failures in any of them', async () => {
    const positions = new Positions(3)
    const fail = failures(1500, 4500)
    const failSlow = failures(900)
    const given = [
      { ...FAST, onRecord: fail },
      { name: 'middle', ratePerSecond: 700 },
      { ...SLOW, onRecord: failSlow },
    ]
    const job = await startInlineJob((env) => streams(env, positions, given), { parallelism: 2 })
    await run(job, 60)
    // Back to the checkpoint: a second of the slowest, two subtasks that share its rate.
    expect(positions.greatestDriftMs).toBeLessThanOrEqual(boundMs(FAST.ratePerSecond) + 3000)
    expect(job.master.status().restartCount).toBe(3)
    expect(positions.ms.get('slow')).toBeGreaterThan(40_000)
    await job.cancel()
  })

  test('a source that has ended leaves its group, and the others go on', async () => {
    const positions = new Positions(2)
    const given = [
      { ...FAST, count: 20_000 },
      { ...SLOW, count: 300 },
    ]
    const job = await startInlineJob((env) => streams(env, positions, given))
    const { state } = await job.toEnd()
    await run(job, 10) // reports of slots that have ended
    expect(job.env.timerCount()).toBeLessThanOrEqual(1)
    expect([state, positions.ms]).toEqual([
      'finished',
      new Map([
        ['fast', 199_990],
        ['slow', 2990],
      ]),
    ])
  })

  test('readers of a hybrid source that wait for each other do not wait for each other in event time too', async () => {
    const seen: number[] = []
    const job = await startInlineJob(
      (env) => {
        // The second reader begins 1000 records of event time ahead of the first one, and of the other source.
        const history = collectionSource(Array.from({ length: 2000 }, (_, index) => index))
        const source = HybridSource.builder<number>(history).addSource(
          datagenSource({ generate: (index) => 2000 + index, count: 1000 }),
        )
        const strategy = WatermarkStrategy.forMonotonousTimestamps<number>()
          .withTimestamp((index) => index)
          .withWatermarkAlignment('all', '200ms', '50ms')
        env
          .fromSource(source.build(), strategy, { uid: 'hybrid', rateLimit: 3000 })
          .union(env.fromSource(datagenSource({ generate: (index) => index, count: 3000 }), strategy, { uid: 'other' }))
          .sinkTo(functionSink((value) => seen.push(value)))
          .uid('out')
      },
      { parallelism: 2 },
    )
    expect([(await job.toEnd()).state, seen.length]).toEqual(['finished', 6000])
  })

  test('a silent source holds the others back until it is idle', async () => {
    const positions = new Positions(2)
    const job = await startInlineJob((env) => {
      streams(env, positions, [FAST])
      const silent = WatermarkStrategy.forMonotonousTimestamps<number>()
        .withTimestamp((index) => index)
        .withIdleness('10s')
        .withWatermarkAlignment('all', `${DRIFT_MS}ms`, `${UPDATE_MS}ms`)
      env
        .fromSource(silentSource(), silent, { uid: 'silent' })
        .sinkTo(functionSink(() => {}))
        .uid('silent-out')
    })
    await run(job, 9)
    const held = positions.ms.get('fast') ?? 0
    expect(held).toBeLessThanOrEqual(boundMs(FAST.ratePerSecond))
    await run(job, 5)
    expect(positions.ms.get('fast')).toBeGreaterThan(held + 20_000)
    await job.cancel()
  })

  test('a paused source is not idle: what is behind it waits for its watermark', async () => {
    const positions = new Positions(1)
    const late: number[] = []
    const job = await startInlineJob((env) => {
      const strategy = (stream: Stream): WatermarkStrategy<number> => strategyOf(stream).withIdleness('2s')
      const of = ({ name, ratePerSecond }: Stream, stream: Stream) =>
        env.fromSource(datagenSource({ name, generate: (index) => index }), strategy(stream), {
          uid: name,
          rateLimit: ratePerSecond,
        })
      of(FAST, FAST)
        .union(of(SLOW, SLOW))
        .keyBy(() => 0)
        .process({
          onRecord(index, ctx) {
            if (ctx.timestamp <= ctx.currentWatermark()) late.push(index)
          },
        })
        .uid('late')
        .sinkTo(functionSink(() => {}))
        .uid('out')
      void positions
    })
    await run(job, 40)
    expect(late).toEqual([])
    await job.cancel()
  })
})

describe('bounded and unbounded sources in one job', () => {
  test('the bounded one ends, the other goes on, and checkpoints with it', async () => {
    const seen: number[] = []
    const job = await startInlineJob((env) => {
      const table = env.fromSource(collectionSource([-1, -2, -3]), undefined, { uid: 'table' })
      env
        .fromSource(datagenSource({ generate: (index) => index }), undefined, { uid: 'live', rateLimit: 10 })
        .union(table)
        .sinkTo(functionSink((value) => seen.push(value)))
        .uid('out')
    })
    await run(job, 3)
    const before = job.completed()
    expect(seen.filter((value) => value < 0)).toEqual([-1, -2, -3])
    await run(job, 10)
    expect(job.completed()).toBeGreaterThan(before + 8)
    expect(job.master.status().state).toBe('running')
    await job.cancel()
  })
})

describe('the rate limit', () => {
  test('is shared by the subtasks, and a restart makes up for nothing', async () => {
    const times: number[] = []
    const clock: { nowMs: () => number } = { nowMs: () => 0 }
    const fail = failures(450)
    const job = await startInlineJob(
      (env) => {
        env
          .fromSource(datagenSource({ generate: (index) => index }), undefined, { uid: 'n', rateLimit: 100 })
          .map((value) => (fail(), value))
          .sinkTo(functionSink(() => times.push(clock.nowMs())))
          .uid('out')
      },
      { parallelism: 4 },
    )
    clock.nowMs = () => job.env.clock.monotonicMs()
    await run(job, 10)
    expect(job.master.status().restartCount).toBe(1)
    for (let second = 0; second < 10; second++) {
      const count = times.filter((ms) => ms >= second * 1000 && ms < (second + 1) * 1000).length
      expect(count, `second ${second}`).toBeLessThanOrEqual(110) // a tenth of a second's worth may come at once
    }
    await job.cancel()
  })
})

/** Has a split and never a record. */
function silentSource() {
  const source = datagenSource<number>({ generate: (index) => index })
  return {
    ...source,
    createReader: (context: Parameters<typeof source.createReader>[0]) => {
      const reader = source.createReader(context)
      return {
        start: () => context.requestSplit(),
        addSplits: (splits: Parameters<typeof reader.addSplits>[0]) => reader.addSplits(splits),
        noMoreSplits: () => {},
        poll: (output: Parameters<typeof reader.poll>[0]) => {
          output.split('0')
          return 'nothing' as const
        },
        snapshot: (checkpoint: number) => reader.snapshot(checkpoint),
        position: () => undefined,
        close: async () => {},
      }
    },
  }
}
