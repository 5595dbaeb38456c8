/** A JobManager on the memory network that does what the test says: for tests of the TaskManager. */
import { present } from '../src/base/assert.ts'
import type { Env, Listener, NetworkAddress } from '../src/base/env.ts'
import { leaderEpoch } from '../src/base/ids.ts'
import type { Secret } from '../src/base/secret.ts'
import type { FromTaskManager, StorageMarker, ToTaskManager } from '../src/control/cluster-messages.ts'
import { ControlLink } from '../src/control/control-link.ts'
import { checkFromTaskManager } from '../src/control/message-checks.ts'
import { listenForLinks, type AuthenticatedLink, type Authority } from '../src/control/handshake.ts'

export const HEARTBEAT_INTERVAL_MS = 1000
export const LEASE_MS = 4000

export interface ScriptedJobManagerOptions {
  readonly env: Env
  readonly address: NetworkAddress
  readonly secret?: Secret
  readonly authority?: Authority
  readonly marker?: StorageMarker
}

export class ScriptedJobManager {
  authority: Authority
  /** Everything that was heard, but heartbeats. */
  readonly heard: FromTaskManager[] = []
  heartbeats = 0
  /** Whether it answers at all, and heartbeats. */
  registers: 'answered' | 'ignored' = 'answered'
  acknowledges = true
  connections = 0
  closed = 0
  readonly #options: ScriptedJobManagerOptions
  #listener: Listener | undefined
  #link: ControlLink<FromTaskManager, ToTaskManager> | undefined

  constructor(options: ScriptedJobManagerOptions) {
    this.#options = options
    this.authority = options.authority ?? { kind: 'leader', epoch: leaderEpoch(1) }
  }

  async listen(): Promise<void> {
    const { env, address, secret } = this.#options
    this.#listener = await listenForLinks(env, address, {
      roles: ['taskmanager'],
      version: '1.0.0',
      secret,
      authority: () => this.authority,
      onLink: (link) => this.#onLink(link),
    })
  }

  async close(): Promise<void> {
    await this.#listener?.close()
    this.#link?.close()
  }

  send(message: ToTaskManager): void {
    present(this.#link, 'a TaskManager at the scripted JobManager').sendMessage(message)
  }

  disconnect(): void {
    this.#link?.close()
  }

  kinds(): readonly string[] {
    return this.heard.map(({ kind }) => kind)
  }

  last<Kind extends FromTaskManager['kind']>(kind: Kind): Extract<FromTaskManager, { kind: Kind }> {
    const found = this.heard.findLast((message) => message.kind === kind)
    return present(found, `a message "${kind}"`) as Extract<FromTaskManager, { kind: Kind }> // found by its kind
  }

  #onLink({ connection }: AuthenticatedLink): void {
    this.connections++
    const link = new ControlLink<FromTaskManager, ToTaskManager>(connection, { check: checkFromTaskManager })
    this.#link = link
    link.receive({
      onMessage: (message) => this.#onMessage(link, message),
      onClosed: () => void this.closed++,
    })
  }

  #onMessage(link: ControlLink<FromTaskManager, ToTaskManager>, message: FromTaskManager): void {
    if (message.kind === 'heartbeat') {
      this.heartbeats++
      if (this.acknowledges) link.sendMessage({ kind: 'heartbeat-ack', seq: message.seq })
      return
    }
    this.heard.push(message)
    if (message.kind !== 'register' || this.registers === 'ignored') return
    const { marker } = this.#options
    link.sendMessage({
      kind: 'registered',
      epoch: this.authority.epoch,
      heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
      leaseMs: LEASE_MS,
      ...(marker === undefined ? {} : { marker }),
    })
  }
}
