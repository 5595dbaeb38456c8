/**
 * A network between the `ManualEnv`s of one test: no delays, nothing lost unless the test says so.
 *
 * Owns: who listens where, which connections there are. Does not own: turns; whatever arrives does so in a turn of the env that it arrives at.
 *
 * N1 Frames of one direction arrive in order, each in a turn of its own.
 * N2 `silence` makes a machine unreachable without anybody being told: connections to it are half-open until `restore`.
 */
import { assert } from '../base/assert.ts'
import type { Connection, ConnectionReceiver, Listener, Network, NetworkAddress, Timers, Turns } from '../base/env.ts'
import { NetworkError } from '../base/network-error.ts'
import { ConnectionInbox } from '../control/connection-inbox.ts'
import { FRAME_BYTES_MAX, STRANGER_FRAME_BYTES_MAX } from '../control/frame-codec.ts'
import { FREE_PORT_FIRST, isOwnAddress, machineOf, portKey } from './virtual-hosts.ts'

/** The env that a part of the network is for. */
export interface MemoryNetworkUser {
  readonly turns: Turns
  readonly timers: Timers
}

interface MemoryListener {
  readonly user: MemoryNetworkUser
  readonly machine: string
  readonly onConnection: (connection: Connection) => void
}

export class MemoryNetwork {
  readonly #listeners = new Map<string, MemoryListener>()
  readonly #machines = new Set<string>(['localhost'])
  readonly #silent = new Set<string>()
  readonly #connections = new Set<MemoryConnection>()
  #freePort = FREE_PORT_FIRST

  /** The network as a process on `machine` sees it. */
  of(user: MemoryNetworkUser, machine = 'localhost'): Network {
    this.#machines.add(machine)
    return {
      listen: (address, onConnection) => this.#listen(address, { user, machine, onConnection }),
      connect: (address, timeoutMs) => this.#connect(user, machine, { address, timeoutMs }),
    }
  }

  /** Ends of connections that nobody has closed and that did not break. */
  get openEndCount(): number {
    return this.#connections.size
  }

  // N2
  silence(machine: string): void {
    this.#silent.add(machine)
  }

  /** Ends the silence. What was sent meanwhile is lost, so the connections over which something was sent break. */
  restore(machine: string): void {
    this.#silent.delete(machine)
    for (const connection of this.#connections) if (connection.hasLost) connection.breakNow('reset')
  }

  /** Breaks all connections of a machine, as both sides see it. */
  breakConnections(machine: string): void {
    for (const connection of this.#connections) if (connection.machine === machine) connection.breakNow('reset')
  }

  isCut(a: string, b: string): boolean {
    return a !== b && (this.#silent.has(a) || this.#silent.has(b))
  }

  forget(connection: MemoryConnection): void {
    this.#connections.delete(connection)
  }

  async #listen(address: NetworkAddress, listener: MemoryListener): Promise<Listener> {
    const what = `listen on ${address.host}:${address.port}`
    await new Promise<void>((resolve) => listener.user.turns.next(resolve)) // E1
    if (!isOwnAddress(address, listener.machine)) throw new NetworkError('unreachable', what)
    const port = address.port === 0 ? this.#freePort++ : address.port
    const key = portKey(listener.machine, port)
    if (this.#listeners.has(key)) throw new NetworkError('address-in-use', what)
    this.#listeners.set(key, listener)
    return {
      address: { host: address.host, port },
      close: async () => void (this.#listeners.get(key) === listener && this.#listeners.delete(key)),
    }
  }

  async #connect(
    user: MemoryNetworkUser,
    here: string,
    to: { address: NetworkAddress; timeoutMs: number },
  ): Promise<Connection> {
    const { address, timeoutMs } = to
    const what = `connect to ${address.host}:${address.port}`
    await new Promise<void>((resolve) => user.turns.next(resolve))
    const machine = machineOf(address, here)
    if (!this.#machines.has(machine)) throw new NetworkError('unreachable', what)
    if (this.isCut(here, machine)) {
      await new Promise<void>((resolve) => void user.timers.after(timeoutMs, resolve))
      throw new NetworkError('timeout', what)
    }
    const listener = this.#listeners.get(portKey(machine, address.port))
    if (listener === undefined) throw new NetworkError('refused', what)
    const near = new MemoryConnection(this, user, { machine: here, remote: `${address.host}:${address.port}` })
    const far = new MemoryConnection(this, listener.user, { machine, remote: `${here}:${this.#freePort++}` })
    near.join(far)
    this.#connections.add(near).add(far)
    listener.user.turns.next(() => listener.onConnection(far))
    return near
  }
}

class MemoryConnection implements Connection {
  readonly remote: string
  readonly machine: string
  readonly #network: MemoryNetwork
  readonly #user: MemoryNetworkUser
  readonly #inbox: ConnectionInbox
  #peer: MemoryConnection | undefined
  #bytesMax = STRANGER_FRAME_BYTES_MAX
  #isOpen = true
  /** Sent and not yet arrived. */
  queuedBytes = 0
  /** Something was sent into the silence. */
  hasLost = false

  constructor(network: MemoryNetwork, user: MemoryNetworkUser, place: { machine: string; remote: string }) {
    this.#network = network
    this.#user = user
    this.machine = place.machine
    this.remote = place.remote
    this.#inbox = new ConnectionInbox(user.turns)
  }

  join(peer: MemoryConnection): void {
    this.#peer = peer
    peer.#peer = this
  }

  send(frame: Uint8Array, rest?: Uint8Array): void {
    if (!this.#isOpen) return
    const whole = joined(frame, rest)
    assert(whole.length <= FRAME_BYTES_MAX, 'a frame is within its limit before it is sent', { length: whole.length })
    this.queuedBytes += whole.length
    this.#toPeer((peer) => {
      this.queuedBytes -= whole.length
      if (this.queuedBytes === 0) this.#user.turns.next(() => this.#inbox.drained())
      peer.#arrive(whole)
    })
  }

  receive(receiver: ConnectionReceiver | undefined): void {
    this.#inbox.setReceiver(receiver)
  }

  limitFrames(bytesMax: number): void {
    this.#bytesMax = bytesMax
  }

  close(): void {
    if (!this.#finish()) return
    this.#toPeer((peer) => peer.#end(undefined))
  }

  destroy(): void {
    if (!this.#finish()) return
    this.#toPeer((peer) => peer.#end(new NetworkError('reset', `the connection to ${peer.remote}`)))
  }

  /** Both sides learn of it, each in its own turn. */
  breakNow(failure: 'reset'): void {
    for (const end of this.#bothEnds())
      end.#user.turns.next(() => end.#end(new NetworkError(failure, `the connection to ${end.remote}`)))
  }

  #bothEnds(): readonly MemoryConnection[] {
    return this.#peer === undefined ? [this] : [this, this.#peer]
  }

  // N1
  #toPeer(arrive: (peer: MemoryConnection) => void): void {
    const peer = this.#peer
    if (peer === undefined) return
    if (this.#network.isCut(this.machine, peer.machine)) this.hasLost = peer.hasLost = true
    if (!this.hasLost) peer.#user.turns.next(() => arrive(peer))
  }

  #arrive(frame: Uint8Array): void {
    if (!this.#isOpen) return
    if (frame.length <= this.#bytesMax) return this.#inbox.frame(frame)
    this.#toPeer((peer) => peer.#end(new NetworkError('reset', `the connection to ${peer.remote}`)))
    this.#end(
      new NetworkError('protocol', `a frame of ${frame.length} bytes is longer than the limit of ${this.#bytesMax}`),
    )
  }

  #end(error: NetworkError | undefined): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#network.forget(this)
    this.#inbox.end(error)
  }

  #finish(): boolean {
    const wasOpen = this.#isOpen
    this.#isOpen = false
    this.#inbox.silence()
    this.#network.forget(this)
    return wasOpen
  }
}

/** One frame of its two parts, in memory of its own. */
export function joined(head: Uint8Array, rest: Uint8Array | undefined): Uint8Array {
  const whole = new Uint8Array(head.length + (rest?.length ?? 0))
  whole.set(head)
  if (rest !== undefined) whole.set(rest, head.length)
  return whole
}
