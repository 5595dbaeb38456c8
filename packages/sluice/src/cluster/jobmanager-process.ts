/**
 * A JobManager as a process: the real network and disk, the REST API, jobs loaded from their bundles.
 *
 * Owns: the wiring and its order: the storage is tried, the REST API's port is taken, then it stands for leadership.
 * Does not own: what a JobManager does (jobmanager/job-manager.ts), signals (cli/).
 */
import { hostname, tmpdir } from 'node:os'
import { resolve } from 'node:path'
import type { Env } from '../base/env.ts'
import { addressText, urlHost } from '../base/network-address.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { ClusterApi } from '../jobmanager/cluster-api.ts'
import type { ClusterEvent } from '../jobmanager/cluster-events.ts'
import { createJobManager, type JobManager, type JobManagerSettings } from '../jobmanager/job-manager.ts'
import { createRestApp, type RestApp, type RestEvent } from '../rest/app.ts'
import { BundleFolder } from './bundle-folder.ts'
import { JobManagerSight } from './jobmanager-sight.ts'
import { createNodeEnv } from './node-env.ts'
import { packageVersion } from './package-version.ts'
import type { ProcessLog } from './process-log.ts'
import { advertisedHost, networkOf, uniqueId, type RunningProcess } from './process-parts.ts'
import { requireSecret, type ProcessSecurity } from './process-security.ts'
import { claimProcessFolder } from './process-folder.ts'
import { createProcessVitals, type ProcessVitals } from './process-vitals.ts'
import { startRestServer, type RestServer } from './rest-server.ts'
import { StorageProbe, tryStorage } from './storage-probe.ts'

export interface JobManagerProcessOptions {
  readonly name: string | undefined
  readonly options: ResolvedOptions
  /** Of what the options were resolved. */
  readonly layers: readonly OptionLayer[]
  readonly security: ProcessSecurity
  readonly log: ProcessLog
  readonly onEvent: (event: ClusterEvent) => void
  readonly onRestEvent: (event: RestEvent) => void
}

/** Where a cluster on one machine keeps what its processes share. */
const STORAGE = '.sluice-cluster/storage'

/** @throws SEC1002, CLU1003, NET1005 */
export async function startJobManager(process: JobManagerProcessOptions): Promise<RunningProcess> {
  const { options, security, log } = process
  const { jobManager, storage } = options.cluster
  requireSecret({ option: 'jobmanager.host', host: jobManager.host, tls: security.tls }, security.secret)
  const storageRoot = resolve(storage === '' ? STORAGE : storage)
  const stdout = { writeLine: (line: string) => log.write('info', line) }
  const env = createNodeEnv({ stdout, network: networkOf(security.tls) })
  const id = uniqueId(process.name)
  await tryStorage(env.disk, { root: storageRoot, id })
  log.identify({ jobManager: id, host: hostname() })
  return new JobManagerProcess(process, { env, id, storageRoot }).start()
}

interface Place {
  readonly env: Env
  readonly id: string
  readonly storageRoot: string
}

class JobManagerProcess {
  readonly #process: JobManagerProcessOptions
  readonly #place: Place
  readonly #vitals: ProcessVitals
  readonly #sight: JobManagerSight
  readonly #bundles: BundleFolder
  #app: RestApp | undefined
  #server: RestServer | undefined
  #manager: JobManager | undefined

  constructor(process: JobManagerProcessOptions, place: Place) {
    this.#process = process
    this.#place = place
    const host = hostname()
    this.#vitals = createProcessVitals({ role: 'jobmanager', id: place.id, host })
    const { clock } = place.env
    this.#sight = new JobManagerSight({ id: place.id, host, clock, vitals: this.#vitals, log: process.log })
    this.#bundles = new BundleFolder(claimProcessFolder(tmpdir(), place.id), process.layers)
  }

  async start(): Promise<RunningProcess> {
    try {
      const restUrl = this.#urlOf(await this.#serve())
      const manager = this.#createManager(restUrl)
      this.#app = this.#createApp(manager.api)
      await manager.start()
      const { host, port } = manager.address()
      const name = this.#process.name ?? this.#place.id
      return { ready: { name, control: addressText({ host, port }), restUrl }, stop: () => this.stop() }
    } catch (thrown) {
      await this.stop()
      throw thrown
    }
  }

  async stop(): Promise<void> {
    await this.#manager?.stop()
    await this.#server?.close()
    this.#app?.close()
    this.#vitals.stop()
    this.#bundles.remove()
  }

  /** The port is taken before there is anything behind it: others are told the address when this JobManager stands for leadership. */
  async #serve(): Promise<RestServer> {
    const { security, options } = this.#process
    const { host, port } = options.cluster.rest
    const app = { fetch: (request: Request) => this.#app?.fetch(request) ?? notYet() }
    const { tls, token } = security
    const pem =
      tls === undefined
        ? {}
        : { tls: { cert: tls.cert, key: tls.key, ...(tls.ca === undefined ? {} : { ca: tls.ca }) } }
    this.#server = await startRestServer(app, { host, port, access: token === undefined ? 'open' : 'token', ...pem })
    return this.#server
  }

  /** As others reach it. */
  #urlOf({ port }: RestServer): string {
    const { security, options } = this.#process
    const scheme = security.tls === undefined ? 'http' : 'https'
    return `${scheme}://${urlHost(advertisedHost(options.cluster.rest.host))}:${port}`
  }

  #createManager(restUrl: string): JobManager {
    const { env, id, storageRoot } = this.#place
    const { options, security, log, onEvent } = this.#process
    const { jobManager } = options.cluster
    this.#manager = createJobManager({
      env,
      id,
      storageRoot,
      listen: jobManager,
      advertised: { host: advertisedHost(jobManager.host), restUrl },
      secret: security.secret,
      version: packageVersion(),
      settings: settingsOf(options),
      loadJob: (spec, bundle, workingDirectory) => this.#bundles.load(spec, bundle, workingDirectory),
      listener: (event) => {
        this.#sight.meters.note(event)
        onEvent(event)
      },
      logText: (bytesMax) => log.newest(bytesMax),
      metricsText: () => this.#sight.metricsText(this.#manager?.api),
    })
    return this.#manager
  }

  #createApp(api: ClusterApi): RestApp {
    const { options, security, onRestEvent } = this.#process
    const { rest, artifactBytesMax } = options.cluster
    const { env, id, storageRoot } = this.#place
    const storage = new StorageProbe(env, { root: storageRoot, id })
    return createRestApp({
      api,
      env,
      fitness: () => storage.check(),
      version: packageVersion(),
      security: { token: security.token?.reveal(), hosts: [rest.host, advertisedHost(rest.host)] },
      limits: { bodyBytesMax: rest.bodyBytesMax, artifactBytesMax },
      listener: onRestEvent,
    })
  }
}

function notYet(): Response {
  const errors = ['this JobManager is just starting. Nothing was done. Try again in a moment.']
  return Response.json({ errors }, { status: 503 })
}

/** The options in the words of the parts. */
function settingsOf({ cluster, scheduler, slot }: ResolvedOptions): JobManagerSettings {
  const { leader, heartbeat } = cluster
  return {
    leadership: {
      renewIntervalMs: leader.renewIntervalMs,
      leaseMs: leader.leaseMs,
      leaseTimeoutMs: leader.timeoutMs,
    },
    control: {
      heartbeatIntervalMs: heartbeat.intervalMs,
      heartbeatTimeoutMs: heartbeat.timeoutMs,
      leaseMs: taskManagerLeaseMs(heartbeat.timeoutMs),
      frameBytesMax: cluster.frameBytesMax,
    },
    slots: { ...scheduler, startTimeoutMs: slot.startTimeoutMs },
    artifactBytesMax: cluster.artifactBytesMax,
  }
}

/** A TaskManager that is cut off ends its tasks in the last part of the time after which they are started elsewhere. */
const LEASE_SHARE = 0.8

function taskManagerLeaseMs(heartbeatTimeoutMs: number): number {
  return Math.floor(heartbeatTimeoutMs * LEASE_SHARE)
}
