/**
 * One connection to a JobManager: opened, proved, then for messages.
 *
 * Owns: the connection. Does not own: when to connect, what to say (task-manager-machine.ts).
 *
 * N1 The listener is never called inside a call to this, and not after `close` or `destroy`.
 */
import { assert } from '../base/assert.ts'
import type { Connection, Env, NetworkAddress } from '../base/env.ts'
import { asEngineError, EngineError, errorToData, type ErrorData } from '../base/errors.ts'
import { leaderEpoch, type LeaderEpoch } from '../base/ids.ts'
import { addressText } from '../base/network-address.ts'
import { NetworkError } from '../base/network-error.ts'
import type { Secret } from '../base/secret.ts'
import type { FromTaskManager, ToTaskManager } from '../control/cluster-messages.ts'
import { ControlLink } from '../control/control-link.ts'
import { unreachableAt } from '../control/handshake-errors.ts'
import { HandshakeError, introduce } from '../control/handshake.ts'
import { checkToTaskManager } from '../control/message-checks.ts'

interface Refusal {
  readonly error: ErrorData
  /** Where the leader is, if the other side says so. */
  readonly leader: NetworkAddress | undefined
}

interface LeaderListener {
  onConnected(): void
  onWelcomed(epoch: LeaderEpoch): void
  /** The connection cannot be made, or the handshake failed. */
  onRefused(refusal: Refusal): void
  onMessage(message: ToTaskManager): void
  onClosed(error: ErrorData): void
}

export interface LeaderLinkOptions {
  readonly env: Env
  readonly address: NetworkAddress
  readonly secret: Secret | undefined
  readonly version: string
  readonly listener: LeaderListener
}

type LinkState =
  | { readonly kind: 'new' | 'connecting' | 'over' }
  | { readonly kind: 'connected'; readonly connection: Connection }
  | { readonly kind: 'open'; readonly link: ControlLink<ToTaskManager, FromTaskManager> }

export class LeaderLink {
  readonly #options: LeaderLinkOptions
  #state: LinkState = { kind: 'new' }

  constructor(options: LeaderLinkOptions) {
    this.#options = options
  }

  connect(timeoutMs: number): void {
    const { env, address, listener } = this.#options
    this.#state = { kind: 'connecting' }
    env.network.connect(address, timeoutMs).then(
      (connection) => {
        if (this.#state.kind !== 'connecting') return connection.destroy()
        this.#state = { kind: 'connected', connection }
        listener.onConnected()
      },
      (thrown: unknown) => this.#refuse(thrown instanceof NetworkError ? unreachableAt(address, thrown) : thrown),
    )
  }

  handshake(knownEpoch: LeaderEpoch | undefined, handshakeMs: number): void {
    const { env, secret, version } = this.#options
    assert(this.#state.kind === 'connected', 'a handshake without a connection', { state: this.#state.kind })
    const epoch = knownEpoch ?? leaderEpoch(0)
    introduce(env, this.#state.connection, {
      role: 'taskmanager',
      version,
      secret,
      epoch,
      limits: { handshakeMs },
    }).then(
      (link) => this.#open(link.connection, link.epoch),
      (thrown: unknown) => this.#refuse(thrown),
    )
  }

  /** The error when the message is too large to be sent; the connection stays. Dropped when the link is not open. */
  send(message: FromTaskManager): EngineError | undefined {
    if (this.#state.kind !== 'open') return undefined
    try {
      this.#state.link.sendMessage(message)
      return undefined
    } catch (thrown) {
      return asEngineError(thrown, 'INT1001', `a message "${message.kind}" to the JobManager cannot be sent`)
    }
  }

  /** Sends what is queued, then ends. Idempotent. */
  close(): void {
    if (this.#state.kind === 'open') this.#state.link.close()
    else this.#destroyConnection()
    this.#state = { kind: 'over' }
  }

  /** Idempotent. */
  destroy(): void {
    if (this.#state.kind === 'open') this.#state.link.destroy()
    else this.#destroyConnection()
    this.#state = { kind: 'over' }
  }

  #destroyConnection(): void {
    if (this.#state.kind === 'connected') this.#state.connection.destroy()
  }

  #open(connection: Connection, epoch: LeaderEpoch): void {
    if (this.#state.kind !== 'connected') return connection.destroy()
    const { listener } = this.#options
    const link = new ControlLink<ToTaskManager, FromTaskManager>(connection, { check: checkToTaskManager })
    this.#state = { kind: 'open', link }
    link.receive({
      onMessage: (message) => void (this.#state.kind === 'open' && listener.onMessage(message)),
      onClosed: (error) => this.#onClosed(error),
    })
    listener.onWelcomed(epoch)
  }

  #refuse(thrown: unknown): void {
    if (this.#state.kind === 'over') return
    const { listener, address } = this.#options
    this.#state = { kind: 'over' }
    const error = asEngineError(thrown, 'INT1001', `the handshake with ${addressText(address)} failed`)
    listener.onRefused({
      error: errorToData(error),
      leader: thrown instanceof HandshakeError ? thrown.leader : undefined,
    })
  }

  #onClosed(error: NetworkError | undefined): void {
    if (this.#state.kind !== 'open') return
    this.#state = { kind: 'over' }
    const { listener, address } = this.#options
    listener.onClosed(errorToData(connectionEnded(address, error)))
  }
}

function connectionEnded(address: NetworkAddress, cause: NetworkError | undefined): EngineError {
  const how = cause === undefined ? 'was closed by the other side' : `broke: ${cause.message}`
  return new EngineError(
    'NET1002',
    `the connection to the JobManager at ${addressText(address)} ${how}. The slots that it used are ended, because their jobs may be started elsewhere, and this TaskManager looks for a leader. Check whether the JobManager still runs, and the network between the machines`,
    { cause },
  )
}
