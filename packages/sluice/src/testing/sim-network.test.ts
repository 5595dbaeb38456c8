import { describe, expect, test } from 'vitest'
import { networkConformance } from '../../test/network-conformance.ts'
import type { Connection } from '../base/env.ts'
import { seededRandom } from '../base/random.ts'
import { SimNetwork } from './sim-network.ts'
import { SimLife, SimScheduler } from './sim-scheduler.ts'

const STEPS_MAX = 100_000

class World {
  readonly scheduler: SimScheduler
  readonly network: SimNetwork
  #lives = 0

  constructor(seed: number) {
    this.scheduler = new SimScheduler({ random: seededRandom(seed), eventCostMaxMs: 0.01 })
    this.network = new SimNetwork({ scheduler: this.scheduler, random: seededRandom(seed + 1), delayMaxMs: 2 })
  }

  life(): SimLife {
    return new SimLife(this.#lives++, this.scheduler.nowMs)
  }

  async until(isTrue: () => boolean): Promise<void> {
    const last = this.scheduler.steps + STEPS_MAX
    const stopped = await this.scheduler.run(() => (isTrue() || this.scheduler.steps > last ? 'stop' : 'go-on'))
    expect({ stopped, isTrue: isTrue() }).toEqual({ stopped: 'stopped', isTrue: true })
  }

  async result<T>(promise: Promise<T>): Promise<T> {
    let isOver = false
    const over = (): void => void (isOver = true)
    promise.then(over, over)
    await this.until(() => isOver)
    return promise
  }

  /** Everything that can happen without help. */
  async settle(): Promise<void> {
    await this.scheduler.run(() => 'go-on')
  }
}

describe.for([1, 2, 3])('the simulated network, seed %i', (seed) => {
  networkConformance(() => {
    const world = new World(seed)
    return {
      server: world.network.of(world.life(), 'server'),
      client: world.network.of(world.life(), 'client'),
      host: 'server',
      foreignHost: 'client',
      until: (isTrue) => world.until(isTrue),
      result: (promise) => world.result(promise),
    }
  })
})

async function connectedWorld(seed: number) {
  const world = new World(seed)
  const lives = { near: world.life(), far: world.life() }
  const server = world.network.of(lives.far, 'b')
  let far: Connection | undefined
  const listening = await world.result(
    server.listen({ host: 'b', port: 7000 }, (connection) => void (far = connection)),
  )
  const near = await world.result(world.network.of(lives.near, 'a').connect({ host: 'b', port: 7000 }, 1000))
  await world.until(() => far !== undefined)
  if (far === undefined) expect.unreachable('a connection was accepted')
  const frames = { near: [] as number[], far: [] as number[] }
  const ends: string[] = []
  const watch = (who: 'near' | 'far', connection: Connection): void =>
    connection.receive({
      onFrame: (frame) => void frames[who].push(frame[0] ?? -1),
      onClosed: (error) => void ends.push(`${who}: ${error?.failure ?? 'in order'}`),
    })
  watch('near', near)
  watch('far', far)
  return { world, lives, listening, near, far, frames, ends }
}

function sendMany(connection: Connection): void {
  for (let i = 0; i < 20; i++) connection.send(new Uint8Array([i]))
}

function expectPrefix(frames: readonly number[]): void {
  expect(frames).toEqual(Array.from({ length: frames.length }, (_, i) => i))
}

describe.for(Array.from({ length: 20 }, (_, seed) => seed))('faults, seed %i', (seed) => {
  test('what was sent before a break arrives up to some frame, and both sides are told', async () => {
    const { world, near, far, frames, ends } = await connectedWorld(seed)
    sendMany(near)
    sendMany(far)
    expect(world.network.breakOne()).toBe(true)
    await world.settle()
    expectPrefix(frames.near)
    expectPrefix(frames.far)
    expect(ends.sort()).toEqual(['far: reset', 'near: reset'])
    const { breaks, framesLost, framesArrived } = world.network.counts
    expect(breaks).toBe(1)
    expect(framesLost + framesArrived).toBe(40)
    expect(world.network.breakOne()).toBe(false)
    expect(world.network.openEndCount).toBe(0)
  })

  test('a partition holds frames back, also in one direction only, and lets them go when it heals', async () => {
    const { world, near, far, frames, ends } = await connectedWorld(seed)
    world.network.partition('a', 'b', 'one-way')
    sendMany(near)
    sendMany(far)
    await world.settle()
    expect(frames.far).toEqual([])
    expect(frames.near).toHaveLength(20)
    world.network.heal('a', 'b')
    near.send(new Uint8Array([20]))
    await world.settle()
    expect(frames.far).toHaveLength(21)
    expectPrefix(frames.far)
    expect(ends).toEqual([])
    expect(world.network.counts).toMatchObject({ partitions: 1, framesHeld: 20, framesLost: 0 })
  })

  test('a connection cannot be opened through a partition, and the end of one is not seen through it', async () => {
    const { world, lives, near, ends } = await connectedWorld(seed)
    world.network.partition('a', 'b')
    const connecting = world.network.of(lives.near, 'a').connect({ host: 'b', port: 7000 }, 500)
    await expect(world.result(connecting)).rejects.toMatchObject({ failure: 'timeout' })
    near.destroy()
    await world.settle()
    expect(ends).toEqual([])
    world.network.healAll()
    await world.settle()
    expect(ends).toEqual(['far: reset'])
  })

  test('peers of a process that crashed are told; it itself neither sends nor receives any more', async () => {
    const { world, lives, near, far, frames, ends } = await connectedWorld(seed)
    sendMany(near)
    lives.near.end()
    world.network.endLife(lives.near, 'process')
    near.send(new Uint8Array([99]))
    far.send(new Uint8Array([1]))
    await world.settle()
    expectPrefix(frames.far)
    expect(frames.near).toEqual([])
    expect(ends).toEqual(['far: reset'])
  })

  test('a machine without power tells nobody; when it is up again whoever asks learns of it', async () => {
    const { world, lives, near, ends } = await connectedWorld(seed)
    lives.far.end()
    world.network.endLife(lives.far, 'machine')
    near.send(new Uint8Array([1]))
    await world.settle()
    expect(ends).toEqual([])
    expect(world.network.counts.halfOpen).toBe(1)
    const again = world.network.of(lives.near, 'a').connect({ host: 'b', port: 7000 }, 500)
    await expect(world.result(again)).rejects.toMatchObject({ failure: 'timeout' })
    world.network.of(world.life(), 'b')
    await world.settle()
    expect(ends).toEqual([])
    near.send(new Uint8Array([2]))
    await world.settle()
    expect(ends).toEqual(['near: reset'])
  })

  test('a process that pauses gets its frames afterwards', async () => {
    const { world, lives, near, frames } = await connectedWorld(seed)
    const resumesAtMs = world.scheduler.nowMs + 5_000
    lives.far.pauseUntil(resumesAtMs)
    sendMany(near)
    await world.until(() => frames.far.length > 0)
    expect(world.scheduler.nowMs).toBeGreaterThanOrEqual(resumesAtMs)
    await world.settle()
    expect(frames.far).toHaveLength(20)
    expectPrefix(frames.far)
  })
})

test('the same seed gives the same trace', async () => {
  const trace = async (seed: number): Promise<string> => {
    const { world, near } = await connectedWorld(seed)
    sendMany(near)
    world.network.breakOne()
    await world.settle()
    return world.scheduler.traceHash()
  }
  expect(await trace(5)).toBe(await trace(5))
  expect(await trace(5)).not.toBe(await trace(6))
})
