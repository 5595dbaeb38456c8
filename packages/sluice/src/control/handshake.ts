/**
 * From an address, or a connection that came in, to a link with somebody known: version, secret, epoch.
 *
 * Owns: running the handshake machine over a connection, its time limit, the number of strangers at one port. Does not own: the rules
 * (handshake-machine.ts), bytes (handshake-frames.ts), what is said behind it.
 * Callers: the TaskManager and the JobManager (control connections), slots (data connections).
 *
 * L1 A connection that comes out of here has no receiver; what came behind the handshake waits for the one that is set.
 * L2 Until the handshake is over a frame has 64 KiB at the most, then `frameBytesMax`.
 * L3 Every handshake ends within `handshakeMs`. When it fails the connection is over, and the promise rejects with a HandshakeError.
 */
import type { Connection, Env, Listener, NetworkAddress } from '../base/env.ts'
import { type EngineError, asEngineError } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import { NetworkError } from '../base/network-error.ts'
import type { Secret } from '../base/secret.ts'
import { FRAME_BYTES_MAX } from './frame-codec.ts'
import { tooManyStrangers, unreachableAt } from './handshake-errors.ts'
import { NONCE_BYTES, type PeerRole, checkVersion } from './handshake-frames.ts'
import {
  type Authority,
  type HandshakeEvent,
  type HandshakeStep,
  type PeerIdentity,
  beginAccepting,
  beginDialing,
  stepAcceptor,
  stepDialer,
} from './handshake-machine.ts'

export { HandshakeError } from './handshake-errors.ts'
export type { Authority } from './handshake-machine.ts'

/** What a handshake needs of the world. */
export type HandshakeEnv = Pick<Env, 'network' | 'timers' | 'random'>

export interface HandshakeLimits {
  /** To open a connection. */
  readonly connectMs: number
  /** From the open connection to the verdict. */
  readonly handshakeMs: number
  /** Longest frame behind the handshake. */
  readonly frameBytesMax: number
  /** Connections at one port whose handshake is not over; more are closed at once. */
  readonly strangersMax: number
}

const HANDSHAKE_LIMITS: HandshakeLimits = {
  connectMs: 5_000,
  handshakeMs: 5_000,
  frameBytesMax: FRAME_BYTES_MAX,
  strangersMax: 256,
}

/** Who this process is, for whoever it connects to. */
export interface DialOptions {
  readonly role: PeerRole
  /** Version of the package. */
  readonly version: string
  readonly secret: Secret | undefined
  /** The highest leader epoch known; 0: none. */
  readonly epoch: LeaderEpoch
  readonly limits?: Partial<HandshakeLimits>
}

/** Who this process is, for whoever connects to it. */
export interface AcceptOptions {
  readonly roles: readonly PeerRole[]
  /** Version of the package. */
  readonly version: string
  readonly secret: Secret | undefined
  /** Asked at the moment of greeting and of the verdict. */
  authority(): Authority
  readonly limits?: Partial<HandshakeLimits>
}

export interface ListenOptions extends AcceptOptions {
  onLink(link: AuthenticatedLink): void
  /** For logs and counters. `remote`: `host:port`. */
  onRefused?(error: EngineError, remote: string): void
}

/** A connection with somebody who has shown who it is. */
export interface AuthenticatedLink {
  /** L1 */
  readonly connection: Connection
  readonly peer: PeerIdentity
  /** The epoch that both sides work under: that of the accepting side. */
  readonly epoch: LeaderEpoch
}

/** Opens a connection and introduces this process. Rejects with NET1001 to NET1003, SEC1001, SEC1006, CLU1002. */
export async function dial(
  env: HandshakeEnv,
  address: NetworkAddress,
  options: DialOptions,
): Promise<AuthenticatedLink> {
  const { connectMs } = { ...HANDSHAKE_LIMITS, ...options.limits }
  let connection: Connection
  try {
    connection = await env.network.connect(address, connectMs)
  } catch (thrown) {
    throw thrown instanceof NetworkError ? unreachableAt(address, thrown) : thrown
  }
  return introduce(env, connection, options)
}

/** The handshake of the side that dialed, over a connection that is open. */
export function introduce(env: HandshakeEnv, connection: Connection, options: DialOptions): Promise<AuthenticatedLink> {
  const { role, version, secret, epoch } = options
  checkVersion(version)
  const facts = { remote: connection.remote, role, version, secret, epoch, nonce: nonce(env) }
  return run(env, connection, { limits: options.limits, begin: () => beginDialing(facts), step: stepDialer })
}

/** The handshake of the side that accepted. */
function accept(env: HandshakeEnv, connection: Connection, options: AcceptOptions): Promise<AuthenticatedLink> {
  const { version, secret, roles } = options
  checkVersion(version)
  const facts = { remote: connection.remote, version, secret, roles, nonce: nonce(env) }
  return run(env, connection, {
    limits: options.limits,
    begin: () => beginAccepting(facts),
    step: (state, event) => stepAcceptor(state, event, options.authority()),
  })
}

/** Listens, and gives out every connection whose handshake succeeded. Rejects with a NetworkError, as `Network.listen` does. */
export function listenForLinks(env: HandshakeEnv, address: NetworkAddress, options: ListenOptions): Promise<Listener> {
  return new LinkListener(env, options).listen(address)
}

class LinkListener {
  readonly #env: HandshakeEnv
  readonly #options: ListenOptions
  readonly #strangers = new Set<Connection>()
  readonly #strangersMax: number
  #state: 'open' | 'closed' = 'open'

  constructor(env: HandshakeEnv, options: ListenOptions) {
    this.#env = env
    this.#options = options
    this.#strangersMax = options.limits?.strangersMax ?? HANDSHAKE_LIMITS.strangersMax
  }

  async listen(address: NetworkAddress): Promise<Listener> {
    const listener = await this.#env.network.listen(address, (connection) => this.#onConnection(connection))
    return {
      address: listener.address,
      close: () => {
        this.#state = 'closed'
        for (const stranger of this.#strangers) stranger.destroy()
        this.#strangers.clear()
        return listener.close()
      },
    }
  }

  #onConnection(connection: Connection): void {
    if (this.#state === 'closed') return connection.destroy()
    if (this.#strangers.size >= this.#strangersMax) {
      connection.destroy()
      return this.#refused(tooManyStrangers(connection.remote, this.#strangers.size), connection)
    }
    this.#strangers.add(connection)
    accept(this.#env, connection, this.#options)
      .finally(() => this.#strangers.delete(connection))
      .then(
        (link) => (this.#state === 'closed' ? link.connection.destroy() : this.#options.onLink(link)),
        (thrown: unknown) => this.#refused(thrown, connection),
      )
  }

  #refused(thrown: unknown, { remote }: Connection): void {
    if (this.#state === 'closed') return // it was this side that ended it
    this.#options.onRefused?.(asEngineError(thrown, 'INT1001', 'a handshake failed'), remote)
  }
}

interface Handshake<State> {
  readonly limits: Partial<HandshakeLimits> | undefined
  begin(): HandshakeStep<State>
  step(state: State, event: HandshakeEvent): HandshakeStep<State>
}

/** Performs what the machine decides. L1, L2, L3 */
function run<State>(
  env: HandshakeEnv,
  connection: Connection,
  handshake: Handshake<State>,
): Promise<AuthenticatedLink> {
  const { handshakeMs, frameBytesMax } = { ...HANDSHAKE_LIMITS, ...handshake.limits }
  return new Promise((resolve, reject) => {
    let state: State
    const limit = env.timers.after(handshakeMs, () => onEvent({ kind: 'timed-out', afterMs: handshakeMs }))
    const perform = (step: HandshakeStep<State>): void => {
      state = step.state
      for (const effect of step.effects) {
        if (effect.kind === 'send') {
          connection.send(effect.bytes)
          continue
        }
        limit.cancel()
        if (effect.kind === 'linked') {
          connection.receive(undefined)
          connection.limitFrames(frameBytesMax)
          resolve({ connection, peer: effect.peer, epoch: effect.epoch })
        } else {
          connection[effect.ending]()
          reject(effect.error)
        }
      }
    }
    const onEvent = (event: HandshakeEvent): void => perform(handshake.step(state, event))
    perform(handshake.begin())
    connection.receive({
      onFrame: (bytes) => onEvent({ kind: 'frame', bytes }),
      onClosed: (error) => onEvent({ kind: 'closed', error }),
    })
  })
}

function nonce({ random }: HandshakeEnv): Uint8Array {
  const words = new Uint32Array(NONCE_BYTES / 4)
  for (let i = 0; i < words.length; i++) words[i] = random.u32()
  return new Uint8Array(words.buffer)
}
