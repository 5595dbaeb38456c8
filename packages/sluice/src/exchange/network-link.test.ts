import { describe, expect, test } from 'vitest'
import { channelConformance } from '../../test/channel-conformance.ts'
import type { Connection } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { present } from '../base/assert.ts'
import { createManualEnv, type ManualEnv } from '../testing/manual-env.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import type { DataFrame } from './data-link.ts'
import { LinkRouter } from './link-router.ts'
import { NetworkLink, type LinkLimits } from './network-link.ts'
import { RemoteInputChannel, RemoteOutputChannel } from './remote-channel.ts'

const LIMITS: LinkLimits = { aliveIntervalMs: 1000, silenceMaxMs: 5000, toldAfterMs: 200, byeWaitMs: 3000 }
const ADDRESS = { host: 'b', port: 7000 }
const WATERMARK: DataFrame = { kind: 'control', channel: 1, element: { kind: 'watermark', timestamp: 7 } }
const BATCH: DataFrame = { kind: 'batch', channel: 1, bytes: new Uint8Array([4, 5, 6]) }

class End {
  readonly env: ManualEnv
  readonly link: NetworkLink
  readonly frames: DataFrame[] = []
  readonly errors: EngineError[] = []
  goneCount = 0
  #lostMs = 0

  constructor(network: MemoryNetwork, machine: string) {
    this.env = createManualEnv({ network, machine })
    const { clock } = this.env
    this.link = new NetworkLink({
      env: { ...this.env, clock: { ...clock, monotonicMs: () => clock.monotonicMs() + this.#lostMs } },
      limits: LIMITS,
      describe: (cause) => new EngineError('NET1004', cause.message),
      onGone: () => this.goneCount++,
    })
    this.link.onBroken((error) => this.errors.push(error))
  }

  /** What a user function that keeps the thread does to it: time passes and nothing runs. */
  standStill(ms: number): void {
    this.#lostMs += ms
  }

  read(): void {
    this.link.receive((frame) => this.frames.push(frame))
  }
}

class World {
  readonly network = new MemoryNetwork()
  readonly a = new End(this.network, 'a')
  readonly b = new End(this.network, 'b')

  /** The raw ends of a new connection from a to b. */
  async connect(): Promise<readonly [Connection, Connection]> {
    let accepted: Connection | undefined
    const listening = this.b.env.network.listen(ADDRESS, (connection) => void (accepted = connection))
    await this.settle()
    await listening
    const dialed = this.a.env.network.connect(ADDRESS, 1000)
    await this.settle()
    return [await dialed, present(accepted, 'the accepted connection')]
  }

  async open(): Promise<void> {
    const [near, far] = await this.connect()
    this.a.link.attach(near)
    this.b.link.attach(far)
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 3; round++) for (const { env } of [this.a, this.b]) await env.settle()
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      for (const { env } of [this.a, this.b]) env.advance(100)
      await this.settle()
    }
  }
}

async function opened(): Promise<World> {
  const world = new World()
  await world.open()
  world.a.read()
  world.b.read()
  return world
}

describe('a channel over a network link', () => {
  channelConformance((credits, pressure) => {
    const world = new World()
    const input = new RemoteInputChannel(7, world.b.link, credits)
    const output = new RemoteOutputChannel(7, world.a.link, credits, pressure, 'numbers')
    const [atA, atB] = [new LinkRouter(world.a.link), new LinkRouter(world.b.link)]
    atA.addOutput(7, output)
    atB.addInput(7, input)
    atA.start()
    atB.start()
    let opening: Promise<void> | undefined
    return {
      output,
      input,
      settle: async () => {
        opening ??= world.open()
        await opening
        await world.settle()
      },
    }
  })
})

describe('network link', () => {
  test('frames posted before the connection is there arrive first, in order', async () => {
    const world = new World()
    world.a.link.post(WATERMARK)
    world.a.link.post(BATCH)
    world.b.read()
    await world.open()
    world.a.link.post({ kind: 'credit', channel: 2, batches: 4 })
    await world.settle()
    expect(world.b.frames).toEqual([WATERMARK, BATCH, { kind: 'credit', channel: 2, batches: 4 }])
  })

  test('frames that came before the receiver was set are delivered then, and later ones behind them', async () => {
    const world = new World()
    await world.open()
    world.a.link.post(WATERMARK)
    await world.settle()
    world.b.read()
    expect(world.b.frames).toEqual([])
    world.a.link.post(BATCH)
    await world.settle()
    expect(world.b.frames).toEqual([WATERMARK, BATCH])
  })

  test('a broken connection is told once, a little later, and what is posted then is dropped', async () => {
    const world = await opened()
    world.network.breakConnections('b')
    await world.settle()
    expect(world.a.errors).toEqual([])
    await world.pass(200)
    for (const end of [world.a, world.b]) {
      expect(end.errors).toMatchObject([{ code: 'NET1004' }])
      expect(end.goneCount).toBe(1)
      end.link.post(BATCH)
    }
    await world.pass(10_000)
    expect(world.a.errors).toHaveLength(1)
    expect(world.b.frames).toEqual([])
  })

  test('a listener that is set after the break is told too', async () => {
    const world = await opened()
    world.network.breakConnections('b')
    await world.pass(500)
    const late: EngineError[] = []
    world.a.link.onBroken((error) => late.push(error))
    expect(late).toEqual([])
    await world.settle()
    expect(late).toHaveLength(1)
  })

  test('two quiet sides keep the link by signs of life', async () => {
    const world = await opened()
    await world.pass(60_000)
    expect([...world.a.errors, ...world.b.errors]).toEqual([])
    expect([...world.a.frames, ...world.b.frames]).toEqual([])
  })

  test('a silent other side is given up after the limit', async () => {
    const world = await opened()
    world.network.silence('b')
    await world.pass(4500)
    expect(world.a.errors).toEqual([])
    await world.pass(2000)
    expect(world.a.errors).toMatchObject([{ code: 'NET1004' }])
    expect(world.a.errors[0]?.message).toContain('nothing was heard')
  })

  test('time in which the own thread stood still is no silence of the other side', async () => {
    const world = await opened()
    for (let pause = 0; pause < 10; pause++) {
      world.a.standStill(60_000)
      await world.pass(1000)
    }
    expect(world.a.errors).toEqual([])
  })

  test('a side that ends on purpose is no break, unless this side is not told to end in time', async () => {
    const world = await opened()
    world.a.link.close()
    await world.pass(2900)
    expect(world.b.errors).toEqual([])
    await world.pass(500)
    expect(world.b.errors).toMatchObject([{ code: 'NET1004' }])
    expect(world.b.errors[0]?.message).toContain('ended the attempt')
  })

  test('closing both sides leaves nothing behind', async () => {
    const world = await opened()
    world.a.link.post(BATCH)
    world.a.link.close()
    await world.settle()
    expect(world.b.frames).toEqual([BATCH])
    world.b.link.close()
    world.b.link.close()
    await world.pass(20_000)
    expect(world.network.openEndCount).toBe(0)
    for (const end of [world.a, world.b]) {
      expect(end.env.timerCount()).toBe(0)
      expect(end.goneCount).toBe(1)
      expect(end.errors).toEqual([])
    }
  })

  test('a connection that comes after the link was closed is destroyed', async () => {
    const world = new World()
    const [near] = await world.connect()
    world.a.link.close()
    world.a.link.attach(near)
    await world.settle()
    expect(world.network.openEndCount).toBe(0)
  })

  test('a frame that is not understood breaks the link', async () => {
    const world = new World()
    const [near, far] = await world.connect()
    world.b.link.attach(far)
    near.send(new Uint8Array([99, 1, 2]))
    await world.pass(500)
    expect(world.b.errors[0]?.message).toContain('unknown kind 99')
  })
})
