import { describe, expect, test } from 'vitest'
import { type Committed, committingSink } from '../../test/committing-sink.ts'
import { defineJob, optionLayerOf } from '../api/define-job.ts'
import { EngineError } from '../base/errors.ts'
import { leaderEpoch, slotIndex } from '../base/ids.ts'
import { MemoryStore } from '../checkpoint/stores/memory-store.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import { collectionSource } from '../connector/collection-source.ts'
import { planJob } from '../graph/planner.ts'
import { type InlineSlotPool, createInlineSlots } from '../taskmanager/inline-slots.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import type { JobEvent } from './job-events.ts'
import type { JobMaster } from './job-control.ts'
import { createJobMaster } from './job-master.ts'

const ITEMS = Array.from({ length: 12_000 }, (_, index) => index)

interface Run {
  readonly env: ManualEnv
  readonly slots: InlineSlotPool
  readonly master: JobMaster
  readonly events: JobEvent[]
  /** By name of the pipeline. */
  readonly committed: Readonly<Record<'left' | 'right', Committed>>
  /** Makes the next record of this pipeline fail. */
  breakNext(pipeline: 'left' | 'right'): void
}

/** Two pipelines that share nothing but the job. */
function startRun(slotCount = 3, sinkGroup = 'default'): Run {
  const env = createManualEnv()
  const committed = { left: new Map(), right: new Map() }
  const broken = new Set<string>()
  const logical = defineJob('pipelines', (flow) => {
    for (const name of ['left', 'right'] as const) {
      flow
        .fromSource(collectionSource(ITEMS), WatermarkStrategy.noWatermarks(), {
          uid: `${name}-numbers`,
          name,
          rateLimit: 2000,
        })
        .map((value) => {
          if (broken.delete(name)) throw new EngineError('TSK1001', `${name} is broken.`)
          return value
        })
        .keyBy((value) => value % 10)
        .reduce((sum, value) => sum + value)
        .uid(`${name}-sums`)
        .sinkTo(committingSink(committed[name]))
        .uid(`${name}-out`)
        .slotSharingGroup(sinkGroup)
    }
  }).build({})
  const values = { parallelism: '3', 'checkpoint.interval': '1s', 'restart.backoff.jitter': '0' }
  const options = resolveOptions([{ origin: 'test', values }, optionLayerOf(logical)])
  const { graph } = planJob(logical, options)
  const store = new MemoryStore()
  const settings = {
    reportIntervalMs: 500,
    channelCredits: 8,
    batchRecordsMax: 512,
    bufferTimeoutMs: 100,
    watermarkIntervalMs: 200,
    delivery: 'exactly-once',
    debloatTargetMs: 1000,
  } as const
  const slots = createInlineSlots({ env, graph, slotCount, settings, storage: () => store })
  const events: JobEvent[] = []
  const listener = (event: JobEvent): void => void events.push(event)
  const master = createJobMaster({ graph, options, env, store, slots, params: {}, epoch: leaderEpoch(1), listener })
  master.start()
  return { env, slots, master, events, committed, breakNext: (pipeline) => void broken.add(pipeline) }
}

async function toEnd(run: Run): Promise<void> {
  for (let second = 0; run.master.status().state !== 'finished'; second++) {
    expect(second).toBeLessThan(120)
    await run.env.advanceAndSettle(1000)
  }
}

/** Each record gives one running sum of its key: their count shows what was lost or repeated, the total of each key that none was wrong. */
function expectExactlyOnce(committed: Committed): void {
  const sums = [...committed.values()].flat()
  const totals = Array.from({ length: 10 }, (_, key) =>
    ITEMS.filter((item) => item % 10 === key).reduce((sum, item) => sum + item, 0),
  )
  expect(sums.length).toBe(ITEMS.length)
  expect(totals.filter((total) => !sums.includes(total))).toEqual([])
}

function attemptsOf({ master }: Run): Record<string, readonly number[]> {
  const attempts = Object.groupBy(master.tasks(), ({ vertex }) => vertex.split('-')[0] ?? '')
  return Object.fromEntries(
    Object.entries(attempts).map(([name, tasks]) => [name, [...new Set(tasks?.map(({ attempt }) => attempt))]]),
  )
}

describe('failover regions', () => {
  test('a failure in one pipeline restarts only that one, and both commit their output once', async () => {
    const run = startRun()
    await run.env.advanceAndSettle(2500)
    expect(attemptsOf(run)).toEqual({ left: [0], right: [1] })
    const before = run.master.status().vertices
    run.breakNext('right')
    await run.env.advanceAndSettle(2500)
    expect(run.master.status().state).toBe('running')
    expect(attemptsOf(run)).toEqual({ left: [0], right: [2] })
    const left = run.master.status().vertices[0]
    expect(left?.recordsIn).toBeGreaterThan(before[0]?.recordsIn ?? Infinity)
    await toEnd(run)
    const result = await run.master.result
    expect([result.restartCount, result.failures[0]?.attempt, result.failures[0]?.vertex]).toEqual([
      1,
      1,
      'right-numbers',
    ])
    expectExactlyOnce(run.committed.left)
    expectExactlyOnce(run.committed.right)
  })

  test('failures of both, one after the other and at once, lose and repeat nothing', async () => {
    const run = startRun()
    await run.env.advanceAndSettle(2300)
    run.breakNext('left')
    await run.env.advanceAndSettle(300)
    run.breakNext('right')
    await run.env.advanceAndSettle(2300)
    run.breakNext('left')
    run.breakNext('right')
    await toEnd(run)
    expectExactlyOnce(run.committed.left)
    expectExactlyOnce(run.committed.right)
  })

  test('a lost slot restarts every pipeline that ran in it', async () => {
    const run = startRun()
    await run.env.advanceAndSettle(2300)
    run.slots.lose(slotIndex(1))
    await run.env.advanceAndSettle(2000)
    expect(attemptsOf(run)).toEqual({ left: [2], right: [3] })
    await toEnd(run)
    expectExactlyOnce(run.committed.left)
    expectExactlyOnce(run.committed.right)
  })

  test('stopping while one restarts ends the other one, too', async () => {
    const run = startRun()
    await run.env.advanceAndSettle(2300)
    run.breakNext('left')
    for (let wait = 0; run.master.status().state !== 'restarting'; wait++) {
      expect(wait).toBeLessThan(100)
      await run.env.advanceAndSettle(1)
    }
    const stopped = run.master.stop()
    await run.env.settle()
    await stopped
    expect([(await run.master.result).state, run.env.timerCount()]).toEqual(['stopped', 0])
  })
})

describe('the number of slots', () => {
  test('may be lower than the job wants: every record is still counted once', async () => {
    const run = startRun(2)
    await run.env.advanceAndSettle(1500)
    expect(run.master.status()).toMatchObject({ slotsWanted: 3, slotsHeld: 2 })
    expect(run.master.status().vertices.map(({ parallelism }) => parallelism)).toEqual([2, 2, 2, 2])
    await toEnd(run)
    expect(run.events.some((event) => event.kind === 'rescaled' && event.from === 3 && event.to === 2)).toBe(true)
    expectExactlyOnce(run.committed.left)
    expectExactlyOnce(run.committed.right)
  })

  test('goes down and up while the job runs, from checkpoints, without counting as a failure', async () => {
    const run = startRun()
    await run.env.advanceAndSettle(1500)
    run.master.setParallelismMax(1)
    await run.env.advanceAndSettle(500)
    expect(run.master.status()).toMatchObject({ state: 'running', slotsHeld: 1, restartCount: 0 })
    run.master.setParallelismMax(3)
    await run.env.advanceAndSettle(500)
    expect(run.master.status()).toMatchObject({ state: 'running', slotsHeld: 3, restartCount: 0, failures: [] })
    await toEnd(run)
    expectExactlyOnce(run.committed.left)
    expectExactlyOnce(run.committed.right)
  })
})

describe('the number of slots of a job with two slot-sharing groups', () => {
  const parallelisms = ({ master }: Run): readonly number[] =>
    master.status().vertices.map(({ parallelism }) => parallelism)

  test('may be lower than the job wants: a forward edge between groups keeps equal ends', async () => {
    const run = startRun(5, 'writing')
    await run.env.advanceAndSettle(1500)
    expect(run.master.status()).toMatchObject({ state: 'running', slotsWanted: 6, slotsHeld: 4 })
    expect(parallelisms(run)).toEqual([2, 2, 2, 2, 2, 2])
    await toEnd(run)
    expect(run.events.some((event) => event.kind === 'rescaled' && event.from === 6 && event.to === 4)).toBe(true)
    expectExactlyOnce(run.committed.left)
    expectExactlyOnce(run.committed.right)
  })

  test('follows a limit of the parallelism', async () => {
    const run = startRun(6, 'writing')
    await run.env.advanceAndSettle(1500)
    run.master.setParallelismMax(1)
    await run.env.advanceAndSettle(500)
    expect(run.master.status()).toMatchObject({ state: 'running', slotsHeld: 2, restartCount: 0 })
    expect(parallelisms(run)).toEqual([1, 1, 1, 1, 1, 1])
    run.master.setParallelismMax(2)
    await run.env.advanceAndSettle(500)
    expect(run.master.status()).toMatchObject({ state: 'running', slotsHeld: 4, restartCount: 0, failures: [] })
    await toEnd(run)
    expectExactlyOnce(run.committed.left)
    expectExactlyOnce(run.committed.right)
  })

  test('is not enough below one for each group: the job does not start and says why', async () => {
    const run = startRun(1, 'writing')
    await run.env.advanceAndSettle(1500)
    expect(run.master.status().failures[0]?.error).toMatchObject({
      code: 'CLU1005',
      message: expect.stringContaining(
        'got 1 of the slots it asked for and needs 2 at least, one for each of its slot-sharing groups',
      ),
    })
    const canceled = run.master.cancel()
    await run.env.advanceAndSettle(1000)
    await canceled
  })
})

test('a job that was suspended writes nothing any more and leaves nothing behind', async () => {
  const run = startRun()
  await run.env.advanceAndSettle(2500)
  const count = [...run.committed.left.values()].flat().length
  const suspended = run.master.suspend()
  await run.env.settle()
  await suspended
  await run.env.advanceAndSettle(10_000)
  expect((await run.master.result).state).toBe('suspended')
  expect([...run.committed.left.values()].flat().length).toBe(count)
  expect([run.slots.alive(), run.env.timerCount()]).toEqual([[], 0])
})
