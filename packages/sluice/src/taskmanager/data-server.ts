/**
 * Where the data connections of one slot begin and arrive.
 *
 * Owns: the listener of the slot, dialing, who is let in, connections that wait for their deployment. Does not own: the links once they are
 * open (exchange/network-link.ts), the proof of who is there (control/handshake.ts), what becomes of tasks whose link broke (slot-runner).
 *
 * Y1 Each pair of slots has one connection for each attempt: the slot with the lower index dials.
 * Y2 A connection counts only when both sides named the same epoch, attempt, allocations and slots, and this slot was deployed with them. One that
 *    comes before the deployment waits for it; one for an attempt that has ended here, or of an older epoch, is refused with a reason.
 * Y3 Everything has a limit: strangers, connections that wait, the time for the proof, for the hello, for the whole connection.
 * Y4 Until the acceptor has said `accepted` nothing flows.
 * Y5 A link that is closed or broken is never used again: the next attempt makes a new one.
 */
import type { Connection, Env, Listener, NetworkAddress, Timer } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { leaderEpoch, type AllocationId, type AttemptNumber, type LeaderEpoch, type SlotIndex } from '../base/ids.ts'
import { addressText } from '../base/network-address.ts'
import { NetworkError } from '../base/network-error.ts'
import type { Secret } from '../base/secret.ts'
import { FRAME_BYTES_MAX } from '../control/frame-codec.ts'
import { dial, listenForLinks, type HandshakeLimits } from '../control/handshake.ts'
import type { SlotDeployment, SlotPeer } from '../control/messages.ts'
import { NetworkLink, type LinkLimits } from '../exchange/network-link.ts'
import { BATCH_BYTES_MAX } from '../exchange/remote-channel.ts'
import { acceptHello, readHello, readReply, refuseHello, sendHello, type SlotHello } from './data-hello.ts'
import type { SlotLinks } from './slot-environment.ts'

export interface DataLimits extends LinkLimits {
  /** Milliseconds until the connection to a slot must be there, and that one waits for its deployment. */
  readonly connectMaxMs: number
  /** Milliseconds of one try to reach a slot, and for the handshake. */
  readonly tryMaxMs: number
  readonly retryMs: number
  /** Milliseconds for the hello of somebody who has shown that he belongs to the cluster. */
  readonly helloMaxMs: number
  /** Connections whose handshake is not over. */
  readonly strangersMax: number
  /** Connections that wait for their deployment. */
  readonly parkedMax: number
  readonly frameBytesMax: number
}

/** Of a frame, beside its batch. */
const HEAD_ROOM_BYTES = 1024

/** @param watchdogTimeoutMs how long a slot thread may stay inside a user function: it sends no sign of life meanwhile */
export function dataLimits(watchdogTimeoutMs: number, frameBytesMax: number): DataLimits {
  return {
    aliveIntervalMs: 1000,
    silenceMaxMs: watchdogTimeoutMs + 5000,
    toldAfterMs: 200,
    byeWaitMs: 5000,
    connectMaxMs: 15_000,
    tryMaxMs: 5000,
    retryMs: 200,
    helloMaxMs: 5000,
    strangersMax: 64,
    parkedMax: 1024,
    // A record that passes from thread to thread passes from process to process.
    frameBytesMax: Math.min(FRAME_BYTES_MAX, Math.max(frameBytesMax, BATCH_BYTES_MAX + HEAD_ROOM_BYTES)),
  }
}

export interface DataServerOptions {
  readonly env: Env
  readonly secret: Secret | undefined
  readonly self: AllocationId
  /** Port 0 means any free one. */
  readonly listen: NetworkAddress
  readonly limits: DataLimits
}

export interface DataServer {
  /** Resolves with the address (as given, with the port that was taken) when connections are accepted. Fails with a NetworkError. */
  start(): Promise<NetworkAddress>
  /**
   * Paths to the slots of other processes that the deployment names. They take frames at once; connections are made behind them. A link says by
   * `onBroken` (NET1004) when its connection cannot be made or breaks. Whoever ends the attempt closes them.
   */
  linksFor(deployment: SlotDeployment): SlotLinks
  /** Connections turned away so far. */
  readonly refused: number
  /** Idempotent. */
  close(): Promise<void>
}

export function createDataServer(options: DataServerOptions): DataServer {
  return new Server(options)
}

/** The JobManager has compared the versions of the package; between slots that of the protocol counts. */
const ANY_VERSION = '0'

/** Attempts that ended here and are remembered: connections for them come late by seconds at the most. */
const ENDED_ATTEMPTS_MAX = 256

type AttemptKey = `${number}-${number}`

interface Expected {
  readonly deployment: SlotDeployment
  readonly peer: SlotPeer
  readonly link: NetworkLink
}

interface Parked {
  readonly hello: SlotHello
  readonly connection: Connection
  readonly timer: Timer
}

class Server implements DataServer {
  refused = 0
  readonly #options: DataServerOptions
  readonly #attempts = new Map<AttemptKey, Map<SlotIndex, Expected>>()
  readonly #ended = new Set<AttemptKey>()
  readonly #parked = new Set<Parked>()
  /** Connections whose hello has not come. */
  readonly #silent = new Set<Connection>()
  #newestEpoch = leaderEpoch(0)
  #listener: Listener | undefined
  #isClosed = false

  constructor(options: DataServerOptions) {
    this.#options = options
  }

  async start(): Promise<NetworkAddress> {
    const { env, listen, secret } = this.#options
    const listener = await listenForLinks(env, listen, {
      roles: ['slot'],
      version: ANY_VERSION,
      secret,
      authority: () => ({ kind: 'peer', epoch: this.#newestEpoch }),
      limits: this.#handshakeLimits(),
      onLink: ({ connection }) => this.#onConnection(connection),
      onRefused: () => void this.refused++,
    })
    this.#listener = listener
    if (this.#isClosed) await listener.close()
    return listener.address
  }

  linksFor(deployment: SlotDeployment): SlotLinks {
    if (deployment.epoch > this.#newestEpoch) this.#newestEpoch = deployment.epoch
    const peers = (deployment.peers ?? []).filter(({ slot }) => slot !== deployment.slot)
    const expected = new Map(peers.map((peer) => [peer.slot, this.#expect(deployment, peer)]))
    if (expected.size > 0) this.#attempts.set(keyOf(deployment), expected)
    for (const one of expected.values()) {
      if (deployment.slot < one.peer.slot) this.#dial(one)
    }
    for (const parked of this.#parked) this.#settle(parked)
    return new Map([...expected].map(([slot, { link }]) => [slot, link]))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const expected of this.#attempts.values()) for (const { link } of expected.values()) link.close()
    for (const { connection, timer } of this.#parked) {
      timer.cancel()
      connection.destroy()
    }
    for (const connection of this.#silent) connection.destroy()
    this.#parked.clear()
    this.#silent.clear()
    await this.#listener?.close()
  }

  #expect(deployment: SlotDeployment, peer: SlotPeer): Expected {
    const { env, limits } = this.#options
    const link = new NetworkLink({
      env,
      limits,
      describe: (cause) => broken(deployment, peer, cause),
      onGone: () => {
        timer.cancel()
        this.#forget(deployment, peer.slot)
      },
    })
    const timer = env.timers.after(limits.connectMaxMs, () => {
      if (!link.isWaiting) return
      link.break(new NetworkError('timeout', `there was no connection within ${limits.connectMaxMs} ms`))
    })
    return { deployment, peer, link }
  }

  #forget(deployment: SlotDeployment, slot: SlotIndex): void {
    const key = keyOf(deployment)
    const expected = this.#attempts.get(key)
    expected?.delete(slot)
    if (expected === undefined || expected.size > 0) return
    this.#attempts.delete(key)
    this.#ended.add(key)
    const [oldest] = this.#ended
    if (this.#ended.size > ENDED_ATTEMPTS_MAX && oldest !== undefined) this.#ended.delete(oldest)
  }

  #dial(expected: Expected): void {
    const { env, limits, secret } = this.#options
    const { link, peer, deployment } = expected
    if (!link.isWaiting) return
    const identity = { role: 'slot', version: ANY_VERSION, secret, epoch: deployment.epoch } as const
    dial(env, peer.address, { ...identity, limits: this.#handshakeLimits() })
      .then(({ connection }) => this.#introduce(connection, expected))
      .catch((error: unknown) => {
        if (isWorthAnotherTry(error)) env.timers.after(limits.retryMs, () => this.#dial(expected))
        else link.break(asCause(error))
      })
  }

  /** The dialer's side, behind the handshake. */
  async #introduce(connection: Connection, { deployment, peer, link }: Expected): Promise<void> {
    const { env, limits, self } = this.#options
    const { epoch, attempt, slot } = deployment
    sendHello(connection, { epoch, attempt, from: self, fromSlot: slot, to: peer.allocation, toSlot: peer.slot })
    try {
      await readReply(env, connection, limits.connectMaxMs)
    } catch (error) {
      connection.destroy()
      throw error
    }
    link.attach(connection)
  }

  #handshakeLimits(): HandshakeLimits {
    const { tryMaxMs, frameBytesMax, strangersMax } = this.#options.limits
    return { connectMs: tryMaxMs, handshakeMs: tryMaxMs, frameBytesMax, strangersMax }
  }

  /** The acceptor's side, behind the handshake. */
  #onConnection(connection: Connection): void {
    if (this.#isClosed) return connection.destroy()
    const { env, limits } = this.#options
    this.#silent.add(connection)
    readHello(env, connection, limits.helloMaxMs)
      .finally(() => this.#silent.delete(connection))
      .then((hello) => (this.#isClosed ? undefined : this.#place(hello, connection)))
      .catch((error: unknown) => {
        asCause(error)
        // The dialer notices by itself, and tells (NET1004).
        this.refused++
        connection.destroy()
      })
  }

  // Y2
  #place(hello: SlotHello, connection: Connection): void {
    const { env, limits } = this.#options
    const reason = this.#objection(hello)
    if (reason !== undefined) return this.#refuse(connection, reason)
    const parked: Parked = {
      hello,
      connection,
      timer: env.timers.after(limits.connectMaxMs, () =>
        this.#dismiss(parked, `attempt ${hello.attempt} was not deployed within ${limits.connectMaxMs} ms`),
      ),
    }
    this.#parked.add(parked)
    this.#settle(parked)
  }

  #objection({ to, epoch, attempt }: SlotHello): string | undefined {
    const { self, limits } = this.#options
    if (to !== self) return `the slot here has allocation ${self}, not ${to}`
    if (epoch < this.#newestEpoch) return `leader epoch ${epoch} is over, the newest known here is ${this.#newestEpoch}`
    if (this.#ended.has(keyOf({ epoch, attempt }))) return `attempt ${attempt} has ended here`
    if (this.#parked.size >= limits.parkedMax) return `${limits.parkedMax} connections wait for their deployment`
    return undefined
  }

  /** The attempt may be deployed here by now. */
  #settle(parked: Parked): void {
    const { hello, connection } = parked
    if (hello.epoch < this.#newestEpoch) return this.#dismiss(parked, `leader epoch ${hello.epoch} is over`)
    const attempt = this.#attempts.get(keyOf(hello))
    if (attempt === undefined) return
    const expected = attempt.get(hello.fromSlot)
    if (expected === undefined || !isMeant(expected, hello))
      return this.#dismiss(parked, `attempt ${hello.attempt} expects no connection of slot ${hello.fromSlot} like this`)
    this.#unpark(parked)
    acceptHello(connection) // Y4
    expected.link.attach(connection)
  }

  #dismiss(parked: Parked, reason: string): void {
    this.#unpark(parked)
    this.#refuse(parked.connection, reason)
  }

  #refuse(connection: Connection, reason: string): void {
    this.refused++
    refuseHello(connection, reason)
  }

  #unpark(parked: Parked): void {
    parked.timer.cancel()
    this.#parked.delete(parked)
  }
}

/** Y1, Y5 */
function isMeant({ deployment, peer, link }: Expected, hello: SlotHello): boolean {
  const isRightPair = peer.allocation === hello.from && deployment.slot === hello.toSlot
  return link.isWaiting && isRightPair && hello.fromSlot < hello.toSlot
}

function keyOf({ epoch, attempt }: { readonly epoch: LeaderEpoch; readonly attempt: AttemptNumber }): AttemptKey {
  return `${epoch}-${attempt}`
}

/** Nobody was there, or it ended in the middle: it may be starting. A refusal is final. */
function isWorthAnotherTry(error: unknown): boolean {
  if (error instanceof NetworkError) return error.failure === 'reset' || error.failure === 'timeout'
  return error instanceof EngineError && error.code === 'NET1002'
}

function asCause(error: unknown): NetworkError | EngineError {
  if (error instanceof NetworkError || (error instanceof EngineError && error.domain !== 'internal')) return error
  throw error // a bug of ours
}

function broken(deployment: SlotDeployment, peer: SlotPeer, cause: Error): EngineError {
  const { slot, attempt } = deployment
  return new EngineError(
    'NET1004',
    `the data connection from slot ${slot} to slot ${peer.slot} (${addressText(peer.address)}) broke: ${cause.message}. ` +
      'The tasks of this attempt end, and the job goes on from its last completed checkpoint. ' +
      `If it happens again, look at the machine and the TaskManager of slot ${peer.slot}, and at the network between the two.`,
    { context: { attempt }, cause },
  )
}
