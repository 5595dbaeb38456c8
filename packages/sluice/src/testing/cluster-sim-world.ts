/**
 * A simulated cluster with one job, until the job has finished and nothing of it is left.
 *
 * Owns: the machines, the order of a run (cluster, job, faults, end), the rules about leadership, progress and failures (C4 to C7, O7, O8).
 * Does not own: what breaks (cluster-sim-faults.ts), files (sim-checks.ts), attempts (cluster-sim-checks.ts), whether the output is right
 * (cluster-sim-seeds.ts).
 *
 * R1 Nothing of a process runs after its end, and nothing but the shared storage and the machines' folders outlives it.
 * R2 Every rule that is broken ends the run with SIM1001; nothing else does.
 */
import type { ErrorCode } from '../base/error-codes.ts'
import { EngineError, type ErrorData, errorToData, formatError, messageOf } from '../base/errors.ts'
import type { Env, Random } from '../base/env.ts'
import { checkpointId } from '../base/ids.ts'
import { type CheckpointManifest, decodeManifest } from '../checkpoint/manifest.ts'
import type { ClusterEvent } from '../jobmanager/cluster-events.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { TaskManagerEvent } from '../taskmanager/task-manager-events.ts'
import { taskManagerEventText } from '../taskmanager/task-manager-events.ts'
import { DeploymentChecks } from './cluster-sim-checks.ts'
import { SimClient } from './cluster-sim-client.ts'
import { ClusterFaults } from './cluster-sim-faults.ts'
import { type HostWorld, SimHost } from './cluster-sim-host.ts'
import { type ClusterParts, SHARED_ROOT } from './cluster-sim-process.ts'
import { type TriggerKind, scheduleText } from './cluster-sim-schedule.ts'
import { PARALLELISM_MAX, hostNames } from './cluster-sim-shape.ts'
import { FileChecks, ruleBroken } from './sim-checks.ts'
import { type DiskWatcher, SimDisk } from './sim-disk.ts'
import type { SimFile, SimNode } from './sim-disk-image.ts'
import { type SimDrift, simEnv } from './sim-env.ts'
import { type ClusterRun, type ClusterRunOptions, described, failureOf, nothingHappened } from './cluster-sim-report.ts'
import { SimNetwork } from './sim-network.ts'
import { visibleFiles } from './sim-output.ts'
import { SimLife, SimScheduler } from './sim-scheduler.ts'
import { streamOf } from './sim-shape.ts'

/** Virtual time without a fault within which the job has to come to an end. */
const CALM_MS_MAX = 120_000
const STEPS_MAX = 2_000_000
/** Time that an attempt may go on once it was superseded, beyond a lease: late timers, and a clock that is slow. */
const OVERLAP_MARGIN_MS = 300
/** Bytes that may be under way from one end of a connection. */
const UNDER_WAY_BYTES_MAX = 4 * 1024 * 1024
const EVENTS_KEPT = 60
/** Events between two looks at whether a finished job has been cleaned up. */
const STEPS_PER_LOOK = 20
/** A process that was stopped may take so long until it notices that its lease is over. */
const WAKING_MS = 100

/** Nothing that the simulator does may lead to these. */
const NEVER: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INT1001',
  'SNK1003',
  'CKP1003',
  'CKP1008',
  'JOB1006',
  'JOB1007',
  'SRC1004',
  'SRC1002',
  'STA1002',
  'SER1002',
])

export class ClusterWorld implements HostWorld {
  readonly scheduler: SimScheduler
  readonly network: SimNetwork
  readonly parts: ClusterParts
  readonly life = new SimLife(-1, 0)
  readonly #options: ClusterRunOptions
  readonly #disk: SimDisk
  readonly #files: FileChecks
  readonly #checks: DeploymentChecks
  readonly #faults: ClusterFaults
  readonly #client: SimClient
  readonly #hosts: SimHost[] = []
  readonly #delays: Random
  readonly #events: string[] = []
  readonly #happened = nothingHappened()
  #lives = 0
  /** Kept until the next step: a listener of the engine must not throw. */
  #broken: EngineError | undefined
  #phase: 'running' | 'again' | 'ending' = 'running'
  #phaseSinceMs = 0

  constructor(options: ClusterRunOptions) {
    const { seed, shape, schedule, hooks, job, jobOn, files } = options
    this.#options = options
    this.scheduler = new SimScheduler({ random: streamOf(seed, 'order'), eventCostMaxMs: shape.eventCostMaxMs })
    const { scheduler } = this
    this.network = new SimNetwork({ scheduler, random: streamOf(seed, 'network'), delayMaxMs: shape.networkDelayMaxMs })
    this.#disk = new SimDisk({ scheduler, random: streamOf(seed, 'disk'), delayMaxMs: shape.diskDelayMaxMs })
    this.#delays = streamOf(seed, 'delays')
    const concurrent = shape.options['checkpoint.concurrentMax'] === '1' ? 'one-at-a-time' : 'several'
    this.#files = new FileChecks({ disk: this.#disk, stateRoot: `${SHARED_ROOT}/checkpoints/${job.name}`, concurrent })
    this.#checks = new DeploymentChecks({
      nowMs: () => scheduler.nowMs,
      overlapMsMax: shape.control.leaseMs * 1.06 + OVERLAP_MARGIN_MS,
      resumedAtMs: (process) => this.#hosts.find(({ id }) => id === process)?.life?.resumesAtMs ?? 0,
    })
    const onRecord = (operator: string): void => this.#faults.onRecord(operator)
    this.parts = { jobOn: jobOn ?? (() => job), shape, hooks, checks: this.#checks, onRecord }
    for (const name of hostNames('jm', shape.jobManagers)) this.#addHost(name, { kind: 'jm', slots: 0 })
    hostNames('tm', shape.slots.length).forEach((name, index) =>
      this.#addHost(name, { kind: 'tm', slots: shape.slots[index] ?? 1 }),
    )
    this.#client = new SimClient({
      scheduler,
      life: this.life,
      hosts: this.#hosts,
      bundle: new TextEncoder().encode(`bundle of ${job.name}`),
    })
    this.#faults = new ClusterFaults({
      schedule,
      scheduler,
      network: this.network,
      disk: this.#disk,
      random: streamOf(seed, 'faults'),
      life: this.life,
      hosts: () => this.#hosts,
      client: () => this.#client,
      addTaskManager: (name, slots) => this.#addTaskManager(name, slots),
      slotsMin: shape.pool.mode === 'fixed' ? PARALLELISM_MAX : 1,
      reached: (of) => this.#reached(of),
      beforePower: () => this.#files.beforeCrash(),
      afterPower: () => this.#files.afterCrash(),
    })
    for (const [path, content] of Object.entries(files)) this.#disk.place(path, content)
    this.#disk.faults = this.#faults
    this.#disk.watcher = this.#watcher()
  }

  #watcher(): DiskWatcher {
    return {
      onName: (path, node) => this.#onName(path, node),
      onContent: (path, file) => this.#files.onContent(path, file),
      onNamesSynced: (path, directory) => this.#files.onNamesSynced(path, directory),
    }
  }

  /** Runs the job to its end. Rejects with SIM1001, which says everything that is known. */
  async run(): Promise<ClusterRun> {
    const inputs = new Set(this.#disk.files().keys())
    try {
      for (const host of this.#hosts) host.start()
      this.#client.start()
      await this.#until(() => this.#isFinished())
      const files = visibleFiles(this.#disk, (path) => inputs.has(path))
      await this.#startAgain()
      const after = visibleFiles(this.#disk, (path) => inputs.has(path))
      if (!isSameFiles(files, after)) throw ruleBroken('O8', 'the next leader changed the output of a finished job')
      await this.#stopAll()
      this.#expectNothingLeft()
      return this.#result(files)
    } catch (thrown) {
      throw this.explain(thrown)
    }
  }

  // What the machines ask of the world.

  nextLifeIndex(): number {
    return this.#lives++
  }

  envOf(life: SimLife, drift: SimDrift): Env {
    const { shape } = this.#options
    return simEnv({
      scheduler: this.scheduler,
      disk: this.#disk,
      random: this.#delays,
      delays: shape.delays,
      life,
      network: this.network,
      drift,
    })
  }

  onClusterEvent(host: SimHost, event: ClusterEvent): void {
    const { listed, failure } = described(event)
    this.#note(host.id, listed)
    if (failure !== undefined) this.#onFailure(`${host.id}: ${event.kind}`, failure)
    switch (event.kind) {
      case 'leading':
        this.#happened.leaders++
        return this.#expectOneLeader(host)
      case 'job-recovered':
        this.#happened.recoveries++
        return
      case 'job-event':
        return this.#onJobEvent(host, event.event)
      default:
        return
    }
  }

  onTaskManagerEvent(host: SimHost, event: TaskManagerEvent): void {
    this.#note(host.id, taskManagerEventText(event))
    if ('error' in event && event.error !== undefined) this.#onFailure(`${host.id}: ${event.kind}`, event.error)
  }

  onSelfEnd(host: SimHost, error: EngineError): void {
    this.#note(host.id, `gave up: ${error.message}`)
    this.#happened.selfEnds++
    this.#onFailure(`${host.id} gave up`, errorToData(error))
  }

  // The run.

  async #until(isDone: () => boolean): Promise<void> {
    this.#phaseSinceMs = this.scheduler.nowMs
    const stopped = await this.scheduler.run(() => {
      if (this.#broken !== undefined) throw this.#broken
      if (this.#checks.broken !== undefined) throw this.#checks.broken
      if (isDone()) return 'stop'
      this.#faults.beforeStep()
      this.#expectProgress()
      return 'go-on'
    })
    if (stopped === 'nothing-left') throw ruleBroken('C5', 'nothing is left to wait for, and the job has not finished')
  }

  #isFinished(): boolean {
    const { job } = this.#client
    if (job?.state !== 'FINISHED' || this.scheduler.steps % STEPS_PER_LOOK > 0) return false
    return this.#disk.files().has(`${SHARED_ROOT}/jobs/${job.job}/cleaned`)
  }

  /** O8: every process ends at once, and all start again. */
  async #startAgain(): Promise<void> {
    this.#phase = 'again'
    this.#faults.end()
    this.network.healAll()
    this.network.slowFactor = 1
    for (const host of this.#hosts) host.end('process')
    this.#client.forget()
    const deployments = this.#checks.deployments
    for (const host of this.#hosts) host.start()
    await this.#until(() => this.#client.job !== undefined && this.#areRegistered())
    if (this.#client.job?.state !== 'FINISHED')
      throw ruleBroken('O8', `the next leader says that the finished job is ${this.#client.job?.state}`)
    if (this.#checks.deployments !== deployments) throw ruleBroken('O8', 'the next leader ran the finished job again')
  }

  #areRegistered(): boolean {
    return this.#hosts.every(({ process }) => process?.kind !== 'tm' || process.manager.status().phase === 'serving')
  }

  async #stopAll(): Promise<void> {
    this.#phase = 'ending'
    this.#client.stop()
    const running = this.#hosts.filter(({ isUp }) => isUp)
    let left = running.length
    for (const host of running) host.stop(() => void left--)
    await this.#until(() => left === 0)
  }

  // C6
  #expectNothingLeft(): void {
    if (this.#faults.counts.diskFailure === 0) this.#files.expectNothingLeft()
    const open = this.network.openEndCount
    if (open > 0) throw ruleBroken('C6', `${open} ends of connections are open though every process has ended`)
  }

  // C5, C7
  #expectProgress(): void {
    const { nowMs, steps } = this.scheduler
    if (steps > STEPS_MAX) throw ruleBroken('C5', `the job has not finished after ${STEPS_MAX} events`)
    const quietSinceMs = Math.max(this.#faults.quietSinceMs, this.#phaseSinceMs)
    if (nowMs - quietSinceMs > CALM_MS_MAX)
      throw ruleBroken(
        'C5',
        `nothing broke for ${CALM_MS_MAX / 1000} s of virtual time, and ${this.#phase === 'running' ? 'the job has not finished' : 'the cluster does not come to its end'}`,
      )
    if (this.network.underWayBytesPeak > UNDER_WAY_BYTES_MAX)
      throw ruleBroken('C7', `${this.network.underWayBytesPeak} bytes were under way on one connection`)
  }

  // C4
  #expectOneLeader(host: SimHost): void {
    const { nowMs } = this.scheduler
    const other = this.#hosts.find(
      ({ process, isAwake, life, id }) =>
        id !== host.id &&
        process?.kind === 'jm' &&
        isAwake &&
        nowMs - (life?.resumesAtMs ?? 0) > WAKING_MS &&
        process.manager.api.notLeading() === undefined,
    )
    if (other !== undefined) this.#broken ??= ruleBroken('C4', `${host.id} leads while ${other.id} still does`)
  }

  #onJobEvent(host: SimHost, event: JobEvent): void {
    const { failure, restarts } = { failure: failureOf(event), restarts: event.kind === 'restarting' }
    if (restarts) this.#happened.restarts++
    if (event.kind === 'rescaled' || event.kind === 'rescaling') this.#happened.rescales++
    if (event.kind === 'checkpoint-failed') this.#happened.failedCheckpoints++
    if (event.kind === 'fell-back')
      this.#broken ??= ruleBroken('O7', `checkpoint ${event.checkpoint} was damaged: ${formatError(event.error)}`)
    if (failure !== undefined) this.#onFailure(`${host.id}: the job, ${event.kind}`, failure)
  }

  // O7
  #onFailure(what: string, error: ErrorData): void {
    const evidence = [error.stack, error.cause].filter((text) => text !== undefined).join('\n')
    if (NEVER.has(error.code)) this.#broken ??= ruleBroken('O7', `${what}: ${formatError(error)}\n${evidence}`)
  }

  // C2, C3
  #onName(path: string, node: SimNode | undefined): void {
    const before = this.#files.publicationCount
    this.#files.onName(path, node)
    if (this.#files.publicationCount === before || node?.kind !== 'file') return
    this.#checks.onPublished(manifestOf(path, node))
  }

  #reached(of: TriggerKind): number {
    switch (of) {
      case 't':
        return this.scheduler.nowMs
      case 's':
        return this.scheduler.steps
      case 'd':
        return this.#disk.effectCount
      case 'f':
        return this.network.counts.framesArrived
      case 'p':
        return this.#files.publicationCount
      case 'r':
        return this.#happened.restarts
    }
  }

  #addHost(name: string, place: { readonly kind: 'jm' | 'tm'; readonly slots: number }): void {
    this.#hosts.push(new SimHost(this, name, place))
  }

  #addTaskManager(name: string, slots: number): boolean {
    if (this.#hosts.some((host) => host.name === name)) return false
    this.#addHost(name, { kind: 'tm', slots })
    this.#hosts.at(-1)?.start()
    return true
  }

  #note(who: string, what: string): void {
    this.#events.push(`${this.scheduler.nowMs.toFixed(1)} ms, ${who}: ${what}`)
    if (this.#events.length > EVENTS_KEPT) this.#events.shift()
  }

  #result(files: ReadonlyMap<string, string>): ClusterRun {
    this.#fillHappened()
    const { scheduler, network } = this
    return {
      files,
      faults: this.#faults.counts,
      disk: this.#faults.diskCounts,
      network: network.counts,
      happened: this.#happened,
      processes: this.#lives,
      traceHash: scheduler.traceHash(),
    }
  }

  #fillHappened(): void {
    Object.assign(this.#happened, {
      steps: this.scheduler.steps,
      virtualMs: this.scheduler.nowMs,
      regionRestarts: this.#checks.regionRestarts,
      checkpoints: this.#files.publicationCount,
      submissions: this.#client.submissions,
      overlaps: this.#checks.overlaps,
    })
  }

  // R2
  explain(thrown: unknown): EngineError {
    if (thrown instanceof EngineError && thrown.context === EXPLAINED) return thrown
    const what =
      thrown instanceof EngineError && thrown.code === 'SIM1001'
        ? thrown.message
        : `the engine let an error through: ${messageOf(thrown)}\n${thrown instanceof Error ? thrown.stack : ''}`
    this.#fillHappened()
    const { seed, shape, job, schedule } = this.#options
    const lines = [
      what,
      `  job "${job.name}", seed ${seed}, ${this.scheduler.nowMs.toFixed(0)} ms of virtual time, ${this.scheduler.steps} events`,
      `  faults: ${this.#faults.happened.join('\n    ') || 'none'}`,
      `  happened: ${JSON.stringify(this.#happened)}`,
      `  shape: ${JSON.stringify(shape)}`,
      `  job: ${JSON.stringify(this.#client.job)}; refusals: ${this.#client.refusals.map(({ message }) => message).join('; ')}`,
      `  processes: ${this.#hosts.map((host) => this.#hostText(host)).join(', ')}`,
      `  waiting: ${this.scheduler.waiting().join('; ')}`,
      `  last reports:\n    ${this.#events.join('\n    ')}`,
      `  last events:\n    ${this.scheduler.tail().join('\n    ')}`,
      `Schedule: ${scheduleText(schedule)}`,
    ]
    return new EngineError('SIM1001', lines.join('\n'), { context: EXPLAINED, cause: thrown })
  }

  #hostText({ id, process, isUp, isGone, slots }: SimHost): string {
    if (!isUp) return `${id} ${isGone ? 'left' : 'down'}`
    if (process?.kind === 'tm') return `${id} (${slots} slots) ${process.manager.status().phase}`
    return `${id} ${process?.kind === 'jm' && process.manager.api.notLeading() === undefined ? 'leads' : 'stands by'}`
  }
}

const EXPLAINED = Object.freeze({})

function manifestOf(path: string, { content }: SimFile): CheckpointManifest {
  return decodeManifest(content, checkpointId(Number(/(\d+)\.manifest$/.exec(path)?.[1])))
}

function isSameFiles(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, text]) => b.get(path) === text)
}
