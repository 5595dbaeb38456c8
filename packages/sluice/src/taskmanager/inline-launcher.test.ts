import { expect, test } from 'vitest'
import { type Committed, committingSink } from '../../test/committing-sink.ts'
import { LauncherPool } from '../../test/launcher-pool.ts'
import { defineJob, optionLayerOf } from '../api/define-job.ts'
import { EngineError, type ErrorData } from '../base/errors.ts'
import { allocationId, artifactHash, jobId, leaderEpoch, slotIndex } from '../base/ids.ts'
import { MemoryStore } from '../checkpoint/stores/memory-store.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import { collectionSource } from '../connector/collection-source.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import { planJob } from '../graph/planner.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import { createJobMaster } from '../jobmanager/job-master.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { dataLimits } from './data-server.ts'
import { inlineSlotLauncher, type InlineLauncherOptions, type InlineSlotLauncher } from './inline-launcher.ts'

const ITEMS = Array.from({ length: 5000 }, (_, index) => index)
const FOR_EVER = Number.MAX_SAFE_INTEGER

const SPEC: JobSpec = {
  job: jobId('1'.repeat(32)),
  name: 'numbers',
  artifact: artifactHash('0'.repeat(64)),
  params: {},
  layers: [],
}

/** Two TaskManagers with two slots each, and one job over all of them. */
function cluster() {
  const network = new MemoryNetwork()
  const env = createManualEnv({ network })
  const committed: Committed = new Map()
  const store = new MemoryStore()
  const logical = defineJob('numbers', (flow) => {
    flow
      .fromSource(collectionSource(ITEMS), WatermarkStrategy.noWatermarks(), { uid: 'numbers', rateLimit: 1000 })
      .keyBy((value) => value % 10)
      .reduce((sum, value) => sum + value)
      .uid('sums')
      .sinkTo(committingSink(committed))
      .uid('out')
  }).build({})
  const values = { parallelism: '4', 'checkpoint.interval': '1s', 'restart.backoff.jitter': '0' }
  const options = resolveOptions([{ origin: 'test', values }, optionLayerOf(logical)])
  const { graph } = planJob(logical, options)
  const launcher = (machine: string, more: Partial<InlineLauncherOptions> = {}): InlineSlotLauncher =>
    inlineSlotLauncher({
      env: { ...env, network: network.of(env, machine) },
      host: machine,
      secret: undefined,
      dataLimits: dataLimits(30_000, 1_000_000),
      storage: () => store,
      loadJob: async () => ({
        graph,
        settings: {
          reportIntervalMs: 500,
          channelCredits: 8,
          batchRecordsMax: 512,
          bufferTimeoutMs: 100,
          watermarkIntervalMs: 200,
          delivery: 'exactly-once',
        },
      }),
      ...more,
    })
  const launchers = [launcher('one'), launcher('two')] as const
  for (const each of launchers) each.leaseUntil(FOR_EVER)
  const events: JobEvent[] = []
  const master = createJobMaster({
    graph,
    options,
    env,
    store,
    slots: new LauncherPool({ launchers, spec: SPEC, slotCount: 4, epoch: leaderEpoch(1) }),
    params: {},
    epoch: leaderEpoch(1),
    listener: (event) => void events.push(event),
  })
  return { env, network, committed, launcher, launchers, master, events }
}

type Cluster = ReturnType<typeof cluster>

async function toEnd({ env, master }: Cluster): Promise<void> {
  const outcomes: string[] = ['finished', 'stopped', 'canceled', 'failed']
  for (let second = 0; !outcomes.includes(master.status().state); second++) {
    expect(second).toBeLessThan(120)
    await env.advanceAndSettle(1000)
  }
}

const countOf = (committed: Committed): number => [...committed.values()].flat().length

test('a job runs over slots of two processes, and its whole output is committed once', async () => {
  const run = cluster()
  run.master.start()
  await toEnd(run)
  expect(await run.master.result).toMatchObject({ state: 'finished', restartCount: 0 })
  expect(countOf(run.committed)).toBe(ITEMS.length)
  expect(run.network.openEndCount).toBe(0)
  expect(run.env.timerCount()).toBe(0)
})

test('a slot that crashes, and connections that break, restart the job and nothing is lost or repeated', async () => {
  const run = cluster()
  run.master.start()
  await run.env.advanceAndSettle(1500)
  const [victim] = run.launchers[0].living()
  if (victim !== undefined) run.launchers[0].lose(victim)
  await run.env.advanceAndSettle(2500)
  run.network.breakConnections('two')
  await toEnd(run)
  const result = await run.master.result
  expect(result.state).toBe('finished')
  expect(result.restartCount).toBeGreaterThanOrEqual(2)
  expect(countOf(run.committed)).toBe(ITEMS.length)
})

test('a slot whose lease is over commits nothing: its task fails, and the output is committed after a restart', async () => {
  const run = cluster()
  run.master.start()
  await run.env.advanceAndSettle(900)
  for (const each of run.launchers) each.leaseUntil('over')
  await run.env.advanceAndSettle(1000)
  expect(countOf(run.committed)).toBe(0)
  const failures = run.events.filter((event) => event.kind === 'failed').map(({ failure }) => failure.error.code)
  expect(failures).toContain('CLU1004')
  for (const each of run.launchers) each.leaseUntil(FOR_EVER)
  await toEnd(run)
  expect(countOf(run.committed)).toBe(ITEMS.length)
})

test('a job that cannot be loaded is told as the loss of the slot, later than the call', async () => {
  const { env, launcher } = cluster()
  const lost: ErrorData[] = []
  const failing = launcher('three', { loadJob: async () => Promise.reject(new EngineError('JOB1001', 'no such job')) })
  failing.launch(
    { allocation: allocationId('x'), spec: SPEC, slot: slotIndex(0), epoch: leaderEpoch(1), artifactPath: undefined },
    { onReady: () => expect.unreachable(), onMessage: () => {}, onLost: (error) => void lost.push(error) },
  )
  expect(lost).toEqual([])
  await env.settle()
  expect(lost).toMatchObject([{ code: 'JOB1001' }])
  expect(failing.living()).toEqual([])
})

test('a slot that was ended says nothing any more, and leaves no connection and no timer', async () => {
  const { env, launcher, network } = cluster()
  const told: string[] = []
  const one = launcher('three').launch(
    { allocation: allocationId('x'), spec: SPEC, slot: slotIndex(0), epoch: leaderEpoch(1), artifactPath: undefined },
    {
      onReady: () => void told.push('ready'),
      onMessage: () => void told.push('message'),
      onLost: () => void told.push('lost'),
    },
  )
  await env.settle()
  expect(told).toEqual(['ready'])
  expect(await one.end()).toBe('ended')
  await env.advanceAndSettle(10_000)
  expect(told).toEqual(['ready'])
  expect(network.openEndCount).toBe(0)
  expect(env.timerCount()).toBe(0)
})
