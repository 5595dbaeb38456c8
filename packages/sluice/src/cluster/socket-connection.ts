/**
 * A `Connection` over one TCP or TLS socket.
 *
 * Owns: the socket, what has not been written yet, reading only while somebody takes frames. Does not own: how it was opened, silence of the
 * other side (heartbeats find it).
 *
 * S1 Frames sent in one turn are written together, in order, unless they are many or `flush` is called.
 * S2 While nobody takes frames the socket is paused: the other side is held back by TCP.
 * S3 `onClosed` comes once, in a turn of its own, behind every frame that arrived; never after `close` or `destroy`.
 * S4 `close` ends within `CLOSE_LINGER_MS`, whether the other side reads or not.
 */
import type { Socket } from 'node:net'
import type { Connection, ConnectionReceiver, Turns } from '../base/env.ts'
import { NetworkError } from '../base/network-error.ts'
import { ConnectionInbox } from '../control/connection-inbox.ts'
import { FrameDecoder, FrameEncoder } from '../control/frame-codec.ts'
import { networkError } from './network-failures.ts'

/** More than this is written at once instead of at the end of the turn: the other side begins earlier. */
const WRITE_EARLY_BYTES = 64 * 1024
/** S4 */
const CLOSE_LINGER_MS = 5_000

const TURNS: Turns = { next: (run) => void setImmediate(run) }

export class SocketConnection implements Connection {
  readonly remote: string
  readonly #socket: Socket
  readonly #inbox = new ConnectionInbox(TURNS)
  readonly #encoder = new FrameEncoder()
  readonly #decoder = new FrameDecoder((frame) => this.#inbox.frame(frame))
  #state: 'open' | 'over' = 'open'
  #isFlushComing = false
  #failure: unknown

  /** The socket is connected. */
  constructor(socket: Socket) {
    this.#socket = socket
    this.remote = `${bracketed(socket.remoteAddress ?? 'unknown')}:${socket.remotePort ?? 0}`
    socket.pause() // S2
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => void (this.#failure ??= error)) // told by `close`, which follows
    socket.on('close', () => this.#onClose())
  }

  get queuedBytes(): number {
    return this.#encoder.bytes + this.#socket.writableLength
  }

  send(frame: Uint8Array, rest?: Uint8Array): void {
    if (this.#state === 'over') return
    this.#encoder.add(frame, rest)
    if (this.#encoder.bytes >= WRITE_EARLY_BYTES) this.#flush()
    else if (!this.#isFlushComing) {
      this.#isFlushComing = true
      process.nextTick(this.#flushOfTurn)
    }
  }

  flush(): void {
    if (this.#state === 'open') this.#flush()
  }

  receive(receiver: ConnectionReceiver | undefined): void {
    this.#inbox.setReceiver(receiver)
    if (this.#state === 'over') return
    if (receiver === undefined) this.#socket.pause()
    else this.#socket.resume()
  }

  limitFrames(bytesMax: number): void {
    this.#decoder.limit(bytesMax)
  }

  // S4
  close(): void {
    if (this.#state === 'over') return
    this.#flush()
    this.#state = 'over'
    this.#inbox.silence()
    const linger = setTimeout(() => this.#socket.destroy(), CLOSE_LINGER_MS)
    this.#socket.once('close', () => clearTimeout(linger))
    this.#socket.end()
    this.#socket.resume() // what still comes is dropped, and the end is seen
  }

  destroy(): void {
    this.#state = 'over'
    this.#inbox.silence()
    this.#reset()
  }

  // S1
  readonly #flushOfTurn = (): void => {
    this.#isFlushComing = false
    if (this.#state === 'open') this.#flush()
  }

  #flush(): void {
    const pieces = this.#encoder.take()
    if (pieces.length === 0) return
    const socket = this.#socket
    socket.cork()
    for (let i = 0; i < pieces.length - 1; i++) socket.write(pieces[i] ?? NOTHING)
    socket.write(pieces[pieces.length - 1] ?? NOTHING, this.#onWritten)
    socket.uncork()
  }

  readonly #onWritten = (): void => {
    if (this.queuedBytes === 0) this.#inbox.drained()
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'over') return
    try {
      this.#decoder.push(chunk)
    } catch (thrown) {
      if (!(thrown instanceof NetworkError)) throw thrown // of the receiver
      this.#fail(thrown)
    }
  }

  #onEnd(): void {
    if (this.#decoder.isBetweenFrames) return
    this.#failure ??= new NetworkError('reset', `the connection to ${this.remote} ended inside a frame`)
  }

  // S3
  #onClose(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    const what = `the connection to ${this.remote}`
    this.#inbox.end(this.#failure === undefined ? undefined : networkError(what, this.#failure))
  }

  #fail(error: NetworkError): void {
    this.#state = 'over'
    this.#reset()
    TURNS.next(() => this.#inbox.end(error))
  }

  /** The other side is to learn that this was no orderly end. */
  #reset(): void {
    if ('encrypted' in this.#socket || this.#socket.destroyed) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }
}

const NOTHING = new Uint8Array(0)

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
