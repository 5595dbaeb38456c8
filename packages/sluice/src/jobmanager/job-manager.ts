/**
 * A JobManager: leads the cluster or stands by.
 *
 * Owns: what happens when leadership comes and goes, and the answers to the REST API. Does not own: the claim of leadership
 * (leadership.ts), connections of TaskManagers (control-server.ts), slots (slot-manager.ts), jobs (dispatcher.ts).
 *
 * M1 While it does not lead, it takes no TaskManager, runs no job and changes nothing on the shared storage.
 * M2 A reign ends before the next one of the same process begins: its jobs are suspended, its TaskManagers are gone.
 * M3 What is said to a standby is answered with where the leader is.
 * M4 A new leader answers once it knows the jobs: nobody is told that a job is not there that it has not read yet.
 */
import type { Env, NetworkAddress } from '../base/env.ts'
import { asEngineError, errorToData } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import { addressText } from '../base/network-address.ts'
import type { Secret } from '../base/secret.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import { slotsWantedBy } from '../graph/scale-graph.ts'
import { slotStepsOf } from '../graph/slot-groups.ts'
import type { ClusterApi } from './cluster-api.ts'
import type { ClusterEvent } from './cluster-events.ts'
import type { LoadedJob } from './cluster-job.ts'
import { type ControlServer, type ControlSettings, createControlServer } from './control-server.ts'
import { Dispatcher } from './dispatcher.ts'
import { type JobRegistry, createJobRegistry } from './job-registry.ts'
import { LeaderApi } from './leader-api.ts'
import { type Leadership, type LeaderInfo, type LeadershipSettings, createLeadership } from './leadership.ts'
import { type PoolSettings } from './cluster-slot-pool.ts'
import { type SlotManager, createSlotManager } from './slot-manager.ts'
import { markStorage } from './storage-marker.ts'

export interface JobManagerSettings {
  readonly leadership: LeadershipSettings
  readonly control: ControlSettings
  readonly slots: PoolSettings
  readonly artifactBytesMax: number
}

export interface JobManagerOptions {
  readonly env: Env
  /** Of this process, unique for ever. */
  readonly id: string
  /** Absolute path of the folder that all processes of the cluster share. */
  readonly storageRoot: string
  /** Where TaskManagers connect. */
  readonly listen: NetworkAddress
  /** How others reach it. */
  readonly advertised: { readonly host: string; readonly restUrl: string }
  /** Undefined: none is asked for. */
  readonly secret: Secret | undefined
  readonly version: string
  readonly settings: JobManagerSettings
  /** Loads and plans the bundle of a job in this process. @throws EngineError */
  readonly loadJob: (spec: JobSpec, bundle: Uint8Array, workingDirectory?: string) => Promise<LoadedJob>
  readonly listener: (event: ClusterEvent) => void
  readonly logText: (bytesMax: number) => string
  readonly metricsText: () => string
}

export interface JobManager {
  /** Resolves when TaskManagers can connect and it stands for leadership. Rejects with NET1005, CLU1003. */
  start(): Promise<void>
  /** Gives leadership back; jobs go on under the next leader. */
  stop(): Promise<void>
  /** Where TaskManagers connect; after `start`. */
  address(): NetworkAddress
  readonly api: ClusterApi
}

export function createJobManager(options: JobManagerOptions): JobManager {
  return new LocalJobManager(options)
}

/** One time of leading. */
interface Reign {
  readonly epoch: LeaderEpoch
  readonly dispatcher: Dispatcher
  /** `taking-over`: what jobs there are is not known yet, so nobody is answered. M4 */
  state: 'taking-over' | 'open'
}

const RECOVERY_RETRY_MS = 1000

class LocalJobManager implements JobManager {
  readonly api: ClusterApi
  readonly #options: JobManagerOptions
  readonly #registry: JobRegistry
  readonly #slots: SlotManager
  readonly #server: ControlServer
  #leadership: Leadership | undefined
  #reign: Reign | undefined
  /** Ends of earlier reigns. M2 */
  #past: Promise<unknown> = Promise.resolve()

  constructor(options: JobManagerOptions) {
    const { env, storageRoot, secret, version, settings, listen } = options
    this.#options = options
    this.#registry = createJobRegistry({
      disk: env.disk,
      root: storageRoot,
      random: env.random,
      artifactBytesMax: settings.artifactBytesMax,
    })
    this.#server = createControlServer({
      env,
      listen,
      secret,
      version,
      settings: settings.control,
      readArtifact: (artifact) => this.#registry.readArtifact(artifact),
      listener: options.listener,
    })
    this.#slots = createSlotManager({ env, server: this.#server })
    this.api = new LeaderApi({
      dispatcher: () => (this.#reign?.state === 'open' ? this.#reign.dispatcher : undefined),
      epoch: () => this.#reign?.epoch,
      leader: () => this.#leadership?.leader(),
      registry: this.#registry,
      slots: this.#slots,
      ask: (id, question) => this.#server.ask(id, question),
      version,
      logText: options.logText,
      metricsText: options.metricsText,
    })
  }

  async start(): Promise<void> {
    const { env, id, storageRoot, advertised, settings } = this.#options
    const address = await this.#server.start()
    this.#leadership = createLeadership({
      env,
      root: storageRoot,
      candidate: { id, control: { host: advertised.host, port: address.port }, restUrl: advertised.restUrl },
      settings: settings.leadership,
      listener: {
        onGained: (epoch) => this.#onGained(epoch),
        onLost: (reason) => this.#onLost(reason),
        onLeader: (info) => this.#onLeader(info),
      },
    })
    this.#leadership.start()
  }

  async stop(): Promise<void> {
    this.#endReign('this JobManager was told to end')
    await this.#past
    await this.#leadership?.stop()
    await this.#server.stop()
  }

  address(): NetworkAddress {
    return this.#server.address()
  }

  #onGained(epoch: LeaderEpoch): void {
    const { env, storageRoot, listener } = this.#options
    listener({ kind: 'leading', epoch })
    const dispatcher = new Dispatcher({
      env,
      registry: this.#registry,
      checkpointRoot: `${storageRoot}/checkpoints`,
      load: (spec, workingDirectory) => this.#load(spec, workingDirectory),
      storeOf: (root) => new DirectoryStore({ disk: env.disk, root, random: env.random }),
      epoch,
      poolOf: (spec, loaded) =>
        this.#slots.poolFor({
          spec,
          slotCount: slotsWantedBy(loaded.graph),
          slotSteps: slotStepsOf(loaded.graph),
          settings: loaded.slots ?? this.#options.settings.slots,
        }),
      listener,
    })
    const reign: Reign = { epoch, dispatcher, state: 'taking-over' }
    this.#reign = reign
    void this.#beginReign(reign)
  }

  /** Tries until it works or the reign is over. */
  async #beginReign(reign: Reign): Promise<void> {
    const { env, storageRoot, listener } = this.#options
    await this.#past
    while (this.#reign === reign) {
      try {
        const marker = await markStorage(env, storageRoot, reign.epoch)
        if (this.#reign !== reign) return
        const contents = await this.#registry.lead(reign.epoch)
        if (this.#reign !== reign) return
        this.#server.lead(reign.epoch, marker)
        reign.dispatcher.recover(contents)
        reign.state = 'open'
        return
      } catch (thrown) {
        const error = asEngineError(thrown, 'CLU1003', 'the shared storage could not be read')
        listener({ kind: 'leading-failed', epoch: reign.epoch, error: errorToData(error) })
        await new Promise<void>((resolve) => void env.timers.after(RECOVERY_RETRY_MS, resolve))
      }
    }
  }

  #onLost(reason: string): void {
    if (this.#reign !== undefined) this.#options.listener({ kind: 'leadership-lost', epoch: this.#reign.epoch, reason })
    this.#endReign(reason)
  }

  // M2
  #endReign(reason: string): void {
    const reign = this.#reign
    this.#reign = undefined
    if (reign === undefined) return
    const suspended = reign.dispatcher.suspend()
    this.#slots.dropAll(reason)
    this.#server.follow(this.#leadership?.leader()?.control)
    this.#past = this.#past.then(() => suspended).catch(ignored)
  }

  #onLeader(info: LeaderInfo | undefined): void {
    const { id } = this.#options
    if (this.#reign !== undefined || info?.id === id) return
    this.#server.follow(this.#isHere(info) ? undefined : info?.control)
    const leader = info === undefined ? undefined : addressText(info.control)
    this.#options.listener({ kind: 'standby', leader })
  }

  /** What an earlier process at this address claimed: nobody is sent there. */
  #isHere(info: LeaderInfo | undefined): boolean {
    const { port } = this.#server.address()
    return info?.control.host === this.#options.advertised.host && info.control.port === port
  }

  async #load(spec: JobSpec, workingDirectory: string | undefined): Promise<LoadedJob> {
    return this.#options.loadJob(spec, await this.#registry.readArtifact(spec.artifact), workingDirectory)
  }
}

/** Suspending never fails in a way that somebody could act upon. */
function ignored(): void {}
