import { expect, test } from 'vitest'
import type { Connection } from '../base/env.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { mortalEnv } from './mortal-env.ts'

function mortal() {
  const world = createManualEnv({ disk: new MemoryDisk() })
  const uncaught: unknown[] = []
  return { world, uncaught, env: mortalEnv(world, (thrown) => void uncaught.push(thrown)) }
}

test('nothing of a dead slot runs any more: no turn, no timer, no promise, no line', async () => {
  const { world, env } = mortal()
  const ran: string[] = []
  env.turns.next(() => void ran.push('turn'))
  env.timers.after(10, () => void ran.push('timer'))
  void env.disk.makeDirectory('/before').then(() => ran.push('disk'))
  env.die()
  void env.disk.makeDirectory('/after').then(() => ran.push('disk'))
  env.stdout.writeLine('line')
  await world.advanceAndSettle(100)
  expect(ran).toEqual([])
  expect(world.lines).toEqual([])
  expect((await world.disk.list('/')).map(({ name }) => name)).toEqual(['before'])
})

test('the timers of a dead slot are gone, so that they keep nothing alive', () => {
  const { world, env } = mortal()
  env.timers.after(1000, () => {})
  env.timers.after(1000, () => {}).cancel()
  expect(world.timerCount()).toBe(1)
  env.die()
  expect(world.timerCount()).toBe(0)
})

test('the files of a dead slot are closed, also one whose opening was under way', async () => {
  const { world, env } = mortal()
  const closed: string[] = []
  const { disk } = world
  const openWrite = disk.openWrite.bind(disk)
  disk.openWrite = async (path, mode) => {
    const file = await openWrite(path, mode)
    const close = async (): Promise<void> => void closed.push(path)
    return { path, write: (bytes) => file.write(bytes), sync: () => file.sync(), close }
  }
  await (await env.disk.openWrite('/done', 'create')).close()
  await env.disk.openWrite('/open', 'create')
  void env.disk.openWrite('/opening', 'create')
  env.die()
  await world.settle()
  expect(closed.sort()).toEqual(['/done', '/open', '/opening'])
})

test('a callback that throws is handed over and does not reach the world', () => {
  const { world, env, uncaught } = mortal()
  env.turns.next(() => {
    throw new TypeError('in a turn')
  })
  world.runTurns()
  expect(uncaught).toEqual([new TypeError('in a turn')])
})

test('the connections and listeners of a dead slot are gone, also those that were being opened, and nothing is told to it', async () => {
  const network = new MemoryNetwork()
  const world = createManualEnv({ network })
  const env = mortalEnv(world, () => expect.unreachable('nothing throws'))
  const told: string[] = []
  const accepted: Connection[] = []
  const address = { host: 'localhost', port: 7 }
  const listening = world.network.listen(address, (connection) => void accepted.push(connection))
  const own = env.network.listen({ host: 'localhost', port: 8 }, () => void told.push('accepted'))
  const connecting = env.network.connect(address, 100)
  await world.settle()
  await Promise.all([listening, own])
  const connection = await connecting
  connection.receive({ onFrame: () => void told.push('frame'), onClosed: () => void told.push('closed') })
  accepted[0]?.send(new Uint8Array(1))
  void env.network.connect(address, 100).then(() => told.push('connected'))
  void env.network.listen({ host: 'localhost', port: 9 }, () => {}).then(() => told.push('listening'))
  env.die()
  void env.network.connect(address, 100).then(() => told.push('connected'))
  await world.settle()
  expect(told).toEqual([])
  expect(network.openEndCount).toBe(0)
  for (const port of [8, 9]) {
    const refused = world.network.connect({ host: 'localhost', port }, 100).catch((error: unknown) => error)
    await world.settle()
    expect(await refused).toMatchObject({ failure: 'refused' })
  }
})

test('a receiver that throws is the end of its slot, not of the thread', async () => {
  const network = new MemoryNetwork()
  const world = createManualEnv({ network })
  const uncaught: unknown[] = []
  const env = mortalEnv(world, (thrown) => void uncaught.push(thrown))
  const address = { host: 'localhost', port: 7 }
  const listening = world.network.listen(address, (connection) => connection.send(new Uint8Array(1)))
  const connecting = env.network.connect(address, 100)
  await world.settle()
  await listening
  const receiver = { onFrame: () => expect.unreachable('in a receiver'), onClosed: () => {} }
  const connection = await connecting
  connection.receive(receiver)
  await world.settle()
  expect(uncaught).toHaveLength(1)
})
