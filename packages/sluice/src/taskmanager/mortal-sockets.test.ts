import { expect, test } from 'vitest'
import type { HttpService } from '../base/env.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemorySockets } from '../testing/memory-sockets.ts'
import { mortalEnv } from './mortal-env.ts'

const AT = { host: 'feed', port: 1 }
const SERVICE: HttpService = {
  bodyBytesMax: 100,
  connectionsMax: 1,
  requestTimeoutMs: 1000,
  refuse: () => undefined,
  answer: async () => ({ status: 200, text: 'here' }),
}

function mortal() {
  const sockets = new MemorySockets()
  const world = createManualEnv({ sockets })
  const uncaught: unknown[] = []
  const env = mortalEnv(world, (thrown) => void uncaught.push(thrown))
  return { sockets, world, uncaught, env, own: env.sockets ?? expect.fail('the slot has no sockets') }
}

test('connections and servers of a dead slot end, and nothing of it is called any more', async () => {
  const { sockets, env, own } = mortal()
  const heard: string[] = []
  const stream = await own.connect(AT, 1000)
  stream.receive({ onBytes: () => void heard.push('bytes'), onClosed: () => void heard.push('closed') })
  await own.serveHttp(AT, SERVICE)
  sockets.streams[0]?.send('x')
  expect([heard, (await sockets.request({})).status]).toEqual([['bytes'], 200])
  env.die()
  expect([sockets.streams[0]?.state, sockets.listening]).toEqual(['destroyed', []])
  sockets.streams[0]?.send('y')
  expect(heard).toEqual(['bytes'])
})

test('what a dead slot had asked for is ended when it comes', async () => {
  const { sockets, world, env, own } = mortal()
  const heard: string[] = []
  void own.connect(AT, 1000).then(() => heard.push('connected'))
  void own.serveHttp(AT, SERVICE).then(() => heard.push('listening'))
  env.die()
  await world.settle()
  expect([heard, sockets.streams[0]?.state, sockets.listening]).toEqual([[], 'destroyed', []])
  void own.connect(AT, 1000).then(() => heard.push('connected'))
  await world.settle()
  expect([heard, sockets.connects]).toEqual([[], 1])
})

test('a receiver that throws is handed over and does not reach the world', async () => {
  const { sockets, uncaught, own } = mortal()
  const thrown = new TypeError('bad bytes')
  const stream = await own.connect(AT, 1000)
  stream.receive({
    onBytes: () => {
      throw thrown
    },
    onClosed: () => {},
  })
  sockets.streams[0]?.send('x')
  expect(uncaught).toEqual([thrown])
})

test('a slot in a world without sockets has none', () => {
  expect(mortalEnv(createManualEnv(), () => {}).sockets).toBeUndefined()
})
