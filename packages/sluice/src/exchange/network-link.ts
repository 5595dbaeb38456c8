/**
 * A `DataLink` over a connection, which may come later than the first frames.
 *
 * Owns: what waits for the connection, the signs of life, how the link ends. Does not own: who dials and who may (taskmanager/data-server.ts), what
 * frames mean.
 *
 * K1 Frames are sent in the order posted; those posted before the connection is there wait. Credits bound the batches among them, and the time
 *    that whoever makes the connection waits for it bounds the rest.
 * K2 The link breaks once. It says so `toldAfterMs` later: whoever ended the other side has a better reason, and is heard first. Nothing is
 *    delivered or sent after the break.
 * K3 A sign of life goes out every `aliveIntervalMs` in which nothing else was sent. Silence of the other side counts only while this thread
 *    moves: one look adds at most twice the interval, and what came meanwhile is delivered before the next look.
 * K4 A side that ends on purpose says `bye`. The other one is about to be told to end, too: only if that does not happen within
 *    `byeWaitMs` has the link broken.
 * K5 After `close` nobody is told anything.
 */
import type { Connection, Env, Timer } from '../base/env.ts'
import type { EngineError } from '../base/errors.ts'
import { NetworkError } from '../base/network-error.ts'
import { decodeFrame, encodeHead, type LinkFrame } from './data-frames.ts'
import type { DataFrame, DataLink } from './data-link.ts'
import { ElementQueue } from './element-queue.ts'

export interface LinkLimits {
  /** Milliseconds between two signs of life, and between two looks for the other side's. */
  readonly aliveIntervalMs: number
  /**
   * Milliseconds of silence after which the other side is given up. Longer than a user function may keep its thread: a slot thread that is
   * inside one sends nothing.
   */
  readonly silenceMaxMs: number
  readonly toldAfterMs: number
  readonly byeWaitMs: number
}

export interface NetworkLinkOptions {
  readonly env: Env
  readonly limits: LinkLimits
  /** The error for the slot's owner: between which slots, and what to do. */
  readonly describe: (cause: Error) => EngineError
  /** The link is of no use any more: it broke or was closed. Called once. */
  onGone(): void
}

type LinkState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'open' | 'parted'; readonly connection: Connection }
  | { readonly kind: 'broken' | 'closed' }

export class NetworkLink implements DataLink {
  readonly #options: NetworkLinkOptions
  readonly #unsent = new ElementQueue<DataFrame>()
  /** Frames that came before there was a receiver. */
  readonly #unread = new ElementQueue<DataFrame>()
  #state: LinkState = { kind: 'waiting' }
  #onFrame: ((frame: DataFrame) => void) | undefined
  #onBroken: ((error: EngineError) => void) | undefined
  #error: EngineError | undefined
  #timer: Timer | undefined
  #hasSent = false
  #hasHeard = false
  #silentMs = 0
  #lookedAtMs = 0

  constructor(options: NetworkLinkOptions) {
    this.#options = options
  }

  get isWaiting(): boolean {
    return this.#state.kind === 'waiting'
  }

  post(frame: DataFrame): void {
    if (this.#state.kind === 'open') this.#send(this.#state.connection, frame)
    else if (this.#state.kind === 'waiting') this.#unsent.push(frame)
  }

  receive(onFrame: (frame: DataFrame) => void): void {
    this.#onFrame = onFrame
    if (this.#unread.size > 0) this.#options.env.turns.next(() => this.#deliverUnread())
  }

  onBroken(listener: (error: EngineError) => void): void {
    this.#onBroken = listener
    const error = this.#error
    if (error !== undefined) this.#options.env.turns.next(() => listener(error))
  }

  /** The connection is there: both sides know who the other one is. */
  attach(connection: Connection): void {
    if (this.#state.kind !== 'waiting') return connection.destroy()
    this.#state = { kind: 'open', connection }
    connection.receive({
      onFrame: (bytes) => this.#onBytes(bytes),
      onClosed: (error) => this.#onClosed(error ?? new NetworkError('reset', 'the other side closed the connection')),
    })
    for (let next = this.#unsent.shift(); next !== undefined; next = this.#unsent.shift()) this.#send(connection, next)
    this.#lookedAtMs = this.#options.env.clock.monotonicMs()
    this.#scheduleLook()
  }

  /** The connection cannot be made, or is of no use. */
  break(cause: NetworkError | EngineError): void {
    if (this.#state.kind === 'broken' || this.#state.kind === 'closed') return
    const { env, limits, describe } = this.#options
    this.#end('broken')
    this.#timer = env.timers.after(limits.toldAfterMs, () => {
      this.#error = describe(cause)
      this.#onBroken?.(this.#error)
    })
  }

  close(): void {
    if (this.#state.kind === 'closed') return
    if (this.#state.kind === 'open') this.#send(this.#state.connection, { kind: 'bye' })
    this.#timer?.cancel()
    this.#onBroken = undefined
    this.#end('closed')
  }

  #send(connection: Connection, frame: LinkFrame): void {
    this.#hasSent = true
    if (frame.kind === 'batch') return connection.send(encodeHead(frame), frame.bytes)
    connection.send(encodeHead(frame))
    if (frame.kind === 'credit') connection.flush?.() // a turn may take two milliseconds, and the producer stands still
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#state.kind !== 'open') return
    this.#hasHeard = true
    try {
      this.#onLinkFrame(decodeFrame(bytes))
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error
      this.break(error)
    }
  }

  #onLinkFrame(frame: LinkFrame): void {
    if (frame.kind === 'alive') return
    if (frame.kind === 'bye') return this.#part()
    if (this.#onFrame === undefined || this.#unread.size > 0) this.#unread.push(frame)
    else this.#onFrame(frame)
  }

  // K4
  #onClosed(cause: NetworkError): void {
    if (this.#state.kind === 'open') this.break(cause)
  }

  #deliverUnread(): void {
    for (let next = this.#unread.shift(); next !== undefined; next = this.#unread.shift()) this.#onFrame?.(next)
  }

  // K4
  #part(): void {
    if (this.#state.kind !== 'open') return
    const { env, limits } = this.#options
    this.#state = { kind: 'parted', connection: this.#state.connection }
    this.#timer?.cancel()
    this.#timer = env.timers.after(limits.byeWaitMs, () =>
      this.break(new NetworkError('reset', 'the other side ended the attempt')),
    )
  }

  #scheduleLook(): void {
    const { env, limits } = this.#options
    this.#timer = env.timers.after(limits.aliveIntervalMs, () => this.#look())
  }

  // K3
  #look(): void {
    if (this.#state.kind !== 'open') return
    const { env, limits } = this.#options
    const nowMs = env.clock.monotonicMs()
    const sinceMs = Math.min(nowMs - this.#lookedAtMs, 2 * limits.aliveIntervalMs)
    this.#silentMs = this.#hasHeard ? 0 : this.#silentMs + sinceMs
    this.#lookedAtMs = nowMs
    this.#hasHeard = false
    if (this.#silentMs >= limits.silenceMaxMs)
      return this.break(new NetworkError('timeout', `nothing was heard for ${Math.round(this.#silentMs)} ms`))
    if (!this.#hasSent) this.#send(this.#state.connection, { kind: 'alive' })
    this.#hasSent = false
    this.#scheduleLook()
  }

  #end(kind: 'broken' | 'closed'): void {
    const before = this.#state
    this.#state = { kind }
    this.#unsent.clear()
    this.#unread.clear()
    if (before.kind === 'broken') return
    this.#timer?.cancel()
    if (before.kind === 'open' || before.kind === 'parted') {
      if (kind === 'closed') before.connection.close()
      else before.connection.destroy()
    }
    this.#options.onGone()
  }
}
