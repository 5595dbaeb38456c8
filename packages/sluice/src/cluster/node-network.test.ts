import { describe, expect, test } from 'vitest'
import { type Socket, connect as connectTcp, createServer } from 'node:net'
import { createServer as createWebServer } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { networkConformance } from '../../test/network-conformance.ts'
import { OTHER_IDENTITY, TEST_IDENTITY } from '../../test/tls-identities.ts'
import type { Connection, Network } from '../base/env.ts'
import { leaderEpoch } from '../base/ids.ts'
import { NetworkError } from '../base/network-error.ts'
import { Secret } from '../base/secret.ts'
import { dial, listenForLinks } from '../control/handshake.ts'
import { networkError } from './network-failures.ts'
import { createNodeEnv } from './node-env.ts'
import { type TlsOptions, createNodeNetwork } from './node-network.ts'

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await nextTurn()
}

function overLoopback(network: Network) {
  return {
    server: network,
    client: network,
    host: '127.0.0.1',
    foreignHost: '192.0.2.1',
    until,
    result: <T>(promise: Promise<T>) => promise,
  }
}

const LOOPBACK = { host: '127.0.0.1', port: 0 }

const MUTUAL: TlsOptions = { ...TEST_IDENTITY, clients: 'trusted' }

describe('TCP', () => networkConformance(() => overLoopback(createNodeNetwork())))
describe('TLS where both sides show a certificate', () =>
  networkConformance(() => overLoopback(createNodeNetwork({ tls: MUTUAL }))))

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => (error instanceof NetworkError ? error.failure : error),
  )
}

/** What the client learns in the end: TLS 1.3 lets it believe that it is connected before the server has judged its certificate. */
async function outcomeOf(client: Network, port: number): Promise<unknown> {
  let connection: Connection
  try {
    connection = await client.connect({ host: '127.0.0.1', port }, 5_000)
  } catch (error) {
    return error instanceof NetworkError ? error.failure : error
  }
  const ended = await new Promise<NetworkError | undefined | 'frame'>((resolve) =>
    connection.receive({ onFrame: () => resolve('frame'), onClosed: resolve }),
  )
  connection.destroy()
  return ended instanceof NetworkError ? ended.failure : ended
}

async function greeter(network: Network) {
  return network.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
    connection.send(new Uint8Array(1))
    connection.close()
  })
}

test.for<[string, unknown, TlsOptions]>([
  ['a certificate of the same authority', 'frame', MUTUAL],
  // The server ends such a connection without saying why.
  ['a certificate of another authority', undefined, { ...OTHER_IDENTITY, ca: TEST_IDENTITY.ca, clients: 'trusted' }],
  ['another authority to trust', 'not-trusted', { ...TEST_IDENTITY, ca: OTHER_IDENTITY.ca, clients: 'trusted' }],
])('a TLS client with %s gets: %s', async ([, outcome, tls]) => {
  const listener = await greeter(createNodeNetwork({ tls: MUTUAL }))
  const client = createNodeNetwork({ tls })
  expect(await outcomeOf(client, listener.address.port)).toBe(outcome)
  await listener.close()
})

test('TLS to a port without it is no connection, and bytes without TLS get nothing from a port with it', async () => {
  const plain = createServer((socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  await new Promise<void>((resolve) => void plain.listen(0, '127.0.0.1', resolve))
  const address = plain.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  expect(await failureOf(createNodeNetwork({ tls: MUTUAL }).connect({ host: '127.0.0.1', port }, 5_000))).toBe(
    'protocol',
  )
  plain.close()

  const listener = await greeter(createNodeNetwork({ tls: MUTUAL }))
  const client = createNodeNetwork()
  const connection = await client.connect({ host: '127.0.0.1', port: listener.address.port }, 5_000)
  connection.send(new Uint8Array(200))
  const seen = await new Promise((resolve) =>
    connection.receive({ onFrame: () => resolve('frame'), onClosed: () => resolve('ended') }),
  )
  expect(seen).toBe('ended')
  await listener.close()
})

test.for<[string, string, string | undefined]>([
  ['another protocol', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'protocol'],
  ['the beginning of a frame', '\u0010\u0000\u0000\u0000', 'reset'],
  ['nothing', '', undefined],
])('a stranger who sends %s and goes', async ([, sent, failure]) => {
  const ends: (NetworkError | undefined)[] = []
  const listener = await createNodeNetwork().listen({ host: '127.0.0.1', port: 0 }, (connection) =>
    connection.receive({
      onFrame: () => void ends.push(new NetworkError('io', 'it sent no frame')),
      onClosed: (error) => void ends.push(error),
    }),
  )
  const stranger: Socket = connectTcp(listener.address.port, '127.0.0.1')
  stranger.on('error', () => {})
  stranger.end(sent)
  await until(() => ends.length === 1)
  expect(ends[0]?.failure).toBe(failure)
  await listener.close()
})

test('a receiver that takes no frames holds the sender back', async () => {
  const network = createNodeNetwork()
  let far: Connection | undefined
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (connection) => void (far = connection))
  const near = await network.connect({ host: '127.0.0.1', port: listener.address.port }, 5_000)
  await until(() => far !== undefined)
  const frame = new Uint8Array(60 * 1024)
  let sentBytes = 0
  // The system takes some megabytes for both sides, then no more.
  for (let turn = 0; turn < 2_000; turn++) {
    if (near.queuedBytes < 1024 * 1024) {
      near.send(frame.slice())
      sentBytes += frame.length
    }
    await nextTurn()
  }
  expect(near.queuedBytes).toBeGreaterThan(0)
  let receivedBytes = 0
  far?.receive({ onFrame: (received) => void (receivedBytes += received.length), onClosed: () => {} })
  await until(() => receivedBytes === sentBytes)
  near.destroy()
  far?.destroy()
  await listener.close()
})

test('a port takes connections up to its limit, and again when one has ended', async () => {
  const network = createNodeNetwork({ connectionsMax: 1 })
  const accepted: Connection[] = []
  const listener = await network.listen(LOOPBACK, (connection) => void accepted.push(connection))
  const first = await network.connect(listener.address, 5_000)
  await until(() => accepted.length === 1)
  expect(await outcomeOf(network, listener.address.port)).not.toBe('frame')
  expect(accepted).toHaveLength(1)
  first.destroy()
  accepted[0]?.destroy()
  await nextTurn()
  await until(() => accepted[0]?.queuedBytes === 0)
  const again = await network.connect(listener.address, 5_000)
  await until(() => accepted.length === 2)
  again.destroy()
  accepted[1]?.destroy()
  await listener.close()
})

test.for([
  ['ECONNREFUSED', 'refused'],
  ['ENOTFOUND', 'unreachable'],
  ['EPIPE', 'reset'],
  ['EADDRINUSE', 'address-in-use'],
  ['CERT_HAS_EXPIRED', 'not-trusted'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'protocol'],
  ['EMFILE', 'io'],
])('a failure with %s is called %s', ([code, failure]) => {
  expect(networkError('connect', Object.assign(new TypeError('x'), { code }))).toMatchObject({ failure })
})

test.for<[string, Network]>([
  ['TCP', createNodeNetwork()],
  ['TLS', createNodeNetwork({ tls: MUTUAL })],
])('over %s two processes shake hands and go on with long frames', async ([, network]) => {
  const env = { ...createNodeEnv({ stdout: { writeLine: () => {} } }), network }
  const common = { version: '1.0.0', secret: new Secret('shared by both') }
  const listener = await listenForLinks(env, LOOPBACK, {
    ...common,
    roles: ['client'],
    authority: () => ({ kind: 'leader', epoch: leaderEpoch(3) }),
    onLink: ({ connection }) => {
      connection.send(new Uint8Array(1_000_000))
      connection.close()
    },
  })
  const link = await dial(env, listener.address, { ...common, role: 'client', epoch: leaderEpoch(0) })
  const lengths: number[] = []
  const ended = new Promise((resolve) => {
    link.connection.receive({ onFrame: (frame) => void lengths.push(frame.length), onClosed: resolve })
  })
  expect(await ended).toBeUndefined()
  expect(lengths).toEqual([1_000_000])
  expect(link).toMatchObject({ epoch: 3, peer: { role: 'acceptor' } })
  await listener.close()
})

test('a web server at the address is called what it is', async () => {
  const web = createWebServer((_request, response) => response.end())
  await new Promise<void>((resolve) => void web.listen(0, LOOPBACK.host, resolve))
  const address = web.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const env = createNodeEnv({ stdout: { writeLine: () => {} } })
  const options = { role: 'client', version: '1.0.0', secret: undefined, epoch: leaderEpoch(0) } as const
  await expect(dial(env, { host: LOOPBACK.host, port }, options)).rejects.toMatchObject({ code: 'NET1003' })
  web.closeAllConnections()
  web.close()
})
