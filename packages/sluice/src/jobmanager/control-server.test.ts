import { describe, expect, test } from 'vitest'
import { EngineError, errorToData } from '../base/errors.ts'
import {
  type TaskManagerId,
  allocationId,
  artifactHash,
  attemptNumber,
  leaderEpoch,
  slotIndex,
  taskManagerId,
} from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import { NetworkError } from '../base/network-error.ts'
import type { FromTaskManager, TaskManagerFacts, ToTaskManager } from '../control/cluster-messages.ts'
import { ControlLink } from '../control/control-link.ts'
import { HandshakeError, dial } from '../control/handshake.ts'
import { checkToTaskManager } from '../control/message-checks.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { ARTIFACT_PART_BYTES_MAX, SHELF_KEEP_MS } from './artifact-shelf.ts'
import type { ControlEvent } from './control-events.ts'
import { ASKED_MAX, type ControlServer, type ControlServerOptions, createControlServer } from './control-server.ts'
import { createSlotManager } from './slot-manager.ts'

const LISTEN = { host: '127.0.0.1', port: 6123 }
const BUNDLE = artifactHash('b')
const vitals = { heapUsedBytes: 1, cpuRatio: 0, eventLoopDelayMs: 0, slotsInUse: 0 }

type TaskManagerLink = ControlLink<ToTaskManager, FromTaskManager>

/** A TaskManager that says what the test says. */
interface Scripted {
  readonly link: TaskManagerLink
  readonly heard: ToTaskManager[]
  isClosed: boolean
}

class Lab {
  readonly network = new MemoryNetwork()
  readonly env: ManualEnv = createManualEnv({ network: this.network })
  readonly events: ControlEvent[] = []
  readonly seen: string[] = []
  readonly server: ControlServer

  constructor(options: Partial<ControlServerOptions> = {}) {
    this.server = createControlServer({
      env: this.env,
      listen: LISTEN,
      secret: undefined,
      version: '1.0.0',
      settings: { heartbeatIntervalMs: 1000, heartbeatTimeoutMs: 5000, leaseMs: 3500 },
      readArtifact: async () => expect.unreachable('no bundle is asked for'),
      listener: (event) => void this.events.push(event),
      ...options,
    })
  }

  async start(): Promise<void> {
    const starting = this.server.start()
    await this.env.settle()
    await starting
  }

  async stop(): Promise<void> {
    const stopping = this.server.stop()
    await this.env.settle()
    await stopping
  }

  async lead(epoch = 3): Promise<this> {
    await this.start()
    this.server.attach({
      onJoined: ({ facts }) => void this.seen.push(`joined ${facts.id}`),
      onGone: (id, error) => void this.seen.push(`gone ${id} ${error.code}`),
      onReport: (id, report) => void this.seen.push(`${report.kind} ${id} ${report.allocation}`),
    })
    this.server.lead(leaderEpoch(epoch), undefined)
    return this
  }

  async connect(secret?: Secret, epoch = 0): Promise<Scripted> {
    const dialing = dial(this.env, LISTEN, { role: 'taskmanager', version: '1.0.0', secret, epoch: leaderEpoch(epoch) })
    dialing.catch(() => {}) // told by the await below
    await this.env.settle()
    const { connection } = await dialing
    const link: TaskManagerLink = new ControlLink(connection, { check: checkToTaskManager })
    const scripted: Scripted = { link, heard: [], isClosed: false }
    link.receive({
      onMessage: (message) => void scripted.heard.push(message),
      onClosed: () => void (scripted.isClosed = true),
    })
    return scripted
  }

  async register(name: string, more: Partial<TaskManagerFacts> = {}): Promise<Scripted> {
    const one = await this.connect()
    one.link.sendMessage({ kind: 'register', facts: this.facts(name, more) })
    await this.env.settle()
    return one
  }

  facts(name: string, more: Partial<TaskManagerFacts> = {}): TaskManagerFacts {
    const own = { id: taskManagerId(name), host: `${name}.lan`, pid: 1, slotCount: 2, version: '1.0.0' }
    return { ...own, memoryBytes: 1, cpuCores: 1, wallMs: this.env.clock.wallMs(), ...more }
  }

  take(): string {
    return this.seen.splice(0).join(', ')
  }

  lastWhy(): string {
    const event = this.events.at(-1)
    return event === undefined || event.error === undefined ? '' : event.error.message
  }
}

const TM = (name: string): TaskManagerId => taskManagerId(name)

describe('registration', () => {
  test('a TaskManager is told the epoch, the heartbeats and the lease, and is in sight', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    expect(one.heard).toEqual([{ kind: 'registered', epoch: 3, heartbeatIntervalMs: 1000, leaseMs: 3500 }])
    expect(lab.take()).toBe('joined x')
    expect(lab.server.taskManagers().map(({ facts, vitals }) => [facts.host, vitals])).toEqual([['x.lan', undefined]])
    expect(lab.events).toEqual([{ kind: 'task-manager', id: 'x', host: 'x.lan', what: 'is registered, with 2 slots' }])
  })

  test('a JobManager that does not lead refuses and names the leader', async () => {
    const lab = new Lab()
    await lab.start()
    lab.server.follow({ host: '10.0.0.2', port: 6123 }, leaderEpoch(9))
    const refused = await lab.connect().catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'CLU1002', leader: { host: '10.0.0.2', port: 6123 } })
    expect(lab.events.map((event) => event.kind)).toEqual(['connection-refused'])
  })

  test('one that knows a higher epoch is refused, one without the secret too', async () => {
    const lab = await new Lab({ secret: new Secret('s') }).lead()
    const old = await lab.connect(new Secret('s'), 4).catch((error: unknown) => error)
    const wrong = await lab.connect(new Secret('t')).catch((error: unknown) => error)
    expect(old instanceof HandshakeError && old.code).toBe('CLU1002')
    expect(wrong instanceof HandshakeError && wrong.code).toBe('SEC1001')
    expect([await lab.connect(new Secret('s'), 3).then(() => 'in'), lab.take()]).toEqual(['in', ''])
  })

  test('who does not register in time is disconnected', async () => {
    const lab = await new Lab().lead()
    const one = await lab.connect()
    await lab.env.advanceAndSettle(10_000)
    expect([one.isClosed, lab.take(), lab.lastWhy()]).toEqual([
      true,
      '',
      expect.stringContaining('did not register within 10000 ms'),
    ])
  })

  test('who says something else first, or nonsense about itself, is disconnected', async () => {
    const lab = await new Lab().lead()
    const one = await lab.connect()
    one.link.sendMessage({ kind: 'heartbeat', seq: 1, vitals })
    const two = await lab.connect()
    two.link.sendMessage({ kind: 'register', facts: lab.facts('x', { slotCount: 0 }) })
    const three = await lab.connect()
    three.link.sendMessage({ kind: 'register', facts: undefined as never }) // what another version might say
    const four = await lab.connect()
    four.link.sendMessage({ kind: 'register', facts: lab.facts('x', { host: 'h\n2026-01-01 INFO all is well' }) })
    await lab.env.settle()
    expect([one, two, three, four].map(({ isClosed }) => isClosed)).toEqual([true, true, true, true])
    expect(lab.take()).toBe('')
  })

  test('an id that registers again replaces its older connection', async () => {
    const lab = await new Lab().lead()
    const older = await lab.register('x')
    await lab.register('x')
    expect([older.isClosed, lab.take()]).toEqual([true, 'joined x, gone x CLU1006, joined x'])
    expect(lab.server.taskManagers()).toHaveLength(1)
  })

  test('another version and a clock that is far off are served, with a warning', async () => {
    const lab = await new Lab().lead()
    await lab.register('x', { version: '0.9.0', wallMs: lab.env.clock.wallMs() - 6000 })
    expect(lab.take()).toBe('joined x')
    expect(lab.events.slice(1).map((event) => event.kind === 'task-manager' && event.what)).toEqual([
      expect.stringContaining('6.0 s behind'),
      expect.stringContaining('runs version 0.9.0 of sluice, this JobManager 1.0.0'),
    ])
  })

  test('a taken port is named', async () => {
    const first = await new Lab().lead()
    const second = createControlServer({
      env: first.env,
      listen: LISTEN,
      secret: undefined,
      version: '1',
      settings: { heartbeatIntervalMs: 1, heartbeatTimeoutMs: 5, leaseMs: 3 },
      readArtifact: async () => new Uint8Array(),
      listener: () => {},
    })
    const starting = second.start().catch((error: unknown) => error)
    await first.env.settle()
    expect(await starting).toMatchObject({ code: 'NET1005', message: expect.stringContaining('port 6123') })
  })
})

test.for([
  ['unreachable', 'is no place on this machine', '--host'],
  ['denied', 'is not for this user', '--port'],
  ['io', 'cannot be used', '--host and --port'],
] as const)('an address that fails as %s is NET1005 with what to do', async ([failure, what, advice]) => {
  const env = createManualEnv({ network: new MemoryNetwork() })
  const failing = { ...env.network, listen: () => Promise.reject(new NetworkError(failure, 'listen')) }
  const lab = new Lab({ env: { ...env, network: failing } })
  const message = expect.stringMatching(new RegExp(`port 6123 of 127.0.0.1 ${what}.*${advice}`))
  await expect(lab.server.start()).rejects.toMatchObject({ code: 'NET1005', message })
})

describe('being there', () => {
  test('heartbeats are answered and their vitals kept', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    one.link.sendMessage({ kind: 'heartbeat', seq: 7, vitals })
    await lab.env.settle()
    expect(one.heard.at(-1)).toEqual({ kind: 'heartbeat-ack', seq: 7 })
    expect(lab.server.taskManagers()[0]?.vitals).toEqual(vitals)
  })

  test('a closed connection counts at once, silence after the timeout', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    const two = await lab.register('y')
    lab.take()
    one.link.close()
    await lab.env.settle()
    expect(lab.take()).toBe('gone x CLU1006')
    await lab.env.advanceAndSettle(4000)
    two.link.sendMessage({ kind: 'heartbeat', seq: 1, vitals })
    await lab.env.advanceAndSettle(4999)
    expect(lab.take()).toBe('')
    await lab.env.advanceAndSettle(501)
    expect([lab.take(), two.isClosed, lab.lastWhy()]).toEqual([
      'gone y CLU1006',
      true,
      expect.stringContaining('nothing was heard of it for 5.0 s'),
    ])
  })

  test('one that leaves is gone at once', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    one.link.sendMessage({ kind: 'leaving', reason: 'SIGTERM' })
    await lab.env.settle()
    expect([lab.take(), lab.lastWhy()]).toEqual([
      'joined x, gone x CLU1006',
      expect.stringContaining('leaves (SIGTERM)'),
    ])
  })

  test('one that registers twice over one connection is given up', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    one.link.sendMessage({ kind: 'register', facts: lab.facts('x') })
    await lab.env.settle()
    expect([lab.take(), lab.lastWhy()]).toEqual([
      'joined x, gone x CLU1006',
      expect.stringContaining('registered twice'),
    ])
  })

  test('when leadership is lost all are gone, and nobody registers until it is back', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    const stranger = await lab.connect()
    lab.server.follow(undefined)
    await lab.env.settle()
    expect([one.isClosed, stranger.isClosed, lab.server.epoch()]).toEqual([true, true, undefined])
    expect(lab.take()).toBe('joined x, gone x CLU1006')
    await expect(lab.connect()).rejects.toMatchObject({ code: 'CLU1002' })
    lab.server.lead(leaderEpoch(5), { path: '/m', content: 'c' })
    const again = await lab.register('x')
    expect(again.heard[0]).toMatchObject({ epoch: 5, marker: { path: '/m', content: 'c' } })
    await lab.stop()
    await lab.stop()
    await lab.env.settle()
    expect([again.isClosed, lab.env.timerCount()]).toEqual([true, 0])
  })
})

describe('talking', () => {
  test('what a TaskManager reports about slots is passed on in order', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    const allocation = allocationId('3-1')
    one.link.sendMessage({ kind: 'slot-ready', allocation, layoutHash: 'h' })
    one.link.sendMessage({ kind: 'from-slot', allocation, message: { kind: 'deployed', attempt: attemptNumber(0) } })
    one.link.sendMessage({ kind: 'slot-lost', allocation, error: errorToData(new EngineError('TSK1002', 'ended')) })
    await lab.env.settle()
    expect(lab.take()).toBe('joined x, slot-ready x 3-1, from-slot x 3-1, slot-lost x 3-1')
  })

  test('a message that cannot be sent loses the slot and ends it', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    lab.take()
    const splits = new Uint8Array(65 * 1024 * 1024)
    const message = { kind: 'complete', attempt: attemptNumber(0), checkpoint: splits as never } as const // far too large
    lab.server.send(TM('x'), { kind: 'to-slot', allocation: allocationId('3-1'), message })
    await lab.env.settle()
    expect([lab.take(), one.heard.at(-1)]).toEqual(['slot-lost x 3-1', { kind: 'release-slot', allocation: '3-1' }])
  })

  test('a question is answered, refused, or given up after its limit', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    const ask = (name: string): Promise<unknown> =>
      lab.server.ask(TM(name), { kind: 'log', bytesMax: 10 }).catch((error: unknown) => error)
    const answers = [ask('x'), ask('x'), ask('x'), ask('y')]
    one.link.sendMessage({ kind: 'answer', request: 2, result: { kind: 'text', text: 'line' } })
    const error = errorToData(new EngineError('DSK1001', 'no log'))
    one.link.sendMessage({ kind: 'answer', request: 1, result: { kind: 'failed', error } })
    await lab.env.settle()
    expect(await answers[1]).toBe('line')
    expect(await answers[0]).toMatchObject({ code: 'DSK1001' })
    expect(await answers[3]).toMatchObject({ code: 'CLU1009' })
    await lab.env.advanceAndSettle(3000)
    one.link.sendMessage({ kind: 'heartbeat', seq: 1, vitals })
    await lab.env.advanceAndSettle(2000)
    expect(await answers[2]).toMatchObject({ message: expect.stringContaining('did not answer within 5000 ms') })
    one.link.sendMessage({ kind: 'answer', request: 3, result: { kind: 'text', text: 'late' } })
    await lab.env.settle()
    expect(lab.take()).toBe('joined x')
  })

  test('a question to one that goes is given up at once', async () => {
    const lab = await new Lab().lead()
    const one = await lab.register('x')
    const answer = lab.server.ask(TM('x'), { kind: 'metrics' }).catch((error: unknown) => error)
    one.link.close()
    await lab.env.settle()
    expect(await answer).toMatchObject({ code: 'CLU1009' })
  })
})

describe('bundles', () => {
  const bundle = Uint8Array.from({ length: ARTIFACT_PART_BYTES_MAX + 3 }, (_, index) => index & 255)

  test('are read once for all that fetch them, in parts', async () => {
    let reads = 0
    const lab = await new Lab({ readArtifact: async () => (reads++, bundle) }).lead()
    const both = [await lab.register('x'), await lab.register('y')]
    for (const { link } of both) {
      link.sendMessage({ kind: 'fetch-artifact', artifact: BUNDLE, offset: 0 })
      link.sendMessage({ kind: 'fetch-artifact', artifact: BUNDLE, offset: ARTIFACT_PART_BYTES_MAX })
    }
    await lab.env.settle()
    for (const { heard } of both) {
      const parts = heard.flatMap((message) => (message.kind === 'artifact-part' ? [message] : []))
      expect(parts.map(({ offset, totalBytes, bytes }) => [offset, totalBytes, bytes.length])).toEqual([
        [0, bundle.length, ARTIFACT_PART_BYTES_MAX],
        [ARTIFACT_PART_BYTES_MAX, bundle.length, 3],
      ])
    }
    expect([reads, [...(lab.server.taskManagers()[0]?.artifacts ?? [])]]).toEqual([1, [BUNDLE]])
    both[0]?.link.sendMessage({ kind: 'heartbeat', seq: 1, vitals })
    for (let ms = 0; ms < SHELF_KEEP_MS; ms += 1000) {
      both[0]?.link.sendMessage({ kind: 'heartbeat', seq: 1, vitals })
      await lab.env.advanceAndSettle(1000)
    }
    both[0]?.link.sendMessage({ kind: 'fetch-artifact', artifact: BUNDLE, offset: 0 })
    await lab.env.settle()
    expect(reads).toBe(2)
  })

  test('one that is not there is missing at once, a failing storage is tried again', async () => {
    let fails = 2
    const lab = await new Lab({
      readArtifact: async (artifact) => {
        if (artifact !== BUNDLE) throw new EngineError('JOB1103', 'unknown')
        if (fails-- > 0) throw new EngineError('DSK1001', 'EIO')
        return bundle
      },
    }).lead()
    const one = await lab.register('x')
    one.link.sendMessage({ kind: 'fetch-artifact', artifact: artifactHash('c'), offset: 0 })
    one.link.sendMessage({ kind: 'fetch-artifact', artifact: BUNDLE, offset: 0 })
    await lab.env.settle()
    expect(one.heard.at(-1)).toEqual({ kind: 'artifact-missing', artifact: 'c' })
    await lab.env.advanceAndSettle(600)
    expect(one.heard.at(-1)?.kind).toBe('artifact-part')
  })

  test('one that the storage cannot give now is not missing: the job would fail for good', async () => {
    const lab = await new Lab({
      readArtifact: () => Promise.reject(new EngineError('CLU1003', 'the storage is away')),
    }).lead()
    const one = await lab.register('x')
    for (let i = 0; i < 2 * ASKED_MAX; i++) {
      one.link.sendMessage({ kind: 'fetch-artifact', artifact: BUNDLE, offset: i })
      one.link.sendMessage({ kind: 'heartbeat', seq: i, vitals })
      await lab.env.advanceAndSettle(3000)
    }
    expect(one.heard.filter(({ kind }) => kind === 'artifact-missing')).toEqual([])
    expect([lab.take(), one.isClosed]).toEqual(['joined x', false])
  })

  test('one that asks for too many parts at once is given up', async () => {
    const lab = await new Lab({ readArtifact: () => new Promise(() => {}) }).lead()
    const one = await lab.register('x')
    for (let i = 0; i <= ASKED_MAX; i++) one.link.sendMessage({ kind: 'fetch-artifact', artifact: BUNDLE, offset: i })
    await lab.env.settle()
    expect([lab.take(), one.isClosed]).toEqual(['joined x, gone x CLU1006', true])
  })
})

describe('with the slot manager', () => {
  test('slots go over the network: started, ready, lost with their TaskManager', async () => {
    const lab = new Lab()
    await lab.start()
    const slots = createSlotManager({ env: lab.env, server: lab.server })
    lab.server.lead(leaderEpoch(3), undefined)
    const one = await lab.register('x')
    const two = await lab.register('y')
    const pool = slots.poolFor({
      spec: { ...lab.facts('x'), job: 'j' as never, name: 'orders', artifact: BUNDLE, params: {}, layers: [] }, // any job
      slotCount: 2,
      settings: { mode: 'fixed', slotWaitMs: 1, restartSlotWaitMs: 1, settleMs: 1, startTimeoutMs: 60_000 },
    })
    const lost: number[] = []
    const acquiring = pool.acquire({ onMessage: () => {}, onSlotLost: (slot) => void lost.push(slot) })
    await lab.env.settle()
    for (const { link, heard } of [one, two]) {
      const start = heard.find((message) => message.kind === 'start-slot') ?? expect.unreachable('no slot was started')
      link.sendMessage({ kind: 'slot-ready', allocation: start.allocation, layoutHash: 'h' })
    }
    await lab.env.settle()
    expect((await acquiring).map(({ slot }) => [slot, pool.placeOf(slot)])).toEqual([
      [0, 'x'],
      [1, 'y'],
    ])
    two.link.destroy()
    await lab.env.settle()
    expect([lost, slots.slotsTotal, slots.slotsFree, pool.placeOf(slotIndex(1))]).toEqual([[1], 2, 1, 'y'])
  })
})
