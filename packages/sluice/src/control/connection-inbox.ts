/**
 * What came over a connection and has not been handed out: one half of every `Connection` (base/env.ts).
 *
 * Owns: the receiver, what waits for it, the order. Does not own: where frames come from, how to hold the other side back.
 *
 * N1 Frames are handed out once, whole, in the order they came; the end is the last of all, once.
 * N2 What waited is handed out in a later turn than `setReceiver`; what comes while something waits goes behind it.
 * N3 A receiver may take itself away in the middle of a delivery: what is left goes to the next one.
 * N4 After `silence` nothing is handed out any more.
 */
import type { ConnectionReceiver, Turns } from '../base/env.ts'
import type { NetworkError } from '../base/network-error.ts'

interface End {
  readonly error: NetworkError | undefined
}

export class ConnectionInbox {
  readonly #turns: Turns
  readonly #waiting: Uint8Array[] = []
  #receiver: ConnectionReceiver | undefined
  #end: End | undefined
  #isTurnComing = false
  #isSilent = false

  constructor(turns: Turns) {
    this.#turns = turns
  }

  /** Nobody takes frames now: the source should be held back. */
  get isHolding(): boolean {
    return this.#receiver === undefined || this.#isTurnComing
  }

  setReceiver(receiver: ConnectionReceiver | undefined): void {
    this.#receiver = receiver
    if (receiver !== undefined && this.#hasSomething()) this.#deliverLater()
  }

  frame(frame: Uint8Array): void {
    if (this.#isSilent || this.#end !== undefined) return
    if (this.#receiver === undefined || this.#waiting.length > 0) this.#waiting.push(frame)
    else this.#receiver.onFrame(frame)
  }

  end(error: NetworkError | undefined): void {
    if (this.#isSilent || this.#end !== undefined) return
    this.#end = { error }
    if (!this.#isTurnComing) this.#deliverEnd()
  }

  drained(): void {
    if (!this.#isSilent && this.#end === undefined) this.#receiver?.onDrained?.()
  }

  // N4
  silence(): void {
    this.#isSilent = true
    this.#waiting.length = 0
    this.#receiver = undefined
  }

  #hasSomething(): boolean {
    return this.#waiting.length > 0 || this.#end !== undefined
  }

  // N2
  #deliverLater(): void {
    if (this.#isTurnComing || this.#isSilent) return
    this.#isTurnComing = true
    this.#turns.next(() => {
      this.#isTurnComing = false
      this.#deliver()
    })
  }

  #deliver(): void {
    let taken = 0
    try {
      while (taken < this.#waiting.length && this.#receiver !== undefined) {
        const frame = this.#waiting[taken++] // counted first: a frame at which the receiver throws does not come again
        if (frame !== undefined) this.#receiver.onFrame(frame) // N3
      }
    } finally {
      this.#waiting.splice(0, taken)
    }
    this.#deliverEnd()
  }

  #deliverEnd(): void {
    const [receiver, end] = [this.#receiver, this.#end]
    if (receiver === undefined || end === undefined || this.#waiting.length > 0) return
    this.silence() // N1: nothing comes behind it
    receiver.onClosed(end.error)
  }
}
