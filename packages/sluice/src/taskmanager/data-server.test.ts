import { describe, expect, test } from 'vitest'
import { present } from '../base/assert.ts'
import type { NetworkAddress } from '../base/env.ts'
import type { EngineError } from '../base/errors.ts'
import { allocationId, attemptNumber, leaderEpoch, slotIndex, type SlotIndex } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import { dial } from '../control/handshake.ts'
import type { SlotDeployment } from '../control/messages.ts'
import type { DataFrame, DataLink } from '../exchange/data-link.ts'
import { valueToBytes } from '../serde/value-codec.ts'
import { createManualEnv, type ManualEnv } from '../testing/manual-env.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { createDataServer, dataLimits, type DataServer } from './data-server.ts'

const LIMITS = dataLimits(30_000, 1 << 20)

class Slot {
  readonly env: ManualEnv
  readonly server: DataServer
  readonly index: SlotIndex
  readonly received: [number, DataFrame][] = []
  readonly errors: EngineError[] = []
  address: NetworkAddress | undefined
  links: ReadonlyMap<SlotIndex, DataLink> = new Map()

  constructor(network: MemoryNetwork, index: number, secret?: string) {
    const machine = `m${index}`
    this.index = slotIndex(index)
    this.env = createManualEnv({ network, machine, seed: index + 1 })
    this.server = createDataServer({
      env: this.env,
      secret: secret === undefined ? undefined : new Secret(secret),
      self: allocationId(`allocation-${index}`),
      listen: { host: machine, port: 0 },
      limits: LIMITS,
    })
  }

  deploy(deployment: SlotDeployment): void {
    this.links = this.server.linksFor(deployment)
    for (const [from, link] of this.links) {
      link.receive((frame) => this.received.push([from, frame]))
      link.onBroken?.((error) => this.errors.push(error))
    }
  }

  post(to: number, timestamp: number): void {
    present(this.links.get(slotIndex(to)), 'the link').post(watermark(timestamp))
  }
}

class World {
  readonly network = new MemoryNetwork()
  readonly slots: readonly Slot[]

  constructor(...secrets: (string | undefined)[]) {
    this.slots = secrets.map((secret, index) => new Slot(this.network, index, secret))
  }

  async start(): Promise<void> {
    for (const slot of this.slots) {
      const starting = slot.server.start()
      await this.settle()
      slot.address = await starting
    }
  }

  slot(index: number): Slot {
    return present(this.slots[index], 'a slot')
  }

  deployment(of: number, attempt = 1, epoch = 1): SlotDeployment {
    return {
      epoch: leaderEpoch(epoch),
      attempt: attemptNumber(attempt),
      slot: slotIndex(of),
      slotCount: this.slots.length,
      layoutHash: '',
      tasks: [],
      placement: {},
      peers: this.slots
        .filter(({ index }) => index !== of)
        .map(({ index, address }) => ({
          slot: index,
          allocation: allocationId(`allocation-${index}`),
          address: present(address, 'the address of a started slot'),
        })),
    }
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 12; round++) for (const { env } of this.slots) await env.settle()
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      for (const { env } of this.slots) env.advance(100)
      for (let round = 0; round < 2; round++) for (const { env } of this.slots) await env.settle()
    }
  }
}

async function started(count: number): Promise<World> {
  const world = new World(...Array.from({ length: count }, () => undefined))
  await world.start()
  return world
}

function watermark(timestamp: number): DataFrame {
  return { kind: 'control', channel: 1, element: { kind: 'watermark', timestamp } }
}

describe('data server', () => {
  test('every pair of slots gets one connection, whoever is deployed first', async () => {
    const world = await started(3)
    for (const index of [2, 0, 1]) {
      world.slot(index).deploy(world.deployment(index))
      await world.settle()
    }
    for (const from of [0, 1, 2]) for (const to of [0, 1, 2]) if (from !== to) world.slot(from).post(to, from * 10 + to)
    await world.settle()
    for (const { index, received } of world.slots) {
      const expected = [0, 1, 2].filter((from) => from !== index).map((from) => [from, watermark(from * 10 + index)])
      expect(received.toSorted(([a], [b]) => a - b)).toEqual(expected)
    }
    expect(world.network.openEndCount).toBe(6)
    await world.pass(30_000)
    expect(world.slots.flatMap(({ errors }) => errors)).toEqual([])
  })

  test('a connection that comes before the deployment waits for it; what was posted meanwhile arrives', async () => {
    const world = await started(2)
    world.slot(0).deploy(world.deployment(0))
    world.slot(0).post(1, 5)
    await world.pass(10_000)
    world.slot(1).deploy(world.deployment(1))
    await world.settle()
    expect(world.slot(1).received).toEqual([[0, watermark(5)]])
  })

  test('a deployment that never comes breaks the link of the one who waits, with the reason', async () => {
    const world = await started(2)
    world.slot(0).deploy(world.deployment(0))
    await world.pass(15_500)
    expect(world.slot(0).errors).toMatchObject([{ code: 'NET1004' }])
    expect(world.slot(0).errors[0]?.message).toContain('from slot 0 to slot 1')
    expect(world.network.openEndCount).toBe(0)
  })

  test('a slot that waits for a connection gives up after the limit', async () => {
    const world = await started(2)
    world.slot(1).deploy(world.deployment(1))
    await world.pass(14_000)
    expect(world.slot(1).errors).toEqual([])
    await world.pass(2000)
    expect(world.slot(1).errors[0]?.message).toContain('no connection within 15000 ms')
  })

  test('attempts side by side have links of their own', async () => {
    const world = await started(2)
    for (const index of [0, 1]) world.slot(index).deploy(world.deployment(index, 1))
    await world.settle()
    const first = world.slot(0).links.get(slotIndex(1))
    for (const index of [0, 1]) world.slot(index).deploy(world.deployment(index, 2))
    await world.settle()
    first?.post(watermark(1))
    world.slot(0).post(1, 2)
    await world.settle()
    expect(world.slot(1).received).toEqual([
      [0, watermark(1)],
      [0, watermark(2)],
    ])
    expect(world.network.openEndCount).toBe(4)
  })

  test('a connection for an attempt that has ended is refused, and the dialer is told why', async () => {
    const world = await started(2)
    world.slot(1).deploy(world.deployment(1))
    for (const link of world.slot(1).links.values()) link.close()
    world.slot(0).deploy(world.deployment(0))
    await world.pass(500)
    expect(world.slot(0).errors[0]?.message).toContain('attempt 1 has ended here')
    expect(world.slot(1).server.refused).toBe(1)
  })

  test('an older epoch is refused, also when its connection waited already', async () => {
    const world = await started(2)
    world.slot(0).deploy(world.deployment(0, 1, 1))
    await world.settle()
    world.slot(1).deploy(world.deployment(1, 1, 2))
    await world.pass(500)
    expect(world.slot(0).errors[0]?.message).toContain('leader epoch 1 is over')
  })

  test('a connection meant for another allocation is refused', async () => {
    const world = await started(2)
    const deployment = world.deployment(0)
    const peers = deployment.peers?.map((peer) => ({ ...peer, allocation: allocationId('of-yesterday') })) ?? []
    world.slot(0).deploy({ ...deployment, peers })
    world.slot(1).deploy(world.deployment(1))
    await world.pass(500)
    expect(world.slot(0).errors[0]?.message).toContain('not of-yesterday')
  })

  test('a listener that is not there yet is tried again', async () => {
    const world = await started(2)
    const deployment = world.deployment(0)
    await world.slot(1).server.close()
    world.slot(0).deploy(deployment)
    await world.pass(1000)
    const { host, port } = present(world.slot(1).address, 'the address')
    const late = createDataServer({
      env: world.slot(1).env,
      secret: undefined,
      self: allocationId('allocation-1'),
      listen: { host, port },
      limits: LIMITS,
    })
    const starting = late.start()
    await world.settle()
    await starting
    const received: DataFrame[] = []
    for (const link of late.linksFor(world.deployment(1)).values()) link.receive((frame) => received.push(frame))
    world.slot(0).post(1, 9)
    await world.pass(500)
    expect(received).toEqual([watermark(9)])
    expect(world.slot(0).errors).toEqual([])
  })

  test('slots with the same secret come together, those without or with another one do not', async () => {
    const world = new World('one', 'one', 'two', undefined)
    await world.start()
    for (const { index } of world.slots) world.slot(index).deploy(world.deployment(index))
    await world.settle()
    world.slot(0).post(1, 3)
    await world.pass(500)
    expect(world.slot(1).received).toEqual([[0, watermark(3)]])
    expect(world.slot(0).errors).toHaveLength(2)
    for (const { message } of world.slot(0).errors) expect(message).toContain('do not have the same secret')
    expect(world.slot(3).server.refused).toBe(3)
  })

  test('whoever says nothing behind the handshake, or garbage, is turned away', async () => {
    const world = await started(2)
    const identity = { role: 'slot', version: '0', secret: undefined, epoch: leaderEpoch(1) } as const
    for (const said of [undefined, new Uint8Array([1, 2, 3]), valueToBytes({ epoch: -1 }), valueToBytes(null)]) {
      const dialing = dial(world.slot(0).env, present(world.slot(1).address, 'the address'), identity)
      await world.settle()
      const { connection } = await dialing
      if (said !== undefined) connection.send(said)
    }
    await world.pass(LIMITS.helloMaxMs)
    expect(world.slot(1).server.refused).toBe(4)
    expect(world.network.openEndCount).toBe(0)
  })

  test('closing an attempt and the server leaves no connection and no timer', async () => {
    const world = await started(3)
    for (const index of [0, 1]) world.slot(index).deploy(world.deployment(index))
    await world.settle()
    for (const { server } of world.slots) await server.close()
    await world.pass(20_000)
    expect(world.network.openEndCount).toBe(0)
    for (const { env, errors } of world.slots) {
      expect(env.timerCount()).toBe(0)
      expect(errors).toEqual([])
    }
  })
})
