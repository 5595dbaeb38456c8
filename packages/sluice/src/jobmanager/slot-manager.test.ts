import { describe, expect, test } from 'vitest'
import { EngineError, errorToData } from '../base/errors.ts'
import { attemptNumber, leaderEpoch, slotIndex } from '../base/ids.ts'
import type { SlotDeployment } from '../control/messages.ts'
import { Asking, ScriptedCluster } from '../../test/scripted-task-managers.ts'
import type { PoolSettings } from './cluster-slot-pool.ts'

async function running(
  hosts: Readonly<Record<string, number>>,
  slotCount: number,
  settings: Partial<PoolSettings> = {},
): Promise<{ readonly cluster: ScriptedCluster; readonly job: Asking }> {
  const cluster = new ScriptedCluster()
  for (const [name, slots] of Object.entries(hosts)) cluster.join(name, slots)
  const job = new Asking(cluster, 'orders', slotCount, settings)
  job.ask()
  await cluster.env.advanceAndSettle(0)
  cluster.take()
  return { cluster, job }
}

describe('acquiring', () => {
  test('slots are started over all TaskManagers and given when every one is ready', async () => {
    const cluster = new ScriptedCluster()
    cluster.starts = 'never'
    cluster.join('x', 2)
    cluster.join('y', 2)
    const job = new Asking(cluster, 'orders', 3)
    job.ask()
    await cluster.env.settle()
    expect(cluster.take()).toBe('x:start-slot:7-1#0 y:start-slot:7-2#1 x:start-slot:7-3#2')
    const [first, ...rest] = cluster.starting.keys()
    for (const allocation of rest) cluster.ready(allocation)
    await cluster.env.settle()
    expect(job.take()).toBe('')
    if (first !== undefined) cluster.ready(first)
    await cluster.env.settle()
    expect(job.take()).toBe('ready 0 ready 1 ready 2 got 0,1,2')
    expect([cluster.manager.slotsTotal, cluster.manager.slotsFree]).toEqual([4, 1])
    expect(cluster.manager.taskManagers().map(({ slotsFree, allocations }) => [slotsFree, allocations.length])).toEqual(
      [
        [0, 2],
        [1, 1],
      ],
    )
    expect([job.pool.placeOf(slotIndex(1)), job.pool.placeOf(slotIndex(9))]).toEqual(['y', undefined])
  })

  test('an adaptive job waits, says so, and goes on with fewer when the wait is over', async () => {
    const { cluster, job } = await running({ x: 1 }, 3)
    expect(job.waits).toHaveLength(1)
    expect(job.waits[0]).toContain('needs 3 slots and has 1; 1 TaskManager with 1 slot is registered')
    await cluster.env.advanceAndSettle(9999)
    expect(job.take()).toBe('')
    await cluster.env.advanceAndSettle(1)
    expect(job.take()).toBe('ready 0 got 0')
  })

  test('a TaskManager that comes late in the wait delays it until the number has settled', async () => {
    const { cluster, job } = await running({ x: 1 }, 3)
    await cluster.env.advanceAndSettle(9800)
    cluster.join('y', 1)
    await cluster.env.advanceAndSettle(999)
    expect(job.take()).toBe('')
    await cluster.env.advanceAndSettle(1)
    expect(job.take()).toBe('ready 0 ready 1 got 0,1')
  })

  test('a fixed job waits on until all slots are there', async () => {
    const { cluster, job } = await running({ x: 1 }, 2, { mode: 'fixed' })
    await cluster.env.advanceAndSettle(1e6)
    expect([job.take(), job.waits.at(-1)]).toEqual(['', expect.stringContaining('set scheduler.mode to adaptive')])
    cluster.join('y', 1)
    await cluster.env.settle()
    expect(job.take()).toBe('ready 0 ready 1 got 0,1')
  })

  test('a slot that cannot start fails the acquisition with its error; the others are kept for the next', async () => {
    const cluster = new ScriptedCluster()
    cluster.starts = 'never'
    cluster.join('x', 2)
    cluster.join('y', 2)
    const job = new Asking(cluster, 'orders', 2)
    job.ask()
    await cluster.env.settle()
    cluster.lose('7-1', errorToData(new EngineError('JOB1001', 'no such module')))
    await cluster.env.settle()
    expect([job.take(), cluster.take()]).toEqual(['refused JOB1001', 'x:start-slot:7-1#0 y:start-slot:7-2#1'])
    cluster.starts = 'at once'
    job.ask()
    await cluster.env.settle()
    expect(cluster.take()).toBe('y:start-slot:7-3#0') // not where one was just lost
    for (const [allocation] of cluster.starting) if (allocation === '7-2') cluster.ready(allocation)
    await cluster.env.settle()
    expect(job.take()).toBe('ready 1 ready 0 got 0,1')
  })

  test('a slot whose TaskManager goes while it starts is replaced in silence', async () => {
    const cluster = new ScriptedCluster()
    cluster.starts = 'never'
    cluster.join('x', 1)
    cluster.join('y', 1)
    const job = new Asking(cluster, 'orders', 1)
    job.ask()
    await cluster.env.settle()
    cluster.starts = 'at once'
    cluster.leave('x')
    await cluster.env.settle()
    expect([cluster.take(), job.take()]).toEqual(['x:start-slot:7-1#0 y:start-slot:7-2#0', 'ready 0 got 0'])
  })

  test('a slot that is not ready in time is killed and fails the acquisition', async () => {
    const cluster = new ScriptedCluster()
    cluster.starts = 'never'
    cluster.join('x', 1)
    const job = new Asking(cluster, 'orders', 1)
    job.ask()
    await cluster.env.advanceAndSettle(60_000)
    expect([job.take(), cluster.take()]).toEqual(['refused CLU1007', 'x:start-slot:7-1#0 x:kill-slot:7-1'])
    expect(cluster.manager.slotsFree).toBe(0) // until it has ended
    cluster.lose('7-1')
    await cluster.env.settle()
    expect([job.take(), cluster.manager.slotsFree]).toEqual(['', 1])
  })

  test('a release ends the wait and gives everything back', async () => {
    const { cluster, job } = await running({ x: 1 }, 2)
    await job.pool.release()
    await cluster.env.advanceAndSettle(20_000)
    expect([job.take(), cluster.take()]).toEqual(['got ', ''])
    cluster.join('y', 1)
    job.ask()
    await cluster.env.settle()
    await job.pool.release()
    await job.pool.release()
    expect(cluster.take()).toBe('x:start-slot:7-1#0 y:start-slot:7-2#1 x:release-slot:7-1 y:release-slot:7-2')
    cluster.say('7-1')
    expect([cluster.manager.slotsFree, cluster.manager.staleMessageCount]).toEqual([2, 1])
  })
})

describe('losing', () => {
  test('a TaskManager that is gone: each slot is told, the rest keep their numbers, the replacement waits a short while', async () => {
    const { cluster, job } = await running({ x: 1, y: 1, z: 1 }, 3)
    expect(job.take()).toBe('ready 0 ready 1 ready 2 got 0,1,2')
    cluster.leave('y')
    await cluster.env.settle()
    expect(job.take()).toBe('lost 1 CLU1006')
    job.ask()
    await cluster.env.advanceAndSettle(999)
    cluster.join('w', 1)
    await cluster.env.settle()
    expect([cluster.take(), job.take()]).toEqual(['w:start-slot:7-4#1', 'ready 1 got 0,1,2'])
  })

  test('an adaptive job goes on with fewer, numbered without gaps', async () => {
    const { cluster, job } = await running({ x: 1, y: 1, z: 1 }, 3)
    job.take()
    cluster.leave('x')
    job.ask()
    await cluster.env.advanceAndSettle(1000)
    expect(job.take()).toBe('lost 0 CLU1006 got 0,1')
    expect([0, 1].map((slot) => job.pool.placeOf(slotIndex(slot)))).toEqual(['z', 'y'])
    cluster.say('7-3')
    expect(job.take()).toBe('deployed 0')
  })

  test('the replacement of a lost slot is on another TaskManager if there is one', async () => {
    const { cluster, job } = await running({ x: 3, y: 3 }, 2)
    cluster.lose('7-1')
    job.ask()
    await cluster.env.settle()
    expect(cluster.take()).toBe('y:start-slot:7-3#0')
  })

  test('a slot that is killed is told as lost when its TaskManager says so', async () => {
    const { cluster, job } = await running({ x: 2 }, 1)
    job.take()
    job.gateways[0]?.kill()
    job.gateways[0]?.kill()
    expect([cluster.take(), job.take()]).toEqual(['x:kill-slot:7-1', ''])
    cluster.lose('7-1')
    expect(job.take()).toBe('lost 0 TSK1003')
  })

  test('a slot that is killed counts as used until it has ended, also when the job gives it back meanwhile', async () => {
    const { cluster, job } = await running({ x: 1 }, 1)
    job.gateways[0]?.kill()
    await job.pool.release()
    expect([cluster.take(), cluster.manager.slotsFree]).toEqual(['x:kill-slot:7-1', 0])
    cluster.lose('7-1')
    expect(cluster.manager.slotsFree).toBe(1)
  })

  test('the loss of a killed slot is not told any more when it was replaced', async () => {
    const { cluster, job } = await running({ x: 2 }, 1)
    job.take()
    job.gateways[0]?.kill()
    job.ask()
    await cluster.env.settle()
    expect([cluster.take(), job.take()]).toEqual(['x:kill-slot:7-1 x:start-slot:7-2#0', 'ready 0 got 0'])
    cluster.lose('7-1')
    cluster.say('7-2')
    expect(job.take()).toBe('deployed 0')
  })

  test('messages of allocations that are over are dropped and counted, in both directions', async () => {
    const { cluster, job } = await running({ x: 1 }, 1)
    job.take()
    const [gateway] = job.gateways
    cluster.lose('7-1')
    cluster.say('7-1')
    gateway?.send({ kind: 'start', attempt: attemptNumber(0) })
    gateway?.kill()
    expect([job.take(), cluster.take()]).toEqual(['lost 0 TSK1003', ''])
    expect(cluster.manager.staleMessageCount).toBe(2)
  })
})

describe('running', () => {
  test('a deployment names the slots on other TaskManagers', async () => {
    const { cluster, job } = await running({ x: 2, y: 1 }, 3)
    const deployment: SlotDeployment = {
      epoch: leaderEpoch(7),
      attempt: attemptNumber(0),
      slot: slotIndex(0),
      slotCount: 3,
      layoutHash: '',
      tasks: [],
      placement: { v: [slotIndex(0), slotIndex(1), slotIndex(2)] },
    }
    for (const gateway of job.gateways) gateway.send({ kind: 'deploy', deployment })
    expect(cluster.deployed.map(({ peers }) => peers?.map(({ slot, address }) => [slot, address.host]))).toEqual([
      [[1, 'y']],
      [
        [0, 'x'],
        [2, 'x'],
      ],
      [[1, 'y']],
    ])
    expect(cluster.deployed[0]?.peers?.[0]?.address).toEqual({ host: 'y', port: 2 })
  })

  test('a job that runs with fewer slots is told when there are more, and when they have gone', async () => {
    const { cluster, job } = await running({ x: 1 }, 3)
    await cluster.env.advanceAndSettle(10_000)
    job.take()
    cluster.join('y', 1)
    await cluster.env.settle()
    cluster.join('z', 4)
    await cluster.env.settle()
    cluster.leave('z')
    cluster.leave('y')
    await cluster.env.settle()
    expect(job.take()).toBe('capacity 2 capacity 3 capacity 1')
  })

  test('a job that wants fewer gives back the rest at its next acquisition, from the fullest TaskManager', async () => {
    const { cluster, job } = await running({ x: 3, y: 1 }, 4)
    job.take()
    job.pool.want(2)
    await cluster.env.settle()
    expect([cluster.take(), job.pool.slotCount]).toEqual(['', 2])
    job.ask()
    await cluster.env.settle()
    expect([cluster.take(), job.take()]).toEqual(['x:release-slot:7-4 x:release-slot:7-3', 'got 0,1'])
    job.pool.want(3)
    await cluster.env.settle()
    expect(job.take()).toBe('capacity 3')
  })

  test('slots that one job gives back go to the one that waits', async () => {
    const { cluster, job } = await running({ x: 2 }, 2)
    const other = new Asking(cluster, 'payments', 1)
    other.ask()
    await cluster.env.advanceAndSettle(60_000)
    expect(other.take()).toBe('')
    await job.pool.release()
    await cluster.env.settle()
    expect(other.take()).toBe('ready 0 got 0')
  })

  test('two half-served fixed jobs: the younger gives its slots to the older', async () => {
    const { cluster, job } = await running({ x: 2, y: 2 }, 2, { mode: 'fixed' })
    const other = new Asking(cluster, 'payments', 2, { mode: 'fixed' })
    other.ask()
    await cluster.env.settle()
    job.take()
    other.take()
    cluster.leave('y')
    for (const one of [job, other]) one.ask()
    await cluster.env.advanceAndSettle(9999)
    expect([job.take(), other.take()]).toEqual(['lost 1 CLU1006', 'lost 1 CLU1006'])
    await cluster.env.advanceAndSettle(1)
    expect([job.take(), other.take()]).toEqual(['ready 1 got 0,1', 'lost 0 CLU1008'])
  })

  test('when leadership is lost everything is dropped, nothing is told, and the pools refuse', async () => {
    const { cluster, job } = await running({ x: 1 }, 1)
    const other = new Asking(cluster, 'payments', 2)
    other.ask()
    await cluster.env.settle()
    job.take()
    cluster.manager.dropAll('the lease ended')
    job.ask()
    await cluster.env.settle()
    expect([job.take(), other.take(), cluster.take()]).toEqual(['refused CLU1002', 'refused CLU1002', ''])
    cluster.join('x', 1)
    const next = new Asking(cluster, 'orders', 1)
    next.ask()
    await cluster.env.settle()
    expect(next.take()).toBe('ready 0 got 0')
  })
})
