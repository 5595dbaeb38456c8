import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Connection } from '../base/env.ts'
import type { EngineError } from '../base/errors.ts'
import { leaderEpoch } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { PROTOCOL_VERSION, decodeHandshake, encodeHandshake } from './handshake-frames.ts'
import {
  type AcceptOptions,
  type AuthenticatedLink,
  type DialOptions,
  HandshakeError,
  dial,
  introduce,
  listenForLinks,
} from './handshake.ts'

const SECRET = new Secret('one secret that all share')
const ADDRESS = { host: 'server', port: 6123 }

const DIALER: DialOptions = { role: 'taskmanager', version: '1.2.3', secret: SECRET, epoch: leaderEpoch(0) }
const LEADER: AcceptOptions = {
  roles: ['taskmanager', 'client'],
  version: '1.2.4',
  secret: SECRET,
  authority: () => ({ kind: 'leader', epoch: leaderEpoch(7) }),
}

function cluster() {
  const network = new MemoryNetwork()
  const server = createManualEnv({ network, machine: 'server', seed: 1 })
  const client = createManualEnv({ network, machine: 'client', seed: 2 })
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      await server.settle()
      await client.settle()
    }
  }
  return { network, server, client, settle }
}

interface Meeting {
  readonly dialed: AuthenticatedLink | HandshakeError
  readonly accepted: AuthenticatedLink | undefined
  readonly refused: EngineError | undefined
}

async function meet(dialer: DialOptions, acceptor: AcceptOptions): Promise<Meeting> {
  const { server, client, settle } = cluster()
  const links: AuthenticatedLink[] = []
  const refusals: EngineError[] = []
  const listening = listenForLinks(server, ADDRESS, {
    ...acceptor,
    onLink: (link) => void links.push(link),
    onRefused: (error) => void refusals.push(error),
  })
  await settle()
  await listening
  const dialing = dial(client, ADDRESS, dialer).catch((error: unknown) => {
    if (error instanceof HandshakeError) return error
    throw error
  })
  await settle()
  expect(server.timerCount() + client.timerCount()).toBe(0)
  return { dialed: await dialing, accepted: links[0], refused: refusals[0] }
}

describe('two processes', () => {
  test.for([
    ['with the same secret', SECRET],
    ['without a secret', undefined],
  ] as const)('%s come together and know version, role and epoch of each other', async ([, secret]) => {
    const meeting = await meet({ ...DIALER, secret, epoch: leaderEpoch(5) }, { ...LEADER, secret })
    expect(meeting.dialed).toMatchObject({ epoch: 7, peer: { role: 'acceptor', version: '1.2.4', epoch: 7 } })
    expect(meeting.accepted).toMatchObject({ epoch: 7, peer: { role: 'taskmanager', version: '1.2.3', epoch: 5 } })
    expect(meeting.refused).toBeUndefined()
  })

  test.for([
    ['another secret', new Secret('another secret'), SECRET],
    ['a secret where the other has none', SECRET, undefined],
    ['no secret where the other has one', undefined, SECRET],
  ] as const)(
    'with %s are refused on both sides in the same words, which do not tell the secret',
    async ([, mine, theirs]) => {
      const { dialed, accepted, refused } = await meet({ ...DIALER, secret: mine }, { ...LEADER, secret: theirs })
      expect(accepted).toBeUndefined()
      expect(dialed).toMatchObject({ code: 'SEC1001' })
      expect(refused).toMatchObject({ code: 'SEC1001' })
      if (!(dialed instanceof HandshakeError)) expect.unreachable('it was refused')
      expect(dialed.message).toContain('server:6123 and this process do not have the same secret')
      expect(`${dialed.message}${refused?.message}${String(dialed.stack)}`).not.toMatch(/one secret|another secret/)
    },
  )

  test('come together as peers without comparing epochs', async () => {
    const peer: AcceptOptions = {
      ...LEADER,
      roles: ['slot'],
      authority: () => ({ kind: 'peer', epoch: leaderEpoch(3) }),
    }
    const { dialed, accepted } = await meet({ ...DIALER, role: 'slot', epoch: leaderEpoch(9) }, peer)
    expect(dialed).toMatchObject({ epoch: 3 })
    expect(accepted).toMatchObject({ peer: { role: 'slot', epoch: 9 } })
  })
})

describe('a JobManager', () => {
  test('that does not lead refuses and says where the leader is', async () => {
    const leader = { host: 'other', port: 6124 }
    const { dialed, refused } = await meet(DIALER, {
      ...LEADER,
      authority: () => ({ kind: 'standby', epoch: leaderEpoch(8), leader }),
    })
    expect(dialed).toMatchObject({ code: 'CLU1002', leader })
    expect(refused).toMatchObject({ code: 'CLU1002' })
  })

  test('of an epoch that is over is refused by whoever knows a newer one', async () => {
    const { dialed, accepted, refused } = await meet({ ...DIALER, epoch: leaderEpoch(8) }, LEADER)
    expect(accepted).toBeUndefined()
    expect(refused).toMatchObject({ code: 'CLU1002' })
    expect(dialed).toMatchObject({ code: 'CLU1002', leader: undefined })
    if (dialed instanceof HandshakeError) expect(dialed.message).toContain('epoch 7, and epoch 8 has begun')
  })

  test('that loses leadership between greeting and verdict refuses (H6)', async () => {
    let asked = 0
    const { dialed } = await meet(DIALER, {
      ...LEADER,
      authority: () =>
        asked++ === 0
          ? { kind: 'leader', epoch: leaderEpoch(7) }
          : { kind: 'standby', epoch: leaderEpoch(8), leader: undefined },
    })
    expect(dialed).toMatchObject({ code: 'CLU1002' })
  })

  test('takes only the roles of its port', async () => {
    const { dialed, refused } = await meet({ ...DIALER, role: 'slot' }, LEADER)
    expect([dialed, refused]).toMatchObject([{ code: 'NET1003' }, { code: 'NET1003' }])
  })
})

test('what is said right behind the handshake waits for the receiver, and may be long (L1, L2)', async () => {
  const { server, client, settle } = cluster()
  const listening = listenForLinks(server, ADDRESS, {
    ...LEADER,
    onLink: ({ connection }) => connection.send(new Uint8Array(1_000_000)),
  })
  await settle()
  await listening
  const dialing = dial(client, ADDRESS, DIALER)
  await settle()
  const { connection } = await dialing
  const frames: number[] = []
  connection.receive({ onFrame: (frame) => void frames.push(frame.length), onClosed: () => {} })
  await settle()
  expect(frames).toEqual([1_000_000])
})

describe('a handshake ends', () => {
  test.for([
    ['nobody listens', 'NET1002', undefined],
    ['the other side says nothing', 'NET1002', () => {}],
    ['the other side goes', 'NET1002', (connection: Connection) => connection.close()],
    ['the other side speaks something else', 'NET1003', (connection: Connection) => connection.send(new Uint8Array(9))],
    [
      'the other side answers out of turn',
      'NET1003',
      (connection: Connection) =>
        connection.send(encodeHandshake({ kind: 'welcome', epoch: leaderEpoch(1), proof: new Uint8Array(0) })),
    ],
    [
      'a stranger names a leader without a proof (H7)',
      'NET1003',
      (connection: Connection) => {
        const leader = { host: 'evil', port: 1 }
        const proof = new Uint8Array(0)
        connection.send(encodeHandshake({ kind: 'refused', code: 'CLU1002', epoch: leaderEpoch(99), leader, proof }))
      },
    ],
    [
      'the other side has another version',
      'NET1001',
      (connection: Connection) => {
        const bytes = encodeHandshake({ kind: 'proof', proof: new Uint8Array(0) })
        bytes[6] = PROTOCOL_VERSION + 1
        connection.send(bytes)
      },
    ],
  ] as const)('when %s: %s', async ([, code, onConnection]) => {
    const { server, client, settle } = cluster()
    if (onConnection !== undefined) {
      const listening = server.network.listen(ADDRESS, onConnection)
      await settle()
      await listening
    }
    const dialing = dial(client, ADDRESS, DIALER).catch((error: unknown) => error)
    await settle()
    await client.advanceAndSettle(5_000)
    expect(await dialing).toMatchObject({ code })
    expect(client.timerCount()).toBe(0)
  })

  test('at the acceptor too when the dialer says nothing, and strangers beyond the limit are closed at once', async () => {
    const { network, server, client, settle } = cluster()
    const refusals: string[] = []
    const listening = listenForLinks(server, ADDRESS, {
      ...LEADER,
      limits: { strangersMax: 3 },
      onLink: () => expect.unreachable('nobody introduced itself'),
      onRefused: (error, remote) => void refusals.push(`${error.code} ${remote.split(':')[0]}`),
    })
    await settle()
    await listening
    for (let i = 0; i < 5; i++) void client.network.connect(ADDRESS, 100)
    await settle()
    expect(refusals).toEqual(['NET1002 client', 'NET1002 client'])
    await server.advanceAndSettle(5_000)
    await settle()
    expect(refusals).toHaveLength(5)
    expect(network.openEndCount).toBe(0)
  })

  test('when the listener is closed, without a word about it', async () => {
    const { network, server, client, settle } = cluster()
    const listening = listenForLinks(server, ADDRESS, {
      ...LEADER,
      onLink: () => {},
      onRefused: () => expect.unreachable('it was this side'),
    })
    await settle()
    const listener = await listening
    void client.network.connect(ADDRESS, 100)
    await settle()
    await listener.close()
    await settle()
    expect(network.openEndCount).toBe(0)
    await server.advanceAndSettle(10_000)
  })
})

/** Hands on between the two what `change` makes of it: somebody in the middle. */
async function meetThrough(change: (frame: Uint8Array, from: 'dialer' | 'acceptor') => Uint8Array): Promise<Meeting> {
  const { server, client, settle } = cluster()
  const links: AuthenticatedLink[] = []
  const listening = listenForLinks(server, ADDRESS, { ...LEADER, onLink: (link) => void links.push(link) })
  await settle()
  await listening
  const middle = client.network.listen({ host: 'client', port: 1 }, (near) => {
    void client.network.connect(ADDRESS, 100).then((far) => {
      near.receive({ onFrame: (frame) => far.send(change(frame, 'dialer')), onClosed: () => far.close() })
      far.receive({ onFrame: (frame) => near.send(change(frame, 'acceptor')), onClosed: () => near.close() })
    })
  })
  await settle()
  await middle
  const connecting = client.network.connect({ host: 'client', port: 1 }, 100)
  await settle()
  const dialing = introduce(client, await connecting, DIALER).catch((error: unknown) => {
    if (error instanceof HandshakeError) return error
    throw error
  })
  await settle()
  await server.advanceAndSettle(5_000)
  await client.advanceAndSettle(5_000)
  return { dialed: await dialing, accepted: links[0], refused: undefined }
}

test('no byte of a handshake can be changed on the way without both sides refusing, or the one that heard it (H2)', async () => {
  const untouched = await meetThrough((frame) => frame.slice())
  expect(untouched.accepted?.epoch).toBe(7)
  const lengths: { from: 'dialer' | 'acceptor'; length: number }[] = []
  await meetThrough((frame, from) => {
    lengths.push({ from, length: frame.length })
    return frame.slice()
  })
  expect(lengths).toHaveLength(4)
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 3 }), fc.nat(), fc.integer({ min: 1, max: 255 }), async (index, at, flip) => {
      let seen = 0
      const { dialed } = await meetThrough((frame) => {
        const copy = frame.slice()
        if (seen++ === index) copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ flip
        return copy
      })
      expect(dialed).toBeInstanceOf(HandshakeError)
    }),
    { numRuns: 60 },
  )
})

test('a proof heard once is worth nothing the next time', async () => {
  let recorded: Uint8Array | undefined
  await meetThrough((frame, from) => {
    if (from === 'dialer') recorded = frame.slice()
    return frame.slice()
  })
  const replay = recorded
  if (replay === undefined) expect.unreachable('the dialer proved itself')
  const { server, client, settle } = cluster()
  const refusals: string[] = []
  const listening = listenForLinks(createManualEnvOf(server, 77), ADDRESS, {
    ...LEADER,
    onLink: () => expect.unreachable('it has no secret'),
    onRefused: ({ code }) => void refusals.push(code),
  })
  await settle()
  await listening
  const connecting = client.network.connect(ADDRESS, 100)
  await settle()
  const connection = await connecting
  const hello = { kind: 'hello', role: 'taskmanager', version: '1.2.3', proof: 'hmac-sha256' } as const
  connection.send(encodeHandshake({ ...hello, nonce: new Uint8Array(32), epoch: leaderEpoch(0) }))
  connection.send(replay.slice())
  await settle()
  expect(refusals).toEqual(['SEC1001'])
})

/** The same process with other random numbers. */
function createManualEnvOf(env: ReturnType<typeof createManualEnv>, seed: number) {
  return { network: env.network, timers: env.timers, random: createManualEnv({ seed }).random }
}

describe('handshake messages', () => {
  const nonce = new Uint8Array(32).fill(9)
  const proof = new Uint8Array(32).fill(8)
  const epoch = leaderEpoch(2 ** 40)
  const messages = [
    { kind: 'hello', role: 'slot', version: '1.0.0-beta.1+5', proof: 'none', nonce, epoch },
    { kind: 'challenge', version: '1.0.0', proof: 'hmac-sha256', nonce, epoch },
    { kind: 'proof', proof },
    { kind: 'proof', proof: new Uint8Array(0) },
    { kind: 'welcome', epoch, proof },
    { kind: 'refused', code: 'CLU1002', epoch, leader: { host: '::1', port: 6123 }, proof },
    { kind: 'refused', code: 'SEC1001', epoch, leader: undefined, proof: new Uint8Array(0) },
  ] as const

  test('come back as they were', () => {
    for (const message of messages) expect(decodeHandshake(encodeHandshake(message))).toEqual(message)
  })

  test('with anything missing, added or unknown are refused, and text of strangers never gets through (H3)', () => {
    for (const message of messages) {
      const bytes = encodeHandshake(message)
      for (let length = 0; length < bytes.length; length++)
        expect(() => decodeHandshake(bytes.subarray(0, length))).toThrow(/bytes cannot be decoded/)
      expect(() => decodeHandshake(new Uint8Array([...bytes, 0]))).toThrow(/bytes cannot be decoded/)
    }
    const evil = encodeHandshake({ kind: 'challenge', version: 'a\u001b[2J\n', proof: 'none', nonce, epoch })
    expect(() => decodeHandshake(evil)).toThrow(/the version is no version/)
  })

  test('of any bytes are refused or read, and nothing else is thrown', () => {
    fc.assert(
      fc.property(fc.nat({ max: messages.length - 1 }), fc.nat(), fc.nat({ max: 255 }), (index, at, value) => {
        const bytes = encodeHandshake(messages[index] ?? messages[0])
        bytes[at % bytes.length] = value
        try {
          decodeHandshake(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'SER1002' })
        }
      }),
    )
  })
})
