/**
 * The JobManager's side of the connections to the TaskManagers. Spec: docs/spec/control.md, docs/spec/scheduling.md ("Registration").
 *
 * Owns: the port, registration, heartbeats and silence, questions, artifacts on their way. Does not own: the handshake (control/handshake.ts),
 * leadership (told by `lead` and `follow`), slots (the listener, slot-manager.ts).
 *
 * T1 Nobody is registered while this JobManager does not lead; every connection belongs to one epoch.
 * T2 A TaskManager is told to the listener once when it joins and once when it is gone; what it reports comes in between.
 * T3 Every wait has a limit: the registration of a connection, silence, an answer, an artifact.
 * T4 What is sent to a TaskManager that is not registered is dropped: its slots are lost, or it was told to be gone.
 */
import { assert } from '../base/assert.ts'
import type { Env, Listener, NetworkAddress, Timer } from '../base/env.ts'
import { type EngineError, asEngineError, errorToData } from '../base/errors.ts'
import { type LeaderEpoch, type TaskManagerId, leaderEpoch } from '../base/ids.ts'
import { NetworkError } from '../base/network-error.ts'
import type { Secret } from '../base/secret.ts'
import type {
  FromTaskManager,
  InfoQuestion,
  StorageMarker,
  TaskManagerFacts,
  ToTaskManager,
} from '../control/cluster-messages.ts'
import { ControlLink } from '../control/control-link.ts'
import { type AuthenticatedLink, type Authority, listenForLinks } from '../control/handshake.ts'
import { silenceLimits } from '../control/heartbeat.ts'
import { checkFromTaskManager } from '../control/message-checks.ts'
import { type ArtifactReader, ArtifactShelf } from './artifact-shelf.ts'
import type { ControlEvent } from './control-events.ts'
import {
  cannotListen,
  clockDiffers,
  connectionClosed,
  doesNotRead,
  leaves,
  noTaskManager,
  notRegistered,
  registeredAgain,
  saidNonsense,
  silentFor,
  steppedDown,
  versionDiffers,
} from './control-words.ts'
import { OpenQuestions } from './open-questions.ts'
import type { TaskManagerLinks } from './slot-manager.ts'
import {
  type HeardAt,
  TaskManagerRecord,
  TaskManagerRegistry,
  type TaskManagerListener,
} from './task-manager-registry.ts'

export interface ControlSettings {
  readonly heartbeatIntervalMs: number
  readonly heartbeatTimeoutMs: number
  /** Shorter than the timeout: a TaskManager that is cut off has ended its tasks before they start elsewhere. */
  readonly leaseMs: number
  /** Default 10 s. */
  readonly registerTimeoutMs?: number
  /** Default 5 s. */
  readonly askTimeoutMs?: number
  /** Longest message. Default: that of the handshake. */
  readonly frameBytesMax?: number
}

export interface ControlServerOptions {
  readonly env: Env
  readonly listen: NetworkAddress
  readonly secret: Secret | undefined
  readonly version: string
  readonly settings: ControlSettings
  readonly readArtifact: ArtifactReader
  readonly listener: (event: ControlEvent) => void
}

export interface ControlServer extends TaskManagerLinks {
  /** Takes connections; until `lead` they are refused. Rejects with NET1005 when the address cannot be used. */
  start(): Promise<NetworkAddress>
  /** After `start`. */
  address(): NetworkAddress
  /** From now on TaskManagers register, under this epoch. */
  lead(epoch: LeaderEpoch, marker: StorageMarker | undefined): void
  /** Leads no more, if it did: all TaskManagers are gone. Who asks is sent to `leader`; `epoch`: the highest that is known. */
  follow(leader: NetworkAddress | undefined, epoch?: LeaderEpoch): void
  /** Rejects with CLU1009, or with the error that the TaskManager answers. */
  ask(taskManager: TaskManagerId, question: InfoQuestion): Promise<string>
  /** Idempotent. */
  stop(): Promise<void>
}

/** Artifact parts that one TaskManager may ask for at once. */
export const ASKED_MAX = 16
/** Bytes that may wait to be sent to one TaskManager: a few deployments of the largest kind. */
const QUEUED_BYTES_MAX = 256 * 1024 * 1024
const CLOCK_DIFFERENCE_MAX_MS = 5000
/** Connections that have shaken hands and not registered. */
const STRANGERS_MAX = 256
const REGISTER_TIMEOUT_MS = 10_000

type Link = ControlLink<FromTaskManager, ToTaskManager>

/** One connection behind the handshake. */
interface Session {
  readonly link: Link
  readonly registerLimit: Timer
  record: TaskManagerRecord<Link> | undefined
  askedCount: number
}

type Role =
  | { readonly kind: 'leader'; readonly epoch: LeaderEpoch; readonly marker: StorageMarker | undefined }
  | { readonly kind: 'standby'; readonly epoch: LeaderEpoch; readonly leader: NetworkAddress | undefined }

export function createControlServer(options: ControlServerOptions): ControlServer {
  return new Server(options)
}

class Server implements ControlServer {
  readonly #options: ControlServerOptions
  readonly #shelf: ArtifactShelf
  readonly #registry = new TaskManagerRegistry<Link>()
  readonly #strangers = new Set<Session>()
  readonly #questions: OpenQuestions
  #listener: TaskManagerListener | undefined
  #port: Listener | undefined
  #role: Role = { kind: 'standby', epoch: leaderEpoch(0), leader: undefined }
  #watch: Timer | undefined

  constructor(options: ControlServerOptions) {
    this.#options = options
    this.#shelf = new ArtifactShelf(options.env, options.readArtifact)
    this.#questions = new OpenQuestions(options.env, options.settings.askTimeoutMs)
  }

  attach(listener: TaskManagerListener): void {
    assert(this.#listener === undefined, 'two slot managers share one control server')
    this.#listener = listener
  }

  async start(): Promise<NetworkAddress> {
    const { env, listen, secret, version, settings, listener } = this.#options
    const { frameBytesMax } = settings
    try {
      this.#port = await listenForLinks(env, listen, {
        roles: ['taskmanager'],
        version,
        secret,
        authority: (): Authority => this.#role,
        limits: frameBytesMax === undefined ? {} : { frameBytesMax },
        onLink: (link) => this.#onLink(link),
        onRefused: (error, remote) => listener({ kind: 'connection-refused', remote, error: errorToData(error) }),
      })
    } catch (thrown) {
      throw thrown instanceof NetworkError ? cannotListen(listen, thrown) : thrown
    }
    return this.#port.address
  }

  address(): NetworkAddress {
    return this.#port?.address ?? this.#options.listen
  }

  epoch(): LeaderEpoch | undefined {
    return this.#role.kind === 'leader' ? this.#role.epoch : undefined
  }

  taskManagers(): readonly TaskManagerRecord<Link>[] {
    return this.#registry.all()
  }

  lead(epoch: LeaderEpoch, marker: StorageMarker | undefined): void {
    if (this.#role.kind === 'leader') this.stepDown()
    this.#role = { kind: 'leader', epoch, marker }
    this.#watchSilence()
  }

  follow(leader: NetworkAddress | undefined, epoch: LeaderEpoch = this.#role.epoch): void {
    this.stepDown()
    this.#role = { kind: 'standby', epoch, leader }
  }

  stepDown(): void {
    if (this.#role.kind === 'standby') return
    this.#role = { kind: 'standby', epoch: this.#role.epoch, leader: undefined }
    this.#watch?.cancel()
    for (const session of this.#strangers) this.#forgetStranger(session).link.destroy()
    for (const record of this.#registry.all()) this.#lose(record, steppedDown(record.facts))
    this.#shelf.clear()
  }

  async stop(): Promise<void> {
    this.stepDown()
    await this.#port?.close()
  }

  // T4
  send(taskManager: TaskManagerId, message: ToTaskManager): void {
    const record = this.#registry.get(taskManager)
    if (record === undefined) return
    try {
      record.link.sendMessage(message)
    } catch (thrown) {
      this.#unsendable(record, message, asEngineError(thrown, 'INT1001', 'a message could not be sent'))
    }
    if (record.link.queuedBytes <= QUEUED_BYTES_MAX) return
    this.#options.env.turns.next(() => this.#lose(record, doesNotRead(record.facts, QUEUED_BYTES_MAX)))
  }

  // T3
  ask(taskManager: TaskManagerId, question: InfoQuestion): Promise<string> {
    const record = this.#registry.get(taskManager)
    if (record === undefined) return Promise.reject(noTaskManager(taskManager))
    const { request, answer } = this.#questions.open(record.facts)
    if (request !== undefined) this.send(taskManager, { kind: 'ask', request, question })
    return answer
  }

  // T1
  #onLink({ connection, epoch }: AuthenticatedLink): void {
    if (epoch !== this.epoch() || this.#strangers.size >= STRANGERS_MAX) return connection.destroy()
    const link: Link = new ControlLink(connection, { check: checkFromTaskManager })
    const timeoutMs = this.#options.settings.registerTimeoutMs ?? REGISTER_TIMEOUT_MS
    const registerLimit = this.#options.env.timers.after(timeoutMs, () => {
      this.#forgetStranger(session).link.destroy()
      const error = errorToData(notRegistered(link.remote, timeoutMs))
      this.#options.listener({ kind: 'connection-refused', remote: link.remote, error })
    })
    const session: Session = { link, registerLimit, record: undefined, askedCount: 0 }
    this.#strangers.add(session)
    link.receive({
      onMessage: (message) => this.#onMessage(session, message),
      onClosed: (error) => this.#onClosed(session, error),
    })
  }

  #onClosed(session: Session, error: NetworkError | undefined): void {
    if (session.record === undefined) this.#forgetStranger(session)
    else this.#lose(session.record, connectionClosed(session.record.facts, error))
  }

  #onMessage(session: Session, message: FromTaskManager): void {
    const { record } = session
    if (record === undefined) return this.#onFirst(session, message)
    if (this.#registry.get(record.facts.id) !== record) return // it is gone: W2
    record.heard(this.#now())
    switch (message.kind) {
      case 'register':
        return this.#lose(record, saidNonsense(record.facts, 'it registered twice over one connection'))
      case 'heartbeat':
        record.vitals = message.vitals
        return this.send(record.facts.id, { kind: 'heartbeat-ack', seq: message.seq })
      case 'slot-ready':
      case 'from-slot':
      case 'slot-lost':
        return this.#listener?.onReport(record.facts.id, message)
      case 'fetch-artifact':
        return this.#onFetch(session, record, message)
      case 'answer':
        return this.#questions.answer(record.facts.id, message)
      case 'leaving':
        return this.#lose(record, leaves(record.facts, message.reason))
    }
  }

  #onFirst(session: Session, message: FromTaskManager): void {
    if (message.kind === 'register' && isServable(message.facts)) return this.#register(session, message.facts)
    this.#forgetStranger(session).link.destroy()
    const error = errorToData(notRegistered(session.link.remote, undefined))
    this.#options.listener({ kind: 'connection-refused', remote: session.link.remote, error })
  }

  #register(session: Session, facts: TaskManagerFacts): void {
    const { link } = session
    const { heartbeatIntervalMs, heartbeatTimeoutMs, leaseMs } = this.#options.settings
    const role = this.#role
    assert(role.kind === 'leader', 'a connection outlived the leadership')
    this.#forgetStranger(session)
    const older = this.#registry.get(facts.id)
    if (older !== undefined) this.#lose(older, registeredAgain(older.facts))
    const limits = silenceLimits(heartbeatTimeoutMs)
    const record = new TaskManagerRecord({ facts, remote: link.remote, link, limits, at: this.#now() })
    session.record = record
    this.#registry.add(record)
    const marker = role.marker === undefined ? {} : { marker: role.marker }
    this.send(facts.id, { kind: 'registered', epoch: role.epoch, heartbeatIntervalMs, leaseMs, ...marker })
    this.#tell(facts, `is registered, with ${facts.slotCount} slots`)
    this.#warn(facts)
    this.#listener?.onJoined(record)
  }

  #warn(facts: TaskManagerFacts): void {
    const aheadMs = facts.wallMs - this.#options.env.clock.wallMs()
    if (Math.abs(aheadMs) > CLOCK_DIFFERENCE_MAX_MS) this.#concern(facts, clockDiffers(aheadMs))
    const { version } = this.#options
    if (facts.version !== version) this.#concern(facts, versionDiffers(facts.version, version))
  }

  #onFetch(
    session: Session,
    record: TaskManagerRecord<Link>,
    { artifact, offset }: Extract<FromTaskManager, { kind: 'fetch-artifact' }>,
  ): void {
    if (session.askedCount >= ASKED_MAX)
      return this.#lose(
        record,
        saidNonsense(record.facts, `it asks for more than ${ASKED_MAX} parts of bundles at once`),
      )
    const { id } = record.facts
    session.askedCount++
    const answer = (message: ToTaskManager): void => {
      session.askedCount--
      if (this.#registry.get(id) === record) this.send(id, message)
    }
    this.#shelf.part(artifact, offset).then(
      ({ bytes, totalBytes }) => {
        record.fetched(artifact)
        answer({ kind: 'artifact-part', artifact, offset, bytes, totalBytes })
      },
      (thrown: unknown) => {
        const error = asEngineError(thrown, 'DSK1001', 'a bundle could not be read')
        this.#options.listener({
          kind: 'task-manager',
          id,
          host: record.facts.host,
          what: 'asked for a bundle that cannot be had',
          error: errorToData(error),
        })
        // A bundle that is missing fails its job for good. While the storage does not say so, the TaskManager's own limit ends its wait.
        if (error.retry === 'never') answer({ kind: 'artifact-missing', artifact })
        else session.askedCount--
      },
    )
  }

  /** T2. Idempotent. */
  #lose(record: TaskManagerRecord<Link>, error: EngineError): void {
    if (!this.#registry.remove(record)) return
    record.link.destroy()
    const { id } = record.facts
    this.#questions.giveUp(id)
    this.#tell(record.facts, 'is gone', error)
    this.#listener?.onGone(id, error)
  }

  /** The slot does not get what it needs: it is lost, and ended. */
  #unsendable(record: TaskManagerRecord<Link>, message: ToTaskManager, error: EngineError): void {
    if (message.kind !== 'to-slot' && message.kind !== 'start-slot') return this.#lose(record, error)
    const { allocation } = message
    const { id } = record.facts
    if (message.kind === 'to-slot') this.send(id, { kind: 'release-slot', allocation })
    this.#options.env.turns.next(() => {
      if (this.#registry.get(id) === record)
        this.#listener?.onReport(id, { kind: 'slot-lost', allocation, error: errorToData(error) })
    })
  }

  // T3
  #watchSilence(): void {
    const { env, settings } = this.#options
    const { lookIntervalMs } = silenceLimits(settings.heartbeatTimeoutMs)
    this.#watch = env.timers.after(lookIntervalMs, () => {
      this.#watchSilence()
      const nowMs = env.clock.monotonicMs()
      for (const record of this.#registry.all()) {
        const silentMs = record.silentMs(nowMs)
        if (silentMs !== undefined) this.#lose(record, silentFor(record.facts, silentMs))
      }
    })
  }

  #forgetStranger(session: Session): Session {
    session.registerLimit.cancel()
    this.#strangers.delete(session)
    return session
  }

  #tell({ id, host }: TaskManagerFacts, what: string, error?: EngineError): void {
    const more = error === undefined ? {} : { error: errorToData(error) }
    this.#options.listener({ kind: 'task-manager', id, host, what, ...more })
  }

  #concern({ id, host }: TaskManagerFacts, what: string): void {
    this.#options.listener({ kind: 'task-manager', id, host, what, concern: true })
  }

  #now(): HeardAt {
    const { clock } = this.#options.env
    return { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() }
  }
}

const ID_LENGTH_MAX = 200
/** They are shown on terminals, line by line. */
const PRINTABLE = /^\P{Cc}+$/u
const SLOTS_MAX = 10_000

/** Only the kind of a message was checked so far. */
function isServable(facts: Partial<TaskManagerFacts> | undefined): boolean {
  if (typeof facts !== 'object' || facts === null) return false
  const { id, host, version, slotCount = 0 } = facts
  const isText = (value: unknown): boolean =>
    typeof value === 'string' && value.length <= ID_LENGTH_MAX && PRINTABLE.test(value)
  return [id, host, version].every(isText) && Number.isInteger(slotCount) && slotCount > 0 && slotCount <= SLOTS_MAX
}
