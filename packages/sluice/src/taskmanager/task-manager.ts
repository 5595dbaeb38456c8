/**
 * The core of a TaskManager process: keeps a connection to the leader, offers slots, runs them through a launcher.
 *
 * Owns: timers, the connection, the order in which effects are performed. Does not own: any decision about the connection and the lease
 * (task-manager-machine.ts), what is in the slots (slot-table.ts, the launcher), the process.
 *
 * C1 Events are applied one after the other; what an effect causes at once waits until the effects of the step are performed.
 * C2 A slot is heard only while its allocation holds, and only over the connection that it was started over: all slots end with it.
 * C3 `onFatal` is called at most once, when nothing of it lives any more but slots that cannot be ended: the process has to end.
 */
import { deferred } from '../base/deferred.ts'
import { DiskError } from '../base/disk-error.ts'
import type { Env, NetworkAddress, Timer } from '../base/env.ts'
import { asEngineError, EngineError, errorFromData, errorToData, messageOf, type ErrorData } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import { addressText } from '../base/network-address.ts'
import type { Secret } from '../base/secret.ts'
import type {
  FromTaskManager,
  InfoQuestion,
  InfoResult,
  StorageMarker,
  TaskManagerFacts,
  TaskManagerVitals,
} from '../control/cluster-messages.ts'
import { ARTIFACT_LIMITS, ArtifactCache, type ArtifactLimits } from './artifact-cache.ts'
import { LeaderLink } from './leader-link.ts'
import type { SlotLauncher } from './slot-launcher.ts'
import { SlotTable } from './slot-table.ts'
import type { TaskManagerEvent } from './task-manager-events.ts'
import { createTaskManagerState, stepTaskManager } from './task-manager-machine.ts'
import type {
  ConnectionLimits,
  Effect,
  MachineEvent,
  PhaseName,
  ServedMessage,
  TaskManagerState,
  TimerName,
} from './task-manager-state.ts'

export interface TaskManagerSettings {
  readonly connection: ConnectionLimits
  readonly artifacts: ArtifactLimits
}

export const TASK_MANAGER_SETTINGS: TaskManagerSettings = {
  connection: {
    // Short: a leader that hangs is tried as long as nobody has taken over from it.
    connectTimeoutMs: 1500,
    handshakeTimeoutMs: 1500,
    registerTimeoutMs: 10_000,
    markerTimeoutMs: 10_000,
    slotsEndTimeoutMs: 15_000,
    backoffMinMs: 100,
    backoffMaxMs: 2000,
  },
  artifacts: ARTIFACT_LIMITS,
}

export interface TaskManagerOptions {
  readonly env: Env
  readonly facts: Omit<TaskManagerFacts, 'wallMs'>
  /** In the order in which they are tried; at least one. */
  readonly jobManagers: readonly NetworkAddress[]
  readonly secret: Secret | undefined
  readonly launcher: SlotLauncher
  /** Absolute path of the folder for job bundles. */
  readonly artifactFolder: string
  readonly settings?: TaskManagerSettings
  vitals(): Omit<TaskManagerVitals, 'slotsInUse'>
  answer(question: InfoQuestion): Promise<InfoResult>
  /** Must not throw. */
  readonly listener: (event: TaskManagerEvent) => void
  /** It cannot go on: the process has to end, also when a slot still runs. */
  onFatal(error: EngineError): void
}

export interface TaskManagerStatus {
  readonly phase: PhaseName
  readonly jobManager: NetworkAddress | undefined
  readonly epoch: LeaderEpoch | undefined
  readonly slotsInUse: number
}

export interface TaskManager {
  start(): void
  /** Tells the leader, ends all slots; resolves when that is done, also after a fatal error. Idempotent. */
  stop(): Promise<void>
  status(): TaskManagerStatus
}

export function createTaskManager(options: TaskManagerOptions): TaskManager {
  return new TaskManagerShell(options)
}

class TaskManagerShell implements TaskManager {
  readonly #options: TaskManagerOptions
  readonly #slots: SlotTable
  readonly #artifacts: ArtifactCache
  readonly #timers = new Map<TimerName, Timer>()
  readonly #ended = deferred<void>()
  readonly #events: MachineEvent[] = []
  #state: TaskManagerState
  #isApplying = false
  #link: LeaderLink | undefined

  constructor(options: TaskManagerOptions) {
    const { env, artifactFolder, launcher, facts, jobManagers, listener } = options
    const settings = options.settings ?? TASK_MANAGER_SETTINGS
    this.#options = options
    this.#state = createTaskManagerState(jobManagers, settings.connection)
    this.#artifacts = new ArtifactCache({
      env,
      folder: artifactFolder,
      limits: settings.artifacts,
      request: (artifact, offset) => this.#send({ kind: 'fetch-artifact', artifact, offset }),
      onFetched: (artifact, bytes) => listener({ kind: 'artifact-fetched', artifact, bytes }),
    })
    this.#slots = new SlotTable({
      slotCount: facts.slotCount,
      launcher,
      artifacts: this.#artifacts,
      send: (message) => this.#link?.send(message),
      listener,
      onStuck: (error) => this.#apply({ kind: 'stuck', error }),
    })
  }

  start(): void {
    this.#apply({ kind: 'start' })
  }

  stop(): Promise<void> {
    this.#apply({ kind: 'stop' })
    return this.#ended.promise
  }

  status(): TaskManagerStatus {
    const { core, phase } = this.#state
    return {
      phase: phase.name,
      jobManager: 'target' in phase ? phase.target.address : undefined,
      epoch: core.knownEpoch,
      slotsInUse: this.#slots.inUse,
    }
  }

  // C1
  #apply(event: MachineEvent): void {
    this.#events.push(event)
    if (this.#isApplying) return
    this.#isApplying = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next)
    this.#isApplying = false
  }

  #step(event: MachineEvent): void {
    const { clock, random } = this.#options.env
    const moment = { nowMs: clock.monotonicMs(), fraction: random.fraction() }
    const { state, effects } = stepTaskManager(this.#state, event, moment)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'connect':
        return this.#connect(effect)
      case 'handshake':
        return this.#link?.handshake(effect.knownEpoch, effect.timeoutMs)
      case 'register':
        return this.#send({
          kind: 'register',
          facts: { ...this.#options.facts, wallMs: this.#options.env.clock.wallMs() },
        })
      case 'send':
        return this.#send(effect.message)
      case 'heartbeat':
        return this.#heartbeat(effect.seq)
      case 'check-marker':
        return void this.#checkMarker(effect.marker, effect.jobManager)
      case 'serve':
        return this.#serve(effect.message, effect.epoch)
      case 'lease-until':
        return this.#options.launcher.leaseUntil(effect.untilMs)
      case 'end-slots':
        return this.#endSlots(effect.error, effect.lost)
      case 'close':
        return this.#link?.close()
      case 'destroy':
        return this.#link?.destroy()
      case 'set-timer':
        return this.#setTimer(effect.timer, effect.delayMs)
      case 'cancel-timers':
        return this.#cancelTimers()
      case 'tell':
        return this.#options.listener(effect.event)
      case 'end':
        return this.#end(effect.error)
    }
  }

  #connect({ connection, address, timeoutMs }: Extract<Effect, { kind: 'connect' }>): void {
    const { env, secret, facts } = this.#options
    this.#link?.destroy()
    this.#link = new LeaderLink({
      env,
      secret,
      version: facts.version,
      address,
      listener: {
        onConnected: () => this.#apply({ kind: 'connected', connection }),
        onWelcomed: (epoch) => this.#apply({ kind: 'welcomed', connection, epoch }),
        onRefused: (refusal) => this.#apply({ kind: 'refused', connection, ...refusal }),
        onMessage: (message) => this.#apply({ kind: 'message', connection, message }),
        onClosed: (error) => this.#apply({ kind: 'closed', connection, error }),
      },
    })
    this.#link.connect(timeoutMs)
  }

  #send(message: FromTaskManager): void {
    const error = this.#link?.send(message)
    if (error !== undefined) this.#options.listener({ kind: 'not-sent', error: errorToData(error) })
  }

  #heartbeat(seq: number): void {
    const vitals = { ...this.#options.vitals(), slotsInUse: this.#slots.inUse }
    this.#send({ kind: 'heartbeat', seq, vitals })
  }

  #serve(message: ServedMessage, epoch: LeaderEpoch): void {
    switch (message.kind) {
      case 'start-slot':
        return this.#slots.start(message, epoch)
      case 'to-slot':
        return this.#slots.send(message.allocation, message.message)
      case 'kill-slot':
        return this.#slots.kill(message.allocation)
      case 'release-slot':
        return this.#slots.release(message.allocation)
      case 'artifact-part':
        return this.#artifacts.onPart(message)
      case 'artifact-missing':
        return this.#artifacts.onMissing(message.artifact)
      case 'ask':
        return void this.#answer(message.request, message.question)
    }
  }

  async #answer(request: number, question: InfoQuestion): Promise<void> {
    const { connection } = this.#state.core
    const result = await this.#options.answer(question).catch((thrown: unknown): InfoResult => {
      const error = asEngineError(thrown, 'INT1001', `the TaskManager could not answer a question (${question.kind})`)
      return { kind: 'failed', error: errorToData(error) }
    })
    if (this.#state.core.connection === connection) this.#send({ kind: 'answer', request, result })
  }

  async #checkMarker(marker: StorageMarker, jobManager: NetworkAddress): Promise<void> {
    const { connection } = this.#state.core
    const answer = await this.#whatIsWrong(marker, jobManager)
    if (answer !== 'unread') this.#apply({ kind: 'marker-checked', connection, error: answer })
  }

  /** `unread`: the storage has trouble, which says nothing about whether it is the right one; the limit of the phase ends the wait. */
  async #whatIsWrong(
    { path, content }: StorageMarker,
    jobManager: NetworkAddress,
  ): Promise<ErrorData | 'unread' | undefined> {
    try {
      const found = new TextDecoder().decode(await this.#options.env.disk.read(path))
      return found === content ? undefined : this.#wrongStorage(jobManager, `${path} has another content here`)
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'io') return 'unread'
      const isMissing = error instanceof DiskError && error.kind === 'not-found'
      const what = isMissing ? `there is no ${path} here` : `${path} cannot be read here: ${messageOf(error)}`
      return this.#wrongStorage(jobManager, what)
    }
  }

  #wrongStorage(jobManager: NetworkAddress, what: string): ErrorData {
    const { host } = this.#options.facts
    return errorToData(
      new EngineError(
        'CLU1003',
        `the TaskManager on ${host} and the JobManager at ${addressText(jobManager)} do not share their storage: the JobManager wrote a file, but ${what}. Checkpoints could not be restored on this machine, so the TaskManager ends. Mount the same folder under the same path on all machines, and point cluster.storage to it`,
      ),
    )
  }

  #endSlots(error: ErrorData, lost: NetworkAddress | undefined): void {
    const { launcher, listener } = this.#options
    launcher.leaseUntil('over')
    this.#artifacts.disconnected(error)
    if (lost !== undefined) listener({ kind: 'disconnected', jobManager: lost, error, slotCount: this.#slots.inUse })
    void this.#untilSlotsEnded()
  }

  async #untilSlotsEnded(): Promise<void> {
    const stuck = await this.#slots.endAll()
    this.#apply(stuck === undefined ? { kind: 'cleared' } : { kind: 'stuck', error: stuck })
  }

  #setTimer(timer: TimerName, delayMs: number): void {
    this.#timers.get(timer)?.cancel()
    const fire = (): void => {
      this.#timers.delete(timer)
      this.#apply({ kind: 'timer', timer })
    }
    this.#timers.set(timer, this.#options.env.timers.after(delayMs, fire))
  }

  #cancelTimers(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  // C3
  #end(error: ErrorData | undefined): void {
    this.#ended.resolve()
    if (error !== undefined) this.#options.onFatal(errorFromData(error))
  }
}
