import { A, B, registered, startSlot, world } from '../../test/task-manager-world.ts'
import { describe, expect, test } from 'vitest'
import { HEARTBEAT_INTERVAL_MS, LEASE_MS } from '../../test/scripted-job-manager.ts'
import { deferred } from '../base/deferred.ts'
import { DiskError } from '../base/disk-error.ts'
import { EngineError, errorToData } from '../base/errors.ts'
import { allocationId, attemptNumber, leaderEpoch, slotIndex } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import type { SlotDeployment } from '../control/messages.ts'
import type { MemoryDisk } from '../testing/memory-disk.ts'
import type { SlotEnd } from './slot-launcher.ts'
import { taskManagerEventText } from './task-manager-events.ts'

/** Behind the six letters that every handshake begins with. */
const PROTOCOL_VERSION_AT = 6

function deployment(epoch: number): SlotDeployment {
  return {
    epoch: leaderEpoch(epoch),
    attempt: attemptNumber(0),
    slot: slotIndex(0),
    slotCount: 1,
    layoutHash: 'layout',
    tasks: [],
    placement: {},
  }
}

describe('a TaskManager looks for a leader', () => {
  test('waits for a JobManager that is not there yet, says so once, and registers when it comes', async () => {
    const { env, taskManager, told, jobManager, up } = world()
    taskManager.start()
    await env.advanceAndSettle(60_000)
    expect(told('waiting')).toHaveLength(1)
    expect(told('waiting').map(taskManagerEventText)[0]).toMatch(
      /^taskmanager waits for a JobManager at jm-a:6123: \[NET1002\] jm-a:6123 cannot be reached/,
    )
    const leader = jobManager(A)
    await up(leader)
    await env.advanceAndSettle(2000)
    expect(leader.kinds()).toEqual(['register'])
    expect(leader.last('register').facts).toMatchObject({ id: 'tm-1', slotCount: 2, wallMs: expect.any(Number) })
    expect(told('registered')).toEqual([{ kind: 'registered', jobManager: A, epoch: 1 }])
    expect(taskManager.status()).toMatchObject({ phase: 'serving', epoch: 1, jobManager: A })
  })

  test('pauses between rounds, from a tenth of a second to two seconds', async () => {
    const { env, taskManager, network } = world({ jobManagers: [A] })
    network.of(env, 'jm-a')
    const pauses: number[] = []
    taskManager.start()
    for (let round = 0; round < 8; round++) {
      await env.settle()
      const pauseMs = env.nextTimerInMs() ?? 0
      pauses.push(pauseMs)
      await env.advanceAndSettle(pauseMs)
    }
    for (const [round, pauseMs] of pauses.entries()) {
      const longest = Math.min(2000, 100 * 2 ** round)
      expect(pauseMs).toBeGreaterThanOrEqual(longest / 2)
      expect(pauseMs).toBeLessThanOrEqual(longest)
    }
  })

  test('goes on to the next address when one does not answer, within its limits', async () => {
    const { env, network, taskManager, jobManager, up } = world({ jobManagers: [A, B] })
    const silent = jobManager(A)
    await up(silent)
    network.silence('jm-a')
    const leader = jobManager(B)
    await up(leader)
    taskManager.start()
    await env.advanceAndSettle(3000)
    expect(leader.kinds()).toEqual(['register'])
  })

  test('follows the hint of a JobManager that does not lead, also to an address that it was not given', async () => {
    const { env, taskManager, jobManager, up } = world({ jobManagers: [A] })
    await up(jobManager(A, { authority: { kind: 'standby', epoch: leaderEpoch(7), leader: B } }))
    const leader = jobManager(B, { authority: { kind: 'leader', epoch: leaderEpoch(7) } })
    await up(leader)
    taskManager.start()
    await env.settle()
    expect(leader.kinds()).toEqual(['register'])
    expect(taskManager.status()).toMatchObject({ jobManager: B, epoch: 7 })
  })

  test('does not run in circles when two JobManagers name each other', async () => {
    const { env, taskManager, jobManager, told, up } = world({ jobManagers: [A] })
    const a = jobManager(A, { authority: { kind: 'standby', epoch: leaderEpoch(1), leader: B } })
    const b = jobManager(B, { authority: { kind: 'standby', epoch: leaderEpoch(1), leader: A } })
    await up(a)
    await up(b)
    taskManager.start()
    await env.settle()
    expect(taskManager.status().phase).toBe('waiting')
    expect(told('waiting')).toHaveLength(1)
  })

  test('ends with a clear error when the secret is wrong everywhere', async () => {
    const { env, taskManager, jobManager, fatal, told, up } = world({ secret: new Secret('one secret of many') })
    await up(jobManager(A, { secret: new Secret('another secret') }))
    taskManager.start()
    await env.settle()
    expect(fatal.map(({ code }) => code)).toEqual(['SEC1001'])
    expect(told('refused')).toHaveLength(1)
    expect(taskManager.status().phase).toBe('ended')
    expect(env.timerCount()).toBe(0)
  })

  test('ends with a clear error when the JobManager speaks another version of the protocol', async () => {
    const { env, network, taskManager, fatal } = world()
    void network.of(env, 'jm-a').listen(A, (connection) =>
      connection.receive({
        onFrame: (hello) => {
          const other = hello.slice()
          other.fill(255, PROTOCOL_VERSION_AT, PROTOCOL_VERSION_AT + 2)
          connection.send(other)
        },
        onClosed: () => {},
      }),
    )
    await env.settle()
    taskManager.start()
    await env.settle()
    expect(fatal.map(({ code }) => code)).toEqual(['NET1001'])
  })

  test('goes on when one of several JobManagers has another secret', async () => {
    const secret = new Secret('one secret of many')
    const { env, taskManager, jobManager, fatal, told, up } = world({ secret, jobManagers: [A, B] })
    await up(jobManager(A, { secret: new Secret('another secret') }))
    taskManager.start()
    await env.advanceAndSettle(10_000)
    expect(fatal).toEqual([])
    expect(told('refused')).toHaveLength(1)
    const leader = jobManager(B, { secret })
    await up(leader)
    await env.advanceAndSettle(2000)
    expect(leader.kinds()).toEqual(['register'])
  })

  test('gives a JobManager up that does not answer the registration', async () => {
    const { env, taskManager, jobManager, told, up } = world()
    const mute = jobManager(A)
    mute.registers = 'ignored'
    await up(mute)
    taskManager.start()
    await env.advanceAndSettle(10_500)
    expect(mute.connections).toBeGreaterThanOrEqual(1)
    expect(mute.closed).toBe(mute.connections - (taskManager.status().phase === 'registering' ? 1 : 0))
    expect(told('waiting').map(taskManagerEventText)[0]).toContain(
      'the answer to the registration took longer than 10 s',
    )
  })

  test('stops while it waits', async () => {
    const { env, taskManager, fatal } = world()
    taskManager.start()
    await env.advanceAndSettle(5000)
    const stopped = taskManager.stop()
    await stopped
    expect(fatal).toEqual([])
    expect(env.timerCount()).toBe(0)
  })
})

describe('the storage marker', () => {
  const marker = { path: '/shared/marker', content: 'written by jm-a' }

  async function checked(write: (disk: MemoryDisk) => Promise<void>) {
    const made = world()
    const leader = made.jobManager(A, { marker })
    await made.up(leader)
    await write(made.disk)
    made.taskManager.start()
    await made.env.settle()
    return { ...made, leader }
  }

  async function writeMarker(disk: MemoryDisk, content: string): Promise<void> {
    await disk.makeDirectory('/shared')
    const file = await disk.openWrite(marker.path, 'create')
    await file.write(new TextEncoder().encode(content))
    await file.close()
  }

  test('that cannot be read for now does not end it: it tries again', async () => {
    let isBroken = true
    const { fatal, told, env, taskManager } = await checked(async (disk) => {
      await writeMarker(disk, marker.content)
      const read = disk.read.bind(disk)
      disk.read = (path) => (isBroken ? Promise.reject(new DiskError('io', 'read', path)) : read(path))
    })
    await env.advanceAndSettle(5000)
    isBroken = false
    await env.advanceAndSettle(20_000)
    expect(fatal).toEqual([])
    expect(told('registered')).toHaveLength(1)
    await taskManager.stop()
  })

  test('that is there lets it serve', async () => {
    const { told, fatal } = await checked((disk) => writeMarker(disk, marker.content))
    expect(fatal).toEqual([])
    expect(told('registered')).toHaveLength(1)
  })

  test.each([
    ['is missing', async () => {}, /there is no \/shared\/marker here/],
    ['differs', (disk: MemoryDisk) => writeMarker(disk, 'of another'), /\/shared\/marker has another content here/],
  ])('that %s ends it, and the leader is told', async (_, write, message) => {
    const { fatal, leader, told, env } = await checked(write)
    expect(fatal).toMatchObject([{ code: 'CLU1003', message: expect.stringMatching(message) }])
    expect(leader.kinds()).toEqual(['register', 'leaving'])
    expect(told('registered')).toEqual([])
    expect(env.timerCount()).toBe(0)
  })
})

describe('a TaskManager that serves', () => {
  test('sends heartbeats, and each acknowledged one extends the lease from when it was sent', async () => {
    const { env, leader, launcher } = await registered()
    expect(launcher.lease).toBe(LEASE_MS)
    await env.advanceAndSettle(10 * HEARTBEAT_INTERVAL_MS)
    expect(leader.heartbeats).toBe(10)
    expect(launcher.lease).toBe(10 * HEARTBEAT_INTERVAL_MS + LEASE_MS)
  })

  test('starts slots, passes messages both ways, tells readiness and loss', async () => {
    const { env, leader, launcher } = await registered()
    leader.send(startSlot(0))
    await env.settle()
    const slot = launcher.slot(0)
    slot.listener.onReady({ layoutHash: 'layout', data: { host: 'tm', port: 5 } })
    leader.send({
      kind: 'to-slot',
      allocation: allocationId('a-0'),
      message: { kind: 'deploy', deployment: deployment(1) },
    })
    await env.settle()
    expect(slot.received.map(({ kind }) => kind)).toEqual(['deploy'])
    slot.listener.onMessage({ kind: 'deployed', attempt: attemptNumber(0) })
    slot.listener.onLost(errorToData(new EngineError('TSK1003', 'no memory')))
    slot.listener.onLost(errorToData(new EngineError('TSK1003', 'twice')))
    await env.settle()
    expect(leader.heard.slice(1)).toMatchObject([
      { kind: 'slot-ready', allocation: 'a-0', layoutHash: 'layout', data: { host: 'tm', port: 5 } },
      { kind: 'from-slot', allocation: 'a-0', message: { kind: 'deployed' } },
      { kind: 'slot-lost', allocation: 'a-0', error: { code: 'TSK1003', message: 'no memory' } },
    ])
  })

  test('drops a deployment of another epoch and messages to slots that are gone', async () => {
    const { env, leader, launcher, told } = await registered()
    leader.send(startSlot(0))
    leader.send({
      kind: 'to-slot',
      allocation: allocationId('a-0'),
      message: { kind: 'deploy', deployment: deployment(2) },
    })
    leader.send({ kind: 'kill-slot', allocation: allocationId('never') })
    await env.settle()
    expect(launcher.slot(0).received).toEqual([])
    expect(told('dropped')).toHaveLength(1)
  })

  test('a killed slot is told as lost, a released one is not', async () => {
    const { env, leader, launcher } = await registered()
    leader.send(startSlot(0))
    leader.send(startSlot(1))
    await env.settle()
    leader.send({ kind: 'kill-slot', allocation: allocationId('a-0') })
    leader.send({ kind: 'release-slot', allocation: allocationId('a-1') })
    await env.settle()
    expect(leader.heard.slice(1)).toMatchObject([{ kind: 'slot-lost', allocation: 'a-0', error: { code: 'TSK1002' } }])
    expect(launcher.slots.map(({ state }) => state)).toEqual(['killed', 'ended'])
  })

  test('refuses more slots than it has', async () => {
    const { env, leader, launcher } = await registered()
    for (const slot of [0, 1, 2]) leader.send(startSlot(slot))
    await env.settle()
    expect(launcher.slots).toHaveLength(2)
    expect(leader.last('slot-lost')).toMatchObject({ allocation: 'a-2', error: { code: 'CLU1005' } })
  })

  test('starts no slot in the place of one that still ends', async () => {
    const { env, leader, launcher } = await registered()
    const gone = deferred<SlotEnd>()
    leader.send(startSlot(0))
    leader.send(startSlot(1))
    await env.settle()
    launcher.end = gone.promise
    leader.send({ kind: 'release-slot', allocation: allocationId('a-0') })
    leader.send(startSlot(2))
    await env.settle()
    expect(launcher.slots).toHaveLength(2)
    gone.resolve('ended')
    await env.settle()
    expect(launcher.slots).toHaveLength(3)
  })

  test('answers questions, also that it cannot', async () => {
    const { env, leader } = await registered()
    leader.send({ kind: 'ask', request: 1, question: { kind: 'log', bytesMax: 10 } })
    leader.send({ kind: 'ask', request: 2, question: { kind: 'metrics' } })
    await env.settle()
    expect(leader.heard.slice(1)).toMatchObject([
      { kind: 'answer', request: 1, result: { kind: 'text', text: 'the log' } },
      { kind: 'answer', request: 2, result: { kind: 'failed', error: { code: 'INT1001' } } },
    ])
  })

  test('says that it leaves, ends its slots and closes', async () => {
    const { env, leader, launcher, taskManager, fatal } = await registered()
    leader.send(startSlot(0))
    await env.settle()
    const stopped = taskManager.stop()
    await env.settle()
    await stopped
    expect(leader.kinds()).toEqual(['register', 'leaving'])
    expect(leader.closed).toBe(1)
    expect(launcher.living()).toEqual([])
    expect(launcher.lease).toBe('over')
    expect(fatal).toEqual([])
    expect(env.timerCount()).toBe(0)
  })

  test('ends when a slot cannot be ended: the leader is told, then the process has to end', async () => {
    const { env, leader, launcher, fatal } = await registered()
    leader.send(startSlot(0))
    leader.send(startSlot(1))
    await env.settle()
    launcher.slot(0).listener.onLost(errorToData(new EngineError('TSK1006', 'it goes on')))
    await env.settle()
    expect(leader.kinds()).toEqual(['register', 'slot-lost', 'leaving'])
    expect(launcher.slot(1).state).toBe('ended')
    expect(fatal.map(({ code }) => code)).toEqual(['TSK1006'])
  })
})

describe('without its leader', () => {
  test('a closed connection ends all slots at once, and it registers anew when they have ended', async () => {
    const { env, leader, launcher, told } = await registered()
    const gone = deferred<SlotEnd>()
    launcher.end = gone.promise
    leader.send(startSlot(0))
    await env.settle()
    leader.disconnect()
    await env.settle()
    expect(launcher.living()).toEqual([])
    expect(launcher.lease).toBe('over')
    expect(told('disconnected')).toMatchObject([{ slotCount: 1, error: { code: 'NET1002' } }])
    await env.advanceAndSettle(3000)
    expect(leader.connections).toBe(1)
    gone.resolve('ended')
    await env.advanceAndSettle(200)
    expect(leader.connections).toBe(2)
    expect(leader.kinds()).toEqual(['register', 'register'])
  })

  test('silence ends all slots when the lease is over, before the leader gives it up', async () => {
    const { env, leader, launcher, network, told } = await registered()
    leader.send(startSlot(0))
    await env.advanceAndSettle(2500)
    network.silence('jm-a')
    const sentMs = 2000
    await env.advanceAndSettle(sentMs + LEASE_MS - 2500 - 1)
    expect(launcher.living()).toEqual([0])
    await env.advanceAndSettle(1)
    expect(launcher.living()).toEqual([])
    expect(told('disconnected')).toMatchObject([{ error: { code: 'CLU1004' } }])
    network.restore('jm-a')
    await env.advanceAndSettle(10_000)
    expect(leader.kinds().filter((kind) => kind === 'register').length).toBeGreaterThanOrEqual(2)
  })

  test('a leader that hears but does not answer is none', async () => {
    const { env, leader, launcher } = await registered()
    leader.acknowledges = false
    leader.send(startSlot(0))
    await env.advanceAndSettle(LEASE_MS)
    expect(launcher.living()).toEqual([])
  })

  test('a leader of a higher epoch gets it when the slots of the lower one have ended', async () => {
    const { env, leader, launcher, taskManager } = await registered()
    leader.send(startSlot(0))
    await env.settle()
    leader.authority = { kind: 'leader', epoch: leaderEpoch(2) }
    leader.disconnect()
    await env.advanceAndSettle(200)
    expect(launcher.living()).toEqual([])
    expect(taskManager.status()).toMatchObject({ phase: 'serving', epoch: 2 })
  })

  test('a leader of a lower epoch is never served again', async () => {
    const { env, leader, taskManager, told } = await registered()
    leader.authority = { kind: 'leader', epoch: leaderEpoch(5) }
    leader.disconnect()
    await env.advanceAndSettle(200)
    leader.authority = { kind: 'leader', epoch: leaderEpoch(4) }
    leader.disconnect()
    await env.advanceAndSettle(30_000)
    expect(taskManager.status()).toMatchObject({ epoch: 5 })
    expect(taskManager.status().phase).not.toBe('serving')
    expect(told('waiting')).toMatchObject([{ error: { code: 'CLU1002' } }])
  })

  test('connections that flap leave nothing behind', async () => {
    const { env, leader, launcher, network, taskManager } = await registered()
    for (let round = 0; round < 20; round++) {
      leader.send(startSlot(0))
      await env.settle()
      network.breakConnections('jm-a')
      await env.advanceAndSettle(200)
    }
    expect(launcher.slots).toHaveLength(20)
    expect(launcher.living()).toEqual([])
    await taskManager.stop()
    await env.settle()
    expect(network.openEndCount).toBe(0)
    expect(env.timerCount()).toBe(0)
  })

  test('a slot that cannot be ended ends the process', async () => {
    const { env, leader, launcher, fatal } = await registered()
    launcher.end = Promise.resolve('stuck')
    leader.send(startSlot(0))
    await env.settle()
    leader.disconnect()
    await env.settle()
    expect(fatal.map(({ code }) => code)).toEqual(['TSK1006'])
  })
})
