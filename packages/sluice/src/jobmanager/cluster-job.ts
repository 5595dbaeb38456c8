/**
 * One job of the cluster under one leader: from its registration, or its recovery, to its result in the registry.
 *
 * Owns: the JobMaster, the order of load, start, result, clean-up. Does not own: slots (slot-manager.ts), names and results on the storage
 * (job-registry.ts), any decision about the life of the job (job-machine.ts).
 *
 * G1 What a restart of the job might repair is tried again with growing pauses; what it cannot becomes the result FAILED, and checkpoints stay.
 * G2 Nothing is written after `suspend`: the next leader goes on from what is on the storage.
 * G3 The result is written before the first checkpoint is removed: a crash in between never makes a finished job start again.
 * G4 A job that was fenced while this JobManager still leads was claimed by a late step of an earlier leader: it is claimed again.
 */
import type { Env, Timer } from '../base/env.ts'
import { type EngineError, asEngineError, errorToData } from '../base/errors.ts'
import type { ErrorData } from '../base/errors.ts'
import { type JobId, type LeaderEpoch, leaderEpoch } from '../base/ids.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import { removeCheckpoints } from '../checkpoint/remove-checkpoints.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { PublicJobState } from './cluster-api.ts'
import type { ClusterSlotPool, PoolSettings } from './cluster-slot-pool.ts'
import type { ClusterEvent } from './cluster-events.ts'
import type { JobEvent, JobOutcome } from './job-events.ts'
import type { JobOptions } from './job-facts.ts'
import type { JobMaster } from './job-control.ts'
import { createJobMaster } from './job-master.ts'
import type { JobResult } from './job-status.ts'
import { endStateOf, publicStateOf } from './public-state.ts'

/** A job module, loaded and planned in this process. */
export interface LoadedJob {
  readonly graph: JobGraph
  readonly options: JobOptions
  /** How it waits for slots; undefined: as the JobManager says. */
  readonly slots?: PoolSettings
  /** In the words of the option table, for people. */
  readonly optionTexts: Readonly<Record<string, string>>
  /** The parameters as every process gets them: relative paths are made absolute. */
  readonly params?: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
}

/** How a job ended; what the registry keeps. */
export interface JobEnd {
  readonly state: 'FINISHED' | 'CANCELED' | 'FAILED'
  readonly outcome: Exclude<JobOutcome, 'suspended'>
  readonly startedWallMs: number
  readonly endedWallMs: number
  readonly restartCount: number
  readonly recordsRead: number
  readonly checkpointsCompleted: number
  readonly error?: ErrorData
}

export interface ClusterJobOptions {
  readonly spec: JobSpec
  readonly submittedWallMs: number
  readonly env: Env
  /** @throws EngineError when the job cannot be loaded or built */
  readonly load: (spec: JobSpec) => Promise<LoadedJob>
  readonly storeOf: (root: string) => CheckpointStore
  /** Under which the job claims its own epochs: those of a leader before are refused from then on. */
  readonly leader: LeaderEpoch
  readonly poolOf: (loaded: LoadedJob) => ClusterSlotPool
  /** Writes the result; once however often it is called. */
  readonly settle: (end: JobEnd) => Promise<void>
  /** Nothing of the job is left to be removed. */
  readonly markCleaned: () => Promise<void>
  readonly listener: (event: ClusterEvent) => void
  /** The job is over, its result is written, its checkpoints are removed if it finished. */
  readonly onSettled: (end: JobEnd) => void
  /** Set under an earlier leader; undefined: as high as the job wants. */
  readonly parallelismMax: number | undefined
}

export type ClusterJobPhase =
  | { readonly kind: 'starting'; readonly waiting: string | undefined }
  | {
      readonly kind: 'running'
      readonly master: JobMaster
      readonly loaded: LoadedJob
      readonly pool: ClusterSlotPool
    }
  | {
      readonly kind: 'ended'
      readonly end: JobEnd
      /** For those who look at it; undefined when it never ran here. */
      readonly master: JobMaster | undefined
      readonly loaded: LoadedJob | undefined
    }

/** Ends a start that is not wanted any more. */
const GIVEN_UP = Symbol('given up')

interface StartedMaster {
  readonly master: JobMaster
  readonly store: CheckpointStore | undefined
  readonly loaded: LoadedJob
}

const NOTHING_RAN = { master: undefined, loaded: undefined }

const RETRY_FIRST_MS = 500
const RETRY_MAX_MS = 30_000

export class ClusterJob {
  readonly spec: JobSpec
  readonly submittedWallMs: number
  readonly #options: ClusterJobOptions
  readonly #timestamps: Partial<Record<PublicJobState, number>> = {}
  #phase: ClusterJobPhase = { kind: 'starting', waiting: undefined }
  #isSettled = false
  #parallelismMax: number | undefined
  #wanted: 'run' | 'cancel' | 'stop' | 'suspend' = 'run'
  #retry: { readonly timer: Timer; readonly resolve: () => void } | undefined

  constructor(options: ClusterJobOptions) {
    this.spec = options.spec
    this.submittedWallMs = options.submittedWallMs
    this.#options = options
    this.#parallelismMax = options.parallelismMax
    this.#note('INITIALIZING')
  }

  get job(): JobId {
    return this.spec.job
  }

  get phase(): ClusterJobPhase {
    return this.#phase
  }

  /** It has ended, and nothing is to be written or removed any more: its name is free. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  get timestamps(): Readonly<Partial<Record<PublicJobState, number>>> {
    return this.#timestamps
  }

  get state(): PublicJobState {
    const phase = this.#phase
    if (phase.kind === 'starting') return 'INITIALIZING'
    if (phase.kind === 'ended') return phase.end.state
    return publicStateOf(phase.master.status().state, this.#hasRun())
  }

  /** @param loaded what the submission has loaded already */
  start(loaded?: LoadedJob): void {
    void this.#run(loaded)
  }

  /** Resolves when it has been asked for. */
  cancel(): void {
    this.#want('cancel', (master) => master.cancel())
  }

  stop(): void {
    this.#want('stop', (master) => master.stop())
  }

  /** G2. Resolves when nothing of the job runs here any more. */
  async suspend(): Promise<void> {
    this.#wanted = 'suspend' // also when it has ended: a result that could not be written yet is the next leader's to find
    this.#stopWaiting()
    if (this.#phase.kind === 'running') await this.#phase.master.suspend()
  }

  /** Subtasks that any of its operators may have at the most; more than they want is what they want. */
  setParallelismMax(parallelism: number): void {
    this.#parallelismMax = parallelism
    if (this.#phase.kind === 'running') this.#phase.master.setParallelismMax(parallelism)
  }

  parallelismMax(): number | undefined {
    return this.#parallelismMax
  }

  #want(wanted: 'cancel' | 'stop', tell: (master: JobMaster) => Promise<void>): void {
    if (this.#wanted === 'suspend') return
    this.#wanted = wanted
    if (this.#phase.kind === 'running') void tell(this.#phase.master)
    else this.#stopWaiting()
  }

  async #run(loaded: LoadedJob | undefined): Promise<void> {
    const started = await this.#begin(loaded)
    if (started === undefined) return
    const { master, store } = started
    const result = await master.result
    const { state: outcome } = result
    if (outcome === 'suspended') return
    if (isFenced(result) && this.#wanted !== 'suspend') return this.#run(started.loaded) // G4
    await this.#finish(endOf(result, outcome, this.submittedWallMs, this.#options.env), store)
  }

  /** Undefined when the job was given up before it ran. */
  async #begin(early: LoadedJob | undefined): Promise<StartedMaster | undefined> {
    for (let failures = 0; ; failures++) {
      try {
        this.#checkWanted()
        const loaded = early ?? (await this.#options.load(this.spec))
        return await this.#startMaster(loaded)
      } catch (thrown) {
        if (this.#wanted !== 'run') return this.#endUnstarted(undefined)
        const error = asEngineError(thrown, 'INT1001', `job "${this.spec.name}" could not be started`)
        if (error.retry === 'never') return this.#endUnstarted(error) // G1
        await this.#wait(error, failures)
      }
    }
  }

  async #startMaster(loaded: LoadedJob): Promise<StartedMaster> {
    const { storageRoot, params } = this.spec
    const { env, storeOf, poolOf, leader } = this.#options
    this.#checkWanted()
    const store = storageRoot === undefined ? undefined : storeOf(storageRoot)
    const epoch = store === undefined ? epochOfClock(env) : await store.claimEpoch(leader)
    this.#checkWanted()
    const { graph, options } = loaded
    const slots = poolOf(loaded)
    const listener = (event: JobEvent): void => this.#onEvent(event)
    const master = createJobMaster({ graph, options, env, store, slots, params, epoch, listener })
    this.#phase = { kind: 'running', master, loaded, pool: slots }
    if (this.#parallelismMax !== undefined) master.setParallelismMax(this.#parallelismMax)
    master.start()
    return { master, store, loaded }
  }

  #checkWanted(): void {
    if (this.#wanted !== 'run') throw GIVEN_UP
  }

  async #endUnstarted(error: EngineError | undefined): Promise<undefined> {
    if (this.#wanted === 'suspend') return undefined
    const { env } = this.#options
    const outcome = error === undefined ? (this.#wanted === 'stop' ? 'stopped' : 'canceled') : 'failed'
    const end: JobEnd = {
      state: endStateOf(outcome),
      outcome,
      startedWallMs: this.submittedWallMs,
      endedWallMs: env.clock.wallMs(),
      restartCount: 0,
      recordsRead: 0,
      checkpointsCompleted: 0,
      ...(error === undefined ? {} : { error: errorToData(error) }),
    }
    await this.#finish(end, undefined)
    return undefined
  }

  async #finish(end: JobEnd, store: CheckpointStore | undefined): Promise<void> {
    const { master, loaded } = this.#phase.kind === 'running' ? this.#phase : NOTHING_RAN
    this.#phase = { kind: 'ended', end, master, loaded }
    this.#note(end.state)
    const { settle, listener, onSettled, leader } = this.#options
    await this.#untilDone(() => settle(end)) // G3
    if (end.outcome === 'finished' && store !== undefined) await this.#untilDone(() => removeAll(store, leader))
    await this.#untilDone(() => this.#options.markCleaned())
    if (this.#wanted === 'suspend') return
    this.#isSettled = true
    const { job, name } = this.spec
    listener({
      kind: 'job-ended',
      job,
      name,
      state: end.state,
      ...(end.error === undefined ? {} : { error: end.error }),
    })
    onSettled(end)
  }

  /** The storage may be away for a while: the result is not given up. */
  async #untilDone(work: () => Promise<void>): Promise<void> {
    for (let failures = 0; this.#wanted !== 'suspend'; failures++) {
      try {
        return await work()
      } catch (thrown) {
        const error = asEngineError(thrown, 'CKP1001', `the end of job "${this.spec.name}" could not be written`)
        const inMs = pauseMs(failures)
        this.#options.listener({ kind: 'job-unsettled', job: this.job, error: errorToData(error), inMs })
        await this.#pause(inMs)
      }
    }
  }

  async #wait(error: EngineError, failures: number): Promise<void> {
    const inMs = pauseMs(failures)
    this.#phase = { kind: 'starting', waiting: `${error.message} It is tried again in ${Math.ceil(inMs / 1000)} s.` }
    this.#options.listener({ kind: 'job-start-failed', job: this.job, error: errorToData(error), inMs })
    await this.#pause(inMs)
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.env.timers.after(delayMs, () => this.#stopWaiting())
      this.#retry = { timer, resolve }
    })
  }

  #stopWaiting(): void {
    const retry = this.#retry
    this.#retry = undefined
    retry?.timer.cancel()
    retry?.resolve()
  }

  #onEvent(event: JobEvent): void {
    if (event.kind === 'state-changed') {
      if (event.state !== 'suspended') this.#note(publicStateOf(event.state, this.#hasRun()))
    }
    this.#options.listener({ kind: 'job-event', job: this.job, event })
  }

  #hasRun(): 'ran' | 'new' {
    return this.#timestamps.RUNNING === undefined ? 'new' : 'ran'
  }

  #note(state: PublicJobState): void {
    this.#timestamps[state] = this.#options.env.clock.wallMs()
  }
}

function isFenced({ state, error, failures }: JobResult): boolean {
  return state === 'failed' && (error?.code === 'CKP1007' || failures.at(-1)?.error.code === 'CKP1007')
}

/** Without a storage there is nobody to claim it from; names of output files stay unique. */
function epochOfClock({ clock }: Env): LeaderEpoch {
  return leaderEpoch(clock.wallMs())
}

function endOf(result: JobResult, outcome: JobEnd['outcome'], startedWallMs: number, env: Env): JobEnd {
  return {
    state: endStateOf(outcome),
    outcome,
    startedWallMs,
    endedWallMs: env.clock.wallMs(),
    restartCount: result.restartCount,
    recordsRead: result.recordsRead,
    checkpointsCompleted: result.checkpoints?.completed ?? 0,
    ...(result.error === undefined ? {} : { error: result.error }),
  }
}

/** Nothing is restored from a finished job any more. */
export async function removeAll(store: CheckpointStore, leader: LeaderEpoch): Promise<void> {
  await removeCheckpoints(store, await store.claimEpoch(leader))
}

function pauseMs(failures: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failures)
}
