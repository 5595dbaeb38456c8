/** What every `Network` keeps (base/env.ts), as one suite. Run by the test of each implementation. */
import { expect, test } from 'vitest'
import type { Connection, Listener, Network } from '../src/base/env.ts'
import { NetworkError, type NetworkFailureKind } from '../src/base/network-error.ts'

export interface NetworkUnderTest {
  /** Of the process that listens. */
  readonly server: Network
  /** Of the process that connects. */
  readonly client: Network
  /** Where the server listens, and the client finds it. */
  readonly host: string
  /** An address that is not one of the server's machine. */
  readonly foreignHost: string
  /** Lets time pass until it is true; fails when nothing can make it true any more. */
  readonly until: (isTrue: () => boolean) => Promise<void>
  /** Lets time pass until the promise is settled, and gives its result. */
  readonly result: <T>(promise: Promise<T>) => Promise<T>
}

const CONNECT_MS = 5_000

/** What one side of a connection was told. */
class Seen {
  readonly frames: string[] = []
  readonly ends: (NetworkError | undefined)[] = []
  bytes = 0
  drains = 0

  listenTo(connection: Connection): this {
    connection.receive({
      onFrame: (frame) => {
        this.bytes += frame.length
        this.frames.push(text(frame.subarray(0, 40)))
      },
      onClosed: (error) => void this.ends.push(error),
      onDrained: () => void this.drains++,
    })
    return this
  }
}

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)
const text = (value: Uint8Array): string => new TextDecoder().decode(value)

interface Pair {
  readonly near: Connection
  readonly far: Connection
  readonly listener: Listener
}

async function connected({ server, client, host, until, result }: NetworkUnderTest): Promise<Pair> {
  const accepted: Connection[] = []
  const listener = await result(server.listen({ host, port: 0 }, (connection) => void accepted.push(connection)))
  const near = await result(client.connect({ host, port: listener.address.port }, CONNECT_MS))
  await until(() => accepted.length === 1)
  const [far] = accepted
  if (far === undefined) expect.unreachable('a connection was accepted')
  return { near, far, listener }
}

async function release({ near, far, listener }: Pair): Promise<void> {
  near.destroy()
  far.destroy()
  await listener.close()
}

async function failureOf(promise: Promise<unknown>): Promise<NetworkFailureKind | undefined> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(NetworkError)
  return thrown instanceof NetworkError ? thrown.failure : undefined
}

/** Call inside a `describe`. */
export function networkConformance(make: () => NetworkUnderTest): void {
  testFrames(make)
  testReceivers(make)
  testEnds(make)
  testAddresses(make)
}

function testFrames(make: () => NetworkUnderTest): void {
  test('frames arrive whole, once and in order, in both directions at the same time', async () => {
    const net = make()
    const pair = await connected(net)
    const [atNear, atFar] = [new Seen().listenTo(pair.near), new Seen().listenTo(pair.far)]
    const sent = Array.from({ length: 500 }, (_, index) => `frame ${index}`)
    for (const frame of sent) {
      pair.near.send(bytes(frame))
      pair.far.send(bytes(`${frame} back`))
    }
    await net.until(() => atFar.frames.length >= 500 && atNear.frames.length >= 500)
    expect(atFar.frames).toEqual(sent)
    expect(atNear.frames).toEqual(sent.map((frame) => `${frame} back`))
    expect(atFar.ends).toEqual([])
    await release(pair)
  })

  test('a frame of two parts arrives as one, an empty frame as an empty one', async () => {
    const net = make()
    const pair = await connected(net)
    const atFar = new Seen().listenTo(pair.far)
    pair.near.send(bytes('head '), bytes('rest'))
    pair.near.send(new Uint8Array(0))
    pair.near.send(bytes('head'), new Uint8Array(0))
    await net.until(() => atFar.frames.length >= 3)
    expect(atFar.frames).toEqual(['head rest', '', 'head'])
    await release(pair)
  })

  test('large frames arrive, and what was queued for them drains', async () => {
    const net = make()
    const pair = await connected(net)
    pair.far.limitFrames(8 * 1024 * 1024)
    const [atNear, atFar] = [new Seen().listenTo(pair.near), new Seen().listenTo(pair.far)]
    for (let i = 0; i < 8; i++) pair.near.send(new Uint8Array(1024 * 1024).fill(i), bytes('behind'))
    expect(pair.near.queuedBytes).toBeGreaterThan(0)
    await net.until(() => atFar.frames.length === 8 && atNear.drains > 0)
    expect(atFar.bytes).toBe(8 * (1024 * 1024 + 6))
    expect(pair.near.queuedBytes).toBe(0)
    await release(pair)
  })

  test('a frame beyond the limit of the receiver breaks the connection for both', async () => {
    const net = make()
    const pair = await connected(net)
    const [atNear, atFar] = [new Seen().listenTo(pair.near), new Seen().listenTo(pair.far)]
    pair.near.send(new Uint8Array(64 * 1024))
    pair.near.send(new Uint8Array(64 * 1024 + 1))
    await net.until(() => atFar.ends.length === 1 && atNear.ends.length === 1)
    expect(atFar.bytes).toBe(64 * 1024)
    expect(atFar.ends[0]?.failure).toBe('protocol')
    await release(pair)
  })
}

function testReceivers(make: () => NetworkUnderTest): void {
  test('frames and the end that come before the receiver wait for it, and come in a later turn', async () => {
    const net = make()
    const pair = await connected(net)
    const atNear = new Seen().listenTo(pair.near)
    pair.near.send(bytes('one'))
    pair.near.send(bytes('two'))
    pair.far.send(bytes('marker'))
    await net.until(() => atNear.frames.length === 1)
    pair.near.close()
    const atFar = new Seen().listenTo(pair.far)
    expect(atFar.frames).toEqual([])
    await net.until(() => atFar.ends.length === 1)
    expect(atFar.frames).toEqual(['one', 'two'])
    expect(atFar.ends).toEqual([undefined])
    await release(pair)
  })

  test('a receiver may go in the middle: the next one gets the rest', async () => {
    const net = make()
    const pair = await connected(net)
    const first: string[] = []
    pair.far.receive({
      onFrame: (frame) => {
        first.push(text(frame))
        if (first.length === 2) pair.far.receive(undefined)
      },
      onClosed: () => expect.unreachable('the connection is open'),
    })
    for (const frame of ['one', 'two', 'three', 'four']) pair.near.send(bytes(frame))
    await net.until(() => first.length === 2)
    const second = new Seen().listenTo(pair.far)
    await net.until(() => second.frames.length === 2)
    expect(first).toEqual(['one', 'two'])
    expect(second.frames).toEqual(['three', 'four'])
    await release(pair)
  })
}

function testEnds(make: () => NetworkUnderTest): void {
  test('close sends what is queued, then ends, and is told to the other side only', async () => {
    const net = make()
    const pair = await connected(net)
    pair.far.limitFrames(8 * 1024 * 1024)
    const [atNear, atFar] = [new Seen().listenTo(pair.near), new Seen().listenTo(pair.far)]
    for (let i = 0; i < 4; i++) pair.near.send(new Uint8Array(1024 * 1024))
    pair.near.close()
    pair.near.close()
    pair.near.send(bytes('too late'))
    await net.until(() => atFar.ends.length === 1)
    expect(atFar.bytes).toBe(4 * 1024 * 1024)
    expect(atFar.ends).toEqual([undefined])
    expect(atNear.ends).toEqual([])
    await release(pair)
  })

  test('destroy ends at once; the other side is told once, this one never', async () => {
    const net = make()
    const pair = await connected(net)
    const [atNear, atFar] = [new Seen().listenTo(pair.near), new Seen().listenTo(pair.far)]
    pair.far.send(bytes('never seen'))
    pair.near.destroy()
    pair.near.destroy()
    await net.until(() => atFar.ends.length === 1)
    pair.far.send(bytes('into nothing'))
    expect(atNear).toMatchObject({ frames: [], ends: [] })
    await release(pair)
  })
}

function testAddresses(make: () => NetworkUnderTest): void {
  test('nobody who listens: refused; also when the listener was closed, while its connections stay', async () => {
    const net = make()
    const pair = await connected(net)
    const { address } = pair.listener
    await net.result(pair.listener.close())
    await net.result(pair.listener.close())
    expect(await net.result(failureOf(net.client.connect({ host: net.host, port: address.port }, CONNECT_MS)))).toBe(
      'refused',
    )
    const atFar = new Seen().listenTo(pair.far)
    pair.near.send(bytes('still here'))
    await net.until(() => atFar.frames.length === 1)
    await release(pair)
  })

  test('a port is taken once, and an address of another machine cannot be listened on', async () => {
    const net = make()
    const pair = await connected(net)
    const again = net.server.listen({ host: net.host, port: pair.listener.address.port }, () => {})
    expect(await net.result(failureOf(again))).toBe('address-in-use')
    expect(await net.result(failureOf(net.server.listen({ host: net.foreignHost, port: 0 }, () => {})))).toBe(
      'unreachable',
    )
    await release(pair)
  })
}
