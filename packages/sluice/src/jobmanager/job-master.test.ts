import { describe, expect, test } from 'vitest'
import { ScriptedSlots } from '../../test/scripted-slots.ts'
import { defineJob, optionLayerOf } from '../api/define-job.ts'
import { deferred } from '../base/deferred.ts'
import { EngineError } from '../base/errors.ts'
import { checkpointId, leaderEpoch } from '../base/ids.ts'
import { MemoryStore } from '../checkpoint/stores/memory-store.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import { collectionSource } from '../connector/collection-source.ts'
import { COMMITTABLES_STATE, type Sink, type SinkPrepareContext, WRITER_STATE } from '../connector/sink.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { planJob } from '../graph/planner.ts'
import { bytesToValue } from '../serde/value-codec.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import type { JobEvent } from './job-events.ts'
import type { JobMaster } from './job-control.ts'
import { createJobMaster } from './job-master.ts'

interface WorldOptions {
  readonly store?: MemoryStore
  readonly epoch?: number
  readonly items?: readonly number[]
  readonly values?: Readonly<Record<string, string>>
  readonly checkpointing?: 'off'
}

interface World {
  readonly env: ManualEnv
  readonly store: MemoryStore
  readonly slots: ScriptedSlots
  readonly master: JobMaster
  readonly events: JobEvent[]
  readonly prepared: SinkPrepareContext<unknown, unknown>[]
  readonly graph: JobGraph
}

function sinkNoting(prepared: SinkPrepareContext<unknown, unknown>[]): Sink<number> {
  const unused = (): never => expect.unreachable('no task runs in these tests')
  return {
    kind: 'noted',
    identity: 'noted',
    prepare: async (context) => void prepared.push(context),
    createWriter: unused,
    createCommitter: unused,
  }
}

function createWorld(given: WorldOptions = {}): World {
  const env = createManualEnv()
  const prepared: SinkPrepareContext<unknown, unknown>[] = []
  const job = defineJob('orders', (flow) => {
    flow
      .fromSource(collectionSource(given.items ?? [1, 2, 3, 4]), WatermarkStrategy.noWatermarks(), {
        uid: 'numbers',
        name: 'numbers',
      })
      .sinkTo(sinkNoting(prepared))
      .uid('out')
  })
  const logical = job.build({})
  const values = {
    parallelism: '2',
    'checkpoint.interval': '10s',
    'restart.backoff.jitter': '0',
    'checkpoint.failuresMax': '5',
    ...given.values,
  }
  const options = resolveOptions([{ origin: 'test', values }, optionLayerOf(logical)])
  const { graph } = planJob(logical, options)
  const store = given.store ?? new MemoryStore()
  const stateOf = (): { uid: string; items: unknown }[] => [
    {
      uid: 'out',
      items: [
        { name: COMMITTABLES_STATE, mode: 'split', items: [{ checkpoint: 1, committable: 'part-1' }] },
        { name: WRITER_STATE, mode: 'split', items: ['writer'] },
      ],
    },
  ]
  const slots = new ScriptedSlots({ turns: env.turns, slotCount: 2, layoutHash: graph.layoutHash, stateOf })
  const events: JobEvent[] = []
  const master = createJobMaster({
    graph,
    options,
    env,
    store: given.checkpointing === 'off' ? undefined : store,
    slots,
    params: { input: 'x' },
    epoch: leaderEpoch(given.epoch ?? 1),
    listener: (event) => void events.push(event),
  })
  return { env, store, slots, master, events, prepared, graph }
}

async function startedWorld(given: WorldOptions = {}): Promise<World> {
  const world = createWorld(given)
  world.master.start()
  await world.env.settle()
  return world
}

/** Lets time pass until a checkpoint is complete. */
async function checkpoint(world: World): Promise<void> {
  const before = world.master.status().checkpoints?.completed ?? 0
  for (let wait = 0; (world.master.status().checkpoints?.completed ?? 0) === before; wait++) {
    expect(wait).toBeLessThan(30)
    await world.env.advanceAndSettle(1000)
  }
}

function kinds(world: World): string[] {
  return world.events.flatMap((event) => (event.kind === 'state-changed' ? [event.state] : [`! ${event.kind}`]))
}

const CRASH = new EngineError('TSK1001', 'map threw: 7 is unlucky', {
  context: { operator: 'numbers', subtask: 1, record: 'numbers item 6' },
})

describe('a job that runs to its end', () => {
  test('is deployed to all slots, assigns splits on request, and finishes behind its final checkpoint', async () => {
    const world = await startedWorld()
    expect(world.master.status().state).toBe('running')
    expect(world.slots.slot(1).deployment).toMatchObject({ slotCount: 2, attempt: 0, epoch: 1 })
    world.slots.slot(0).requestSplit('numbers')
    world.slots.slot(1).requestSplit('numbers')
    world.slots.slot(1).requestSplit('numbers')
    await world.env.settle()
    const assigned = world.slots
      .slot(1)
      .received.flatMap((message) => (message.kind === 'assign-splits' ? [message] : []))
    expect(assigned.map(({ splits, noMore }) => [bytesToValue(splits), noMore])).toEqual([
      [[{ id: '2', index: 1, sequence: 'items', next: 2, end: 4 }], false],
      [[], true],
    ])
    world.slots.drainAll()
    await world.env.settle()
    const result = await world.master.result
    expect(result).toMatchObject({ state: 'finished', restartCount: 0, checkpoints: { completed: 1, failed: 0 } })
    expect(kinds(world)).toEqual([
      'acquiring',
      'restoring',
      'deploying',
      '! started-fresh',
      'running',
      'draining',
      '! checkpoint-completed',
      'finishing',
      'closing',
      'finished',
      '! ended',
    ])
    expect(world.slots.slot(0).receivedKinds()).toEqual([
      'deploy',
      'start',
      'assign-splits',
      'trigger',
      'complete',
      'finish',
      'cancel',
    ])
    expect([world.slots.releaseCount, world.env.timerCount()]).toEqual([1, 0])
  })

  test('finishes without any checkpoint when checkpointing is off', async () => {
    const world = await startedWorld({ checkpointing: 'off' })
    world.slots.drainAll()
    await world.env.settle()
    expect(await world.master.result).toMatchObject({ state: 'finished', checkpoints: undefined })
    expect(world.slots.slot(0).receivedKinds()).toEqual(['deploy', 'start', 'finish', 'cancel'])
  })

  test('aggregates the reports of its tasks', async () => {
    const world = await startedWorld()
    for (const slot of world.slots.slots) {
      const tasks = slot.deployment.tasks.map(({ vertex, subtask }) => ({
        vertex,
        subtask,
        recordsIn: 10,
        recordsOut: 0,
        watermark: 100 + subtask,
        busyRatio: subtask === 0 ? 1 : 0.5,
        backPressuredRatio: 0,
        counters: { 'out/lateRecords': 2 },
        pauseMaxMs: 3,
      }))
      world.slots.say(slot.slot, { kind: 'report', attempt: slot.attempt, tasks })
    }
    await world.env.settle()
    const status = world.master.status()
    expect(status).toMatchObject({ counters: { 'out/lateRecords': 4 }, recordsRead: 20 })
    expect(status.vertices).toMatchObject([
      { recordsIn: 20, watermark: 100, busyRatio: 0.75, busyRatioMax: 1, reportingCount: 2 },
    ])
  })
})

describe('a job that fails', () => {
  test('restarts from its last checkpoint with the splits that were not assigned before it', async () => {
    const world = await startedWorld()
    world.slots.slot(0).requestSplit('numbers')
    await world.env.settle()
    await checkpoint(world)
    world.slots.slot(1).requestSplit('numbers')
    await world.env.settle()
    world.slots.slot(1).fail(CRASH)
    await world.env.settle()
    expect(world.master.status().state).toBe('restarting')
    expect(world.slots.liveAttempts().size).toBe(0)
    await world.env.advanceAndSettle(1000)
    expect(world.master.status()).toMatchObject({
      state: 'running',
      attempt: 1,
      restartCount: 1,
      restoredCheckpoint: 1,
    })
    expect(world.slots.slot(0).deployment.tasks[0]?.restore?.checkpoint).toBe(1)
    world.slots.slot(0).requestSplit('numbers')
    await world.env.settle()
    const last = world.slots.slot(0).received.at(-1)
    expect(last?.kind === 'assign-splits' && bytesToValue(last.splits)).toEqual([
      { id: '2', index: 1, sequence: 'items', next: 2, end: 4 },
    ])
  })

  test('prepares its sinks with everything the checkpoint holds', async () => {
    const world = await startedWorld()
    await checkpoint(world)
    world.slots.slot(0).lose()
    await world.env.advanceAndSettle(1000)
    expect(world.prepared).toMatchObject([
      { fresh: true, restoredCommittables: [], restoredWriters: [] },
      {
        uid: 'out',
        fresh: false,
        restoredCheckpoint: 1,
        restoredCommittables: ['part-1', 'part-1'],
        restoredWriters: ['writer', 'writer'],
      },
    ])
  })

  test('kills slots that do not stop, and only then starts the next attempt', async () => {
    const world = await startedWorld()
    world.slots.silent.add('stopped')
    world.slots.slot(0).fail(CRASH)
    await world.env.advanceAndSettle(29_999)
    expect(world.master.status().state).toBe('restarting')
    expect(world.slots.slot(1).killCount).toBe(0)
    await world.env.advanceAndSettle(1)
    expect(world.slots.slot(1).killCount).toBe(1)
    expect(world.master.status()).toMatchObject({ state: 'running', attempt: 1 })
  })

  test('drops what tasks of an attempt that is over still say', async () => {
    const world = await startedWorld()
    world.slots.slot(0).fail(CRASH)
    await world.env.advanceAndSettle(1000)
    const { slot, attempt, deployment } = world.slots.slot(0)
    const task = deployment.tasks[0]
    world.slots.say(slot, { kind: 'stopped', attempt: (attempt - 1) as typeof attempt }) // the attempt before
    await world.env.settle()
    expect(task).toBeDefined()
    expect(world.master.status()).toMatchObject({ state: 'running', attempt: 1, staleMessageCount: 1 })
  })

  test('gives up when the budget is used up, and says what failed, where, and how to go on', async () => {
    const world = await startedWorld({
      values: { 'restart.strategy': 'fixed-delay', 'restart.attemptsMax': '1', 'restart.delay': '10ms' },
    })
    await checkpoint(world)
    for (let failure = 0; failure < 2; failure++) {
      world.slots.slot(1).fail(CRASH)
      await world.env.advanceAndSettle(10)
    }
    const { state, error, failures } = await world.master.result
    expect([state, error?.code, failures.length]).toEqual(['failed', 'JOB1003', 2])
    expect(error?.message).toBe(
      [
        'job "orders" failed for good in operator "numbers", subtask 1, at record numbers item 6: [TSK1001] map threw: 7 is unlucky',
        'It was not restarted: its restart strategy, fixed-delay, allows no more after 1 restart.',
        'The failed attempt had started from checkpoint 1. All completed checkpoints are kept: repair the cause and run the job again with the same state directory, and it resumes from the latest one.',
      ].join('\n'),
    )
  })

  test('fails at once when a slot built another graph', async () => {
    const world = createWorld()
    world.master.start()
    await world.env.settle()
    world.slots.say(world.slots.slot(0).slot, { kind: 'ready', layoutHash: 'other' })
    await world.env.settle()
    const { state, error } = await world.master.result
    expect([state, error?.message.includes('[JOB1007] slot 0 built another graph')]).toEqual(['failed', true])
  })

  test('tries again when slots cannot be started', async () => {
    const world = createWorld()
    world.slots.acquireErrors.push(new EngineError('TSK1002', 'no thread'))
    world.master.start()
    await world.env.settle()
    expect(world.master.status().state).toBe('restarting')
    await world.env.advanceAndSettle(1000)
    expect(world.master.status()).toMatchObject({ state: 'running', attempt: 1 })
  })

  test('gives slots that never get ready up, and starts them anew', async () => {
    const world = createWorld()
    const waiting = Promise.withResolvers<never>()
    const acquire = world.slots.acquire.bind(world.slots)
    world.slots.acquire = () => {
      world.slots.acquire = acquire
      return waiting.promise
    }
    world.master.start()
    await world.env.advanceAndSettle(300_000)
    expect([world.slots.releaseCount, world.master.status().state]).toEqual([1, 'restarting'])
    await world.env.advanceAndSettle(1000)
    expect(world.master.status()).toMatchObject({ state: 'running', attempt: 1 })
  })
})

describe('stopping and resuming', () => {
  test('a stopped job resumes from the checkpoint of its stop in the next process', async () => {
    const world = await startedWorld()
    world.slots.slot(0).requestSplit('numbers')
    await world.env.settle()
    const stopped = world.master.stop()
    await world.env.settle()
    await stopped
    expect(await world.master.result).toMatchObject({ state: 'stopped', checkpoints: { completed: 1 } })
    const next = await startedWorld({ store: world.store, epoch: 2 })
    expect(next.master.status()).toMatchObject({ state: 'running', restoredCheckpoint: 1, attempt: 0 })
    expect(next.events.some((event) => event.kind === 'restored' && event.checkpoint === 1)).toBe(true)
    await checkpoint(next)
    expect(next.master.status().checkpoints?.lastCompleted?.checkpoint).toBeGreaterThan(1)
  })

  test('a cancelled job ends without another checkpoint', async () => {
    const world = await startedWorld()
    const canceled = world.master.cancel()
    await world.env.settle()
    await canceled
    expect(await world.master.result).toMatchObject({ state: 'canceled', checkpoints: { triggered: 0 } })
    expect(world.slots.slot(0).receivedKinds()).toEqual(['deploy', 'start', 'cancel'])
  })

  test('a job can be stopped before it is started and while it restarts', async () => {
    const fresh = createWorld()
    await fresh.master.stop()
    expect((await fresh.master.result).state).toBe('stopped')
    const world = await startedWorld()
    world.slots.slot(0).fail(CRASH)
    await world.env.settle()
    await world.master.stop()
    expect([(await world.master.result).state, world.slots.releaseCount]).toEqual(['stopped', 1])
  })

  test('a job whose checkpoints are removed while it runs does not begin anew by itself', async () => {
    const world = await startedWorld()
    await checkpoint(world)
    for (const id of await world.store.published()) await world.store.discard(id)
    world.slots.slot(0).fail(CRASH)
    await world.env.advanceAndSettle(30_000)
    const { state, error } = await world.master.result
    expect([state, error?.message]).toEqual(['failed', expect.stringContaining('CKP1008')])
    expect(kinds(world).filter((kind) => kind === '! started-fresh')).toHaveLength(1)
  })

  test('an unreadable newest checkpoint is passed over, loudly', async () => {
    const world = await startedWorld()
    const stopped = world.master.stop()
    await world.env.settle()
    await stopped
    await world.store.publish(checkpointId(7), new TextEncoder().encode('torn'))
    const next = await startedWorld({ store: world.store, epoch: 2 })
    expect(next.master.status()).toMatchObject({ state: 'running', restoredCheckpoint: 1 })
    expect(next.events.find((event) => event.kind === 'fell-back')).toMatchObject({
      checkpoint: 7,
      error: { code: 'CKP1003' },
    })
    await checkpoint(next)
    expect(next.master.status().checkpoints?.lastCompleted?.checkpoint).toBeGreaterThan(7)
  })

  test.for([
    { left: [4], removed: [] },
    { left: [4, 5], removed: [[4, 5]] },
  ])(
    'data of checkpoints $left without any manifest is removed; more than a crash leaves is reported',
    async (given) => {
      const store = new MemoryStore()
      for (const id of given.left) await (await store.openData(checkpointId(id), 'map-0')).finish()
      const world = await startedWorld({ store })
      expect(world.master.status().restoredCheckpoint).toBeUndefined()
      const reported = world.events.flatMap((event) =>
        event.kind === 'unpublished-removed' ? [event.checkpoints] : [],
      )
      expect([reported, store.dataPaths()]).toEqual([given.removed, []])
    },
  )

  test('a changed graph is refused before anything is touched and before a task is deployed', async () => {
    const world = await startedWorld()
    const stopped = world.master.stop()
    await world.env.settle()
    await stopped
    const changed = await startedWorld({ store: world.store, items: [1, 2, 3], epoch: 2 })
    const { state, error } = await changed.master.result
    const deployed = changed.slots.slots.flatMap((slot) => slot.receivedKinds())
    expect([state, error?.code, changed.prepared.length, deployed]).toEqual(['failed', 'JOB1006', 0, []])
  })
})

describe('what others may ask', () => {
  test('a checkpoint of the user resolves with its id once it is restorable, and is in the history', async () => {
    const world = await startedWorld()
    const asked = world.master.checkpoint()
    await world.env.settle()
    expect(await asked).toBe(1)
    expect(await world.store.published()).toEqual([1])
    expect(world.master.status().checkpointHistory).toMatchObject([
      { checkpoint: 1, status: 'COMPLETED', sizeBytes: 0, error: undefined },
    ])
  })

  test('a checkpoint of a job that does not run is refused', async () => {
    const world = createWorld()
    await expect(world.master.checkpoint()).rejects.toMatchObject({ code: 'CKP1009' })
    const without = await startedWorld({ checkpointing: 'off' })
    await expect(without.master.checkpoint()).rejects.toMatchObject({ code: 'CKP1010' })
  })

  test('the history keeps the newest ten checkpoints, failed ones with their error', async () => {
    const world = await startedWorld({ values: { 'checkpoint.failuresMax': '100' } })
    world.slots.silent.add('ack')
    await world.env.advanceAndSettle(10_000)
    world.slots.slot(0).fail(CRASH)
    await world.env.settle()
    expect(world.master.status().checkpointHistory).toMatchObject([{ status: 'FAILED', error: { code: 'CKP1009' } }])
    world.slots.silent.delete('ack')
    await world.env.advanceAndSettle(2000)
    for (let count = 0; count < 12; count++) await checkpoint(world)
    const history = world.master.status().checkpointHistory
    expect([history.length, history[0]?.status, history.at(-1)?.place]).toEqual([
      10,
      'COMPLETED',
      world.store.manifestPlace(checkpointId(history.at(-1)?.checkpoint ?? 0)),
    ])
  })

  test('every subtask says where it is, under which attempt, and what it does', async () => {
    const world = await startedWorld()
    const states = (): readonly unknown[] =>
      world.master.tasks().map(({ subtask, slot, attempt, state }) => [subtask, slot, attempt, state])
    expect(states()).toEqual([
      [0, 0, 0, 'RUNNING'],
      [1, 1, 0, 'RUNNING'],
    ])
    world.slots.silent.add('stopped')
    world.slots.slot(0).fail(CRASH)
    world.slots.slot(1).lose()
    await world.env.settle()
    expect(states()).toEqual([
      [0, 0, 0, 'CANCELING'],
      [1, 1, 0, 'CANCELED'],
    ])
  })

  test('states carry the moments at which they were entered', async () => {
    const world = await startedWorld()
    const { timestamps } = world.master.status()
    expect(timestamps.running).toBeGreaterThanOrEqual(timestamps.acquiring ?? Infinity)
    expect(timestamps.failed).toBeUndefined()
  })
})

describe('slots that come later', () => {
  test('while none are there, the status says what is waited for, however long it takes', async () => {
    const world = createWorld()
    const waiting = Promise.withResolvers<void>()
    const acquire = world.slots.acquire.bind(world.slots)
    world.slots.acquire = async (events) => {
      events.onWaiting?.('job "orders" needs 2 slots and has 0.')
      await waiting.promise
      return acquire(events)
    }
    world.master.start()
    await world.env.advanceAndSettle(3_600_000)
    expect(world.master.status()).toMatchObject({
      state: 'acquiring',
      waiting: 'job "orders" needs 2 slots and has 0.',
      slotsHeld: 0,
    })
    waiting.resolve()
    await world.env.settle()
    expect(world.master.status()).toMatchObject({ state: 'running', waiting: undefined, slotsHeld: 2 })
  })

  test('are used once they have stayed for a while, from a checkpoint', async () => {
    const world = createWorld()
    world.slots.availableCount = 1
    world.master.start()
    await world.env.settle()
    expect(world.slots.slot(0).deployment).toMatchObject({ slotCount: 1, placement: { numbers: [0] } })
    world.slots.offer(2)
    await world.env.advanceAndSettle(4999)
    expect(world.master.status().slotsHeld).toBe(1)
    await world.env.advanceAndSettle(1)
    expect(world.master.status()).toMatchObject({ state: 'running', slotsHeld: 2, restoredCheckpoint: 1 })
    expect(kinds(world).filter((kind) => kind.includes('rescal'))).toEqual(['! rescaled', '! rescaling', '! rescaled'])
    expect(world.master.status().restartCount).toBe(0)
  })
})

test('a sink that is still preparing when its job is suspended touches nothing any more', async () => {
  const world = createWorld()
  const isPrepared = deferred<void>()
  const prepare = world.prepared.push.bind(world.prepared)
  let outcome: unknown = 'none'
  world.prepared.push = (context) => {
    void isPrepared.promise
      .then(() => context.env.disk.remove('/out/part'))
      .catch((error: unknown) => (outcome = error instanceof EngineError ? error.code : error))
    return prepare(context)
  }
  world.master.start()
  await world.env.settle()
  await world.master.suspend()
  isPrepared.resolve()
  await world.env.settle()
  expect(outcome).toBe('SNK1001')
  expect(world.prepared[0]?.leader).toEqual({ epoch: 1, checkpointMax: 16 })
})

test('a job that has ended keeps nobody waiting for a storage that hangs once it is suspended', async () => {
  const world = await startedWorld()
  world.store.publish = () => new Promise(() => {})
  void world.master.checkpoint().catch((error: EngineError) => expect(error.code).toBe('CKP1009'))
  await world.env.settle()
  void world.master.cancel()
  await world.env.settle()
  expect(world.master.status().state).toBe('canceled')
  let isOver = false
  void world.master.result.then(() => (isOver = true))
  await world.env.settle()
  expect(isOver).toBe(false)
  void world.master.suspend()
  await world.env.settle()
  expect(isOver).toBe(true)
  expect([world.slots.liveAttempts().size, world.env.timerCount()]).toEqual([0, 0])
})

test('a suspended job is given up at once, even when the storage hangs', async () => {
  const world = await startedWorld()
  world.store.publish = () => new Promise(() => {})
  void world.master.checkpoint().catch((error: EngineError) => expect(error.code).toBe('CKP1009'))
  await world.env.settle()
  const suspended = world.master.suspend()
  await world.env.settle()
  await suspended
  expect((await world.master.result).state).toBe('suspended')
  expect([world.slots.liveAttempts().size, world.env.timerCount()]).toEqual([0, 0])
})
