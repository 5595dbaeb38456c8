import { expect, test } from 'vitest'
import { type Committed, committingSink } from '../../test/committing-sink.ts'
import { defineJob, optionLayerOf } from '../api/define-job.ts'
import { type SlotIndex, leaderEpoch, slotIndex } from '../base/ids.ts'
import { MemoryStore } from '../checkpoint/stores/memory-store.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import { collectionSource } from '../connector/collection-source.ts'
import { planJob } from '../graph/planner.ts'
import { createInlineSlots, type InlineSlotPool } from '../taskmanager/inline-slots.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import type { JobEvent } from './job-events.ts'
import type { JobMaster } from './job-control.ts'
import { createJobMaster } from './job-master.ts'

interface Run {
  readonly env: ManualEnv
  readonly slots: InlineSlotPool
  readonly master: JobMaster
  readonly events: JobEvent[]
}

const ITEMS = Array.from({ length: 20_000 }, (_, index) => index)

function createRun(store: MemoryStore, committed: Committed, epoch: number): Run {
  const env = createManualEnv()
  const logical = defineJob('numbers', (flow) => {
    flow
      .fromSource(collectionSource(ITEMS), WatermarkStrategy.noWatermarks(), {
        uid: 'numbers',
        name: 'numbers',
        rateLimit: 2000,
      })
      .keyBy((value) => value % 10)
      .reduce((sum, value) => sum + value)
      .uid('sums')
      .sinkTo(committingSink(committed))
      .uid('out')
  }).build({})
  const values = { parallelism: '3', 'checkpoint.interval': '1s', 'restart.backoff.jitter': '0' }
  const options = resolveOptions([{ origin: 'test', values }, optionLayerOf(logical)])
  const { graph } = planJob(logical, options)
  const slots = createInlineSlots({
    env,
    graph,
    slotCount: 3,
    settings: {
      reportIntervalMs: 500,
      channelCredits: 8,
      batchRecordsMax: 512,
      bufferTimeoutMs: 100,
      watermarkIntervalMs: 200,
      delivery: 'exactly-once',
    },
    storage: () => store,
  })
  const events: JobEvent[] = []
  const listener = (event: JobEvent): void => void events.push(event)
  const master = createJobMaster({ graph, options, env, store, slots, params: {}, epoch: leaderEpoch(epoch), listener })
  return { env, slots, master, events }
}

/** Lets time pass until the job has ended. */
async function toEnd(run: Run): Promise<void> {
  const outcomes: string[] = ['finished', 'stopped', 'canceled', 'failed']
  for (let second = 0; !outcomes.includes(run.master.status().state); second++) {
    expect(second).toBeLessThan(120)
    await run.env.advanceAndSettle(1000)
  }
}

/** Each record gives one running sum of its key: their count shows what was lost or repeated, the total of each key that none was wrong. */
function expectExactlyOnce(committed: Committed): void {
  const sums = new Set([...committed.values()].flat())
  const totals = Array.from({ length: 10 }, (_, key) =>
    ITEMS.filter((item) => item % 10 === key).reduce((sum, item) => sum + item, 0),
  )
  expect([...committed.values()].flat().length).toBe(ITEMS.length)
  expect(totals.filter((total) => !sums.has(total))).toEqual([])
}

test('a job of real tasks finishes with its whole output committed once', async () => {
  const committed: Committed = new Map()
  const run = createRun(new MemoryStore(), committed, 1)
  run.master.start()
  await toEnd(run)
  const result = await run.master.result
  expect([result.state, result.restartCount, result.error]).toEqual(['finished', 0, undefined])
  expect([result.recordsRead, result.staleMessageCount]).toEqual([ITEMS.length, 0])
  expectExactlyOnce(committed)
})

test('slots lost again and again change nothing about the committed output', async () => {
  const committed: Committed = new Map()
  const run = createRun(new MemoryStore(), committed, 1)
  run.master.start()
  for (const lost of [1, 0, 2].map((index): SlotIndex => slotIndex(index))) {
    await run.env.advanceAndSettle(3300)
    run.slots.lose(lost)
  }
  await toEnd(run)
  const result = await run.master.result
  expect([result.state, result.restartCount, result.error]).toEqual(['finished', 3, undefined])
  expectExactlyOnce(committed)
})

test('a stopped job resumes in a new process without losing or repeating anything', async () => {
  const committed: Committed = new Map()
  const store = new MemoryStore()
  for (let epoch = 1; epoch <= 3; epoch++) {
    const run = createRun(store, committed, epoch)
    run.master.start()
    await run.env.advanceAndSettle(2700)
    void run.master.stop()
    await toEnd(run)
    expect((await run.master.result).state).toBe('stopped')
  }
  const last = createRun(store, committed, 4)
  last.master.start()
  await toEnd(last)
  expect((await last.master.result).state).toBe('finished')
  expectExactlyOnce(committed)
})
