/**
 * Messages over a connection, each a frame of one encoded value.
 *
 * Owns: encoding, the limit of one message, refusing what is no message. Does not own: what messages mean, the connection's beginning (handshake.ts).
 *
 * C1 A message arrives as it was sent (serde/value-codec.ts, V1) and has passed `check`; whatever has not ends the connection.
 * C2 A message that is too large is refused at the sender, which goes on: nothing of it was sent.
 */
import { bytesToValue, valueToBytes } from '../serde/value-codec.ts'
import type { Connection } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { NetworkError } from '../base/network-error.ts'
import { FRAME_BYTES_MAX } from './frame-codec.ts'

export interface ControlLinkOptions<In> {
  /** Gives the value back as a message, or throws. */
  readonly check: (value: unknown) => In
  /** Longest message in bytes; that of the handshake's `frameBytesMax`. Default: 64 MiB. */
  readonly messageBytesMax?: number
}

export interface ControlReceiver<In> {
  onMessage(message: In): void
  /** Once, as the last call; not after `close` or `destroy` of this side. `protocol`: something came that is no message. */
  onClosed(error: NetworkError | undefined): void
}

export class ControlLink<In, Out> {
  readonly #connection: Connection
  readonly #check: (value: unknown) => In
  readonly #messageBytesMax: number

  constructor(connection: Connection, { check, messageBytesMax = FRAME_BYTES_MAX }: ControlLinkOptions<In>) {
    this.#connection = connection
    this.#check = check
    this.#messageBytesMax = messageBytesMax
  }

  get remote(): string {
    return this.#connection.remote
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes
  }

  /** Throws SER1001 for what cannot be encoded and NET1020 for what is too large. Dropped when the link is closed. */
  sendMessage(message: Out): void {
    const bytes = valueToBytes(message)
    if (bytes.length > this.#messageBytesMax) throw tooLarge(message, bytes.length, this.#messageBytesMax) // C2
    this.#connection.send(bytes)
  }

  receive(receiver: ControlReceiver<In>): void {
    this.#connection.receive({
      onFrame: (bytes) => {
        const message = this.#decode(bytes)
        if (!(message instanceof NetworkError)) return receiver.onMessage(message.value)
        this.#connection.destroy() // C1
        receiver.onClosed(message)
      },
      onClosed: (error) => receiver.onClosed(error),
    })
  }

  /** Sends what is queued, then ends. Idempotent. */
  close(): void {
    this.#connection.close()
  }

  /** Idempotent. */
  destroy(): void {
    this.#connection.destroy()
  }

  #decode(bytes: Uint8Array): { readonly value: In } | NetworkError {
    try {
      return { value: this.#check(bytesToValue(bytes)) }
    } catch (thrown) {
      return new NetworkError('protocol', `a message of ${this.remote} is no message (${messageOf(thrown)})`, thrown)
    }
  }
}

function tooLarge(message: unknown, byteCount: number, limit: number): EngineError {
  return new EngineError(
    'NET1020',
    `a message "${kindOf(message)}" of ${byteCount} bytes is larger than the limit of ${limit}. It was not sent; the connection stays. ` +
      'Keep what a checkpoint holds in operator state and in splits small, or raise network.frameBytesMax on all processes.',
  )
}

function kindOf(message: unknown): string {
  return typeof message === 'object' && message !== null && 'kind' in message ? String(message.kind) : typeof message
}
