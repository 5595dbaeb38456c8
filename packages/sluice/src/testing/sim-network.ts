/**
 * A network in virtual time that delays, breaks and parts.
 *
 * Owns: the moment of every arrival, who listens where, partitions, what a crash does to connections. Does not own: when something breaks
 * (the world that calls `breakOne`, `partition`, `endLife`), pauses of processes (`SimLife.pauseUntil`: what arrives waits with everything else).
 *
 * N1 What one side sent arrives in order, each frame at a moment of its own; what breaks cuts the sequence at one place.
 * N2 Nothing crosses a partition: what is under way waits for `heal` and arrives then, or never if the connection is over by then.
 * N3 A process that crashes is noticed by its peers after a delay, a machine without power by nobody before it is up again and asked.
 * N4 Nothing of a life that is over sends or receives. What it had sent may arrive, up to some frame.
 */
import { assert } from '../base/assert.ts'
import type { Connection, Listener, Network, NetworkAddress, Random } from '../base/env.ts'
import { NetworkError } from '../base/network-error.ts'
import { below } from '../base/random.ts'
import { SimConnection } from './sim-connection.ts'
import { SimLife, type SimScheduler } from './sim-scheduler.ts'
import { FREE_PORT_FIRST, isOwnAddress, machineOf, portKey } from './virtual-hosts.ts'

export interface SimNetworkOptions {
  readonly scheduler: SimScheduler
  readonly random: Random
  /** Greatest ordinary delay of one way, milliseconds; a few are much longer. */
  readonly delayMaxMs: number
}

/** What really happened. */
export interface NetworkCounts {
  connects: number
  /** Nobody listened, or nobody answered in time. */
  failedConnects: number
  framesArrived: number
  /** Sent and never arrived. */
  framesLost: number
  /** Held up by a partition. */
  framesHeld: number
  /** Connections broken by `breakOne`. */
  breaks: number
  partitions: number
  /** Connections of which one side was gone without the other being told. */
  halfOpen: number
}

/** One delay in this many takes this many times as long. */
const SLOW_ONE_IN = 40
const SLOW_FACTOR = 20

interface SimListener {
  readonly life: SimLife
  readonly machine: string
  readonly onConnection: (connection: Connection) => void
}

interface Dialing {
  readonly life: SimLife
  readonly here: string
  readonly address: NetworkAddress
  readonly timeoutMs: number
}

export class SimNetwork {
  readonly scheduler: SimScheduler
  readonly random: Random
  /** What is between the machines: it lives as long as the world. */
  readonly wire = new SimLife(-1, 0)
  readonly counts: NetworkCounts = {
    connects: 0,
    failedConnects: 0,
    framesArrived: 0,
    framesLost: 0,
    framesHeld: 0,
    breaks: 0,
    partitions: 0,
    halfOpen: 0,
  }
  /** All delays take so many times as long. */
  slowFactor = 1
  /** Most bytes that were under way from one end at once. */
  underWayBytesPeak = 0
  readonly #delayMaxMs: number
  readonly #listeners = new Map<string, SimListener>()
  readonly #machineOf = new Map<SimLife, string>()
  readonly #up = new Set<string>()
  readonly #known = new Set<string>()
  /** `from>to` of every direction that is cut. */
  readonly #cuts = new Set<string>()
  readonly #ends = new Set<SimConnection>()
  #freePort = FREE_PORT_FIRST

  constructor({ scheduler, random, delayMaxMs }: SimNetworkOptions) {
    this.scheduler = scheduler
    this.random = random
    this.#delayMaxMs = delayMaxMs
  }

  /** The network as a process sees it. Its machine is up from now on. */
  of(life: SimLife, machine = this.#machineOf.get(life) ?? 'localhost'): Network {
    this.#machineOf.set(life, machine)
    this.#known.add(machine)
    this.#up.add(machine)
    return {
      listen: (address, onConnection) => this.#listen(address, { life, machine, onConnection }),
      connect: (address, timeoutMs) => this.#connect({ life, here: machine, address, timeoutMs }),
    }
  }

  /** Puts a process on a machine; before its env is made. */
  place(life: SimLife, machine: string): void {
    this.#machineOf.set(life, machine)
  }

  // N2
  partition(a: string, b: string, direction: 'both' | 'one-way' = 'both'): void {
    this.counts.partitions++
    this.#cuts.add(cutKey(a, b))
    if (direction === 'both') this.#cuts.add(cutKey(b, a))
  }

  heal(a: string, b: string): void {
    this.#cuts.delete(cutKey(a, b))
    this.#cuts.delete(cutKey(b, a))
    for (const end of this.#ends) end.onHealed()
  }

  healAll(): void {
    this.#cuts.clear()
    for (const end of this.#ends) end.onHealed()
  }

  /** Breaks one connection between two machines, or within one; false: there is none. */
  breakOne(): boolean {
    const dialed = [...this.#ends].filter((end) => end.isDialer && end.isOpen)
    const end = dialed[below(this.random, dialed.length)]
    if (end === undefined) return false
    this.counts.breaks++
    end.breakBoth()
    return true
  }

  /**
   * A process is over; call it behind `SimLife.end`. `process`: its machine goes on and tells its peers. `machine`: it lost power, and all
   * that ran on it has to be ended so. N3
   */
  endLife(life: SimLife, what: 'process' | 'machine'): void {
    assert(life.isOver, 'a life is over before its connections end')
    const machine = this.#machineOf.get(life)
    for (const [key, listener] of this.#listeners) if (listener.life === life) this.#listeners.delete(key)
    if (what === 'machine' && machine !== undefined) this.#up.delete(machine)
    for (const end of this.#ends) if (end.life === life) end.onLifeOver(what)
  }

  get openEndCount(): number {
    return this.#ends.size
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(cutKey(from, to))
  }

  isUp(machine: string): boolean {
    return this.#up.has(machine)
  }

  drawDelayMs(): number {
    const slow = below(this.random, SLOW_ONE_IN) === 0 ? SLOW_FACTOR : 1
    return this.random.fraction() * this.#delayMaxMs * slow * this.slowFactor
  }

  forget(end: SimConnection): void {
    this.#ends.delete(end)
  }

  /** Runs at the life's own pace, a moment later. */
  #later(life: SimLife, label: string, delayMs = this.drawDelayMs()): Promise<void> {
    return new Promise((resolve) => void this.scheduler.after(life, delayMs, label, resolve))
  }

  async #listen(address: NetworkAddress, listener: SimListener): Promise<Listener> {
    const what = `listen on ${address.host}:${address.port}`
    await this.#later(listener.life, what, 0)
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

  #connect(dialing: Dialing): Promise<Connection> {
    const { life, address, timeoutMs } = dialing
    const what = `connect to ${address.host}:${address.port}`
    return new Promise((resolve, reject) => {
      const limit = this.scheduler.after(life, timeoutMs, `${what} timed out`, () =>
        settle(new NetworkError('timeout', what)),
      )
      let isSettled = false
      const settle = (outcome: Connection | NetworkError): void => {
        if (isSettled) return void (outcome instanceof NetworkError || outcome.destroy())
        isSettled = true
        limit.cancel()
        if (outcome instanceof NetworkError) {
          this.counts.failedConnects++
          reject(outcome)
        } else {
          this.counts.connects++
          resolve(outcome)
        }
      }
      this.scheduler.after(life, this.drawDelayMs(), what, () => this.#knock(dialing, what, settle))
    })
  }

  /** The request arrives. No answer comes through a partition or from a machine without power: the limit ends it. */
  #knock({ life, here, address }: Dialing, what: string, settle: (outcome: Connection | NetworkError) => void): void {
    const machine = machineOf(address, here)
    const answer = (outcome: Connection | NetworkError): void =>
      void this.scheduler.after(life, this.drawDelayMs(), what, () => settle(outcome))
    if (!this.#known.has(machine)) return answer(new NetworkError('unreachable', what))
    if (!this.#up.has(machine) || this.isCut(here, machine) || this.isCut(machine, here)) return
    const listener = this.#listeners.get(portKey(machine, address.port))
    if (listener === undefined) return answer(new NetworkError('refused', what))
    const remote = { near: `${address.host}:${address.port}`, far: `${here}:${this.#freePort++}` }
    const near = new SimConnection(this, { life, machine: here, remote: remote.near, role: 'dialer' })
    const far = new SimConnection(this, { life: listener.life, machine, remote: remote.far, role: 'acceptor' })
    near.join(far)
    this.#ends.add(near).add(far)
    this.scheduler.after(listener.life, this.drawDelayMs(), 'connection', () => listener.onConnection(far))
    answer(near)
  }
}

function cutKey(from: string, to: string): string {
  return `${from}>${to}`
}
