/** One end of a simulated connection: sim-network.ts, N1 to N4. */
import { assert } from '../base/assert.ts'
import type { Connection, ConnectionReceiver } from '../base/env.ts'
import { NetworkError } from '../base/network-error.ts'
import { below } from '../base/random.ts'
import { ConnectionInbox } from '../control/connection-inbox.ts'
import { FRAME_BYTES_MAX, STRANGER_FRAME_BYTES_MAX } from '../control/frame-codec.ts'
import { joined } from './memory-network.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimLife } from './sim-scheduler.ts'

export interface SimPlace {
  readonly life: SimLife
  readonly machine: string
  readonly remote: string
  readonly role: 'dialer' | 'acceptor'
}

type Parcel =
  | { readonly kind: 'frame'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }

/** Sent bytes that the system keeps for itself before a sender sees them in `queuedBytes`. */
const SYSTEM_BUFFER_BYTES = 256 * 1024

export class SimConnection implements Connection {
  readonly remote: string
  readonly life: SimLife
  readonly machine: string
  readonly isDialer: boolean
  readonly #network: SimNetwork
  readonly #inbox: ConnectionInbox
  /** What this end sent and what has not arrived, oldest first. */
  readonly #underWay: Parcel[] = []
  /** What has reached the machine of this end and waits for its process, oldest first. */
  readonly #atDoor: Parcel[] = []
  /** Parcels of `#underWay`, from its start, whose moment came during a partition. */
  #heldCount = 0
  #underWayBytes = 0
  #peer: SimConnection | undefined
  #bytesMax = STRANGER_FRAME_BYTES_MAX
  #isOpen = true

  constructor(network: SimNetwork, { life, machine, remote, role }: SimPlace) {
    this.#network = network
    this.life = life
    this.machine = machine
    this.remote = remote
    this.isDialer = role === 'dialer'
    this.#inbox = new ConnectionInbox({
      next: (run) => void network.scheduler.after(life, 0, 'frames that waited', run),
    })
  }

  join(peer: SimConnection): void {
    this.#peer = peer
    peer.#peer = this
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get queuedBytes(): number {
    return Math.max(0, this.#underWayBytes - SYSTEM_BUFFER_BYTES)
  }

  send(frame: Uint8Array, rest?: Uint8Array): void {
    if (!this.#isOpen || this.life.isOver) return
    const bytes = joined(frame, rest)
    assert(bytes.length <= FRAME_BYTES_MAX, 'a frame is within its limit before it is sent', { length: bytes.length })
    this.#underWayBytes += bytes.length
    if (this.#underWayBytes > this.#network.underWayBytesPeak) this.#network.underWayBytesPeak = this.#underWayBytes
    this.#dispatch({ kind: 'frame', bytes })
  }

  receive(receiver: ConnectionReceiver | undefined): void {
    this.#inbox.setReceiver(receiver)
  }

  limitFrames(bytesMax: number): void {
    this.#bytesMax = bytesMax
  }

  close(): void {
    if (this.#finish()) this.#dispatch({ kind: 'end' })
  }

  destroy(): void {
    if (!this.#finish()) return
    this.#loseTail()
    this.#dispatch({ kind: 'reset' })
  }

  /** Something between the two ends broke: each side is told in its time, and what is under way is cut somewhere. */
  breakBoth(): void {
    for (const end of this.#bothEnds()) {
      end.#loseTail()
      end.#dispatch({ kind: 'reset' })
    }
  }

  // N3, N4
  onLifeOver(what: 'process' | 'machine'): void {
    if (!this.#finish()) return
    this.#loseTail()
    if (what === 'process') return this.#dispatch({ kind: 'reset' })
    this.#network.counts.halfOpen++
  }

  onHealed(): void {
    for (const end of this.#bothEnds()) end.#deliverHeld()
  }

  #bothEnds(): readonly SimConnection[] {
    return this.#peer === undefined ? [this] : [this, this.#peer]
  }

  #deliverHeld(): void {
    const held = this.#heldCount
    if (held === 0 || this.#isCutOff()) return
    this.#heldCount = 0
    for (let i = 0; i < held; i++) this.#scheduleArrival()
  }

  // N1: each parcel has a moment; which one arrives at it is given by the order of sending.
  #dispatch(parcel: Parcel): void {
    this.#underWay.push(parcel)
    this.#scheduleArrival()
  }

  #scheduleArrival(): void {
    const peer = this.#peer
    if (peer === undefined) return
    const { scheduler, wire } = this.#network
    scheduler.after(wire, this.#network.drawDelayMs(), 'frame on its way', () => this.#reachNext(peer))
  }

  #isCutOff(): boolean {
    const to = this.#peer?.machine ?? this.machine
    return this.#network.isCut(this.machine, to)
  }

  /** The oldest parcel comes to the other machine. */
  #reachNext(peer: SimConnection): void {
    if (this.#isCutOff()) {
      this.#heldCount++
      this.#network.counts.framesHeld++
      return
    }
    const parcel = this.#underWay.shift()
    if (parcel === undefined) return // its place was cut off
    if (!peer.#isOpen) return peer.#refuse(parcel)
    peer.#atDoor.push(parcel)
    this.#network.scheduler.after(peer.life, 0, 'frame', () => peer.#takeNext(this))
  }

  #takeNext(from: SimConnection): void {
    const parcel = this.#atDoor.shift()
    if (parcel === undefined) return
    if (parcel.kind === 'frame') from.#leave(parcel.bytes.length)
    this.#arrive(parcel)
  }

  #leave(bytes: number): void {
    const before = this.queuedBytes
    this.#underWayBytes -= bytes
    if (before > 0 && this.queuedBytes === 0) this.#soon('drained', () => this.#inbox.drained())
  }

  #arrive(parcel: Parcel): void {
    if (!this.#isOpen) return this.#refuse(parcel)
    switch (parcel.kind) {
      case 'frame':
        this.#network.counts.framesArrived++
        return this.#takeFrame(parcel.bytes)
      case 'end':
        return this.#end(undefined)
      case 'reset':
        return this.#end(new NetworkError('reset', `the connection to ${this.remote}`))
    }
  }

  #takeFrame(bytes: Uint8Array): void {
    if (bytes.length <= this.#bytesMax) return this.#inbox.frame(bytes)
    this.#dispatch({ kind: 'reset' })
    this.#end(
      new NetworkError('protocol', `a frame of ${bytes.length} bytes is longer than the limit of ${this.#bytesMax}`),
    )
  }

  /** Frames to an end that is over: the system there answers with a reset, as it does once for every such frame. */
  #refuse(parcel: Parcel): void {
    if (parcel.kind !== 'frame') return
    this.#network.counts.framesLost++
    if (this.#network.isUp(this.machine)) this.#dispatch({ kind: 'reset' })
  }

  #end(error: NetworkError | undefined): void {
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

  /** Cuts what is under way at a drawn place. */
  #loseTail(): void {
    const kept = below(this.#network.random, this.#underWay.length + 1)
    for (const parcel of this.#underWay.splice(kept)) {
      if (parcel.kind !== 'frame') continue
      this.#underWayBytes -= parcel.bytes.length
      this.#network.counts.framesLost++
    }
  }

  #soon(label: string, run: () => void): void {
    this.#network.scheduler.after(this.life, 0, label, run)
  }
}
