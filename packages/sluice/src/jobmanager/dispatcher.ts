/**
 * The jobs of the cluster while this JobManager leads: takes them over, takes new ones in, keeps those that have ended in sight.
 *
 * Owns: which jobs there are under this leader. Does not own: the life of one (cluster-job.ts), the storage (job-registry.ts), leadership
 * (job-manager.ts makes one dispatcher per epoch and suspends it when the epoch is over).
 *
 * D1 A job is in the registry before it starts: whoever leads next knows it.
 * D2 One job per name at a time; a name is looked at, cleared and taken by one submission after the other.
 * D3 What cannot be read of the registry is reported and does not hide the other jobs.
 * D4 What is in the registry is led here, also when it came there without this leader's knowledge: nobody else would, and its name would
 *    stay taken.
 */
import type { Env, Timer } from '../base/env.ts'
import { EngineError, asEngineError, errorToData } from '../base/errors.ts'
import { type ArtifactHash, type JobId, type LeaderEpoch, jobId } from '../base/ids.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import { jobFolderName } from '../checkpoint/job-folder.ts'
import type { JobSpec, SpecLayer } from '../control/cluster-messages.ts'
import type { Submission } from './cluster-api.ts'
import type { ClusterEvent } from './cluster-events.ts'
import { ClusterJob, type ClusterJobOptions, type JobEnd, type LoadedJob, removeAll } from './cluster-job.ts'
import type { ClusterSlotPool } from './cluster-slot-pool.ts'
import type { JobRegistry, RegisteredJob, RegistryContents } from './job-registry.ts'

export interface DispatcherOptions {
  readonly env: Env
  readonly registry: JobRegistry
  /** Folder of the shared storage in which each job name has its checkpoints. */
  readonly checkpointRoot: string
  /** @param workingDirectory from where relative paths among the parameters are meant */
  readonly load: (spec: JobSpec, workingDirectory?: string) => Promise<LoadedJob>
  readonly storeOf: (root: string) => CheckpointStore
  readonly epoch: LeaderEpoch
  readonly poolOf: (spec: JobSpec, loaded: LoadedJob) => ClusterSlotPool
  readonly listener: (event: ClusterEvent) => void
}

/** A job that ended, under this leader or before. */
export interface EndedJob {
  readonly spec: JobSpec
  readonly submittedWallMs: number
  readonly end: JobEnd
}

interface Cleaning {
  readonly ended: RegisteredJob
  readonly outcome: Promise<'clean' | EngineError>
}

/** Between two looks for jobs that came into the registry without this leader's knowledge (D4). */
const ADOPT_INTERVAL_MS = 10_000

/** Ended jobs that can still be looked at. */
const ENDED_MAX = 50

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #jobs = new Map<JobId, ClusterJob>()
  readonly #ended = new Map<JobId, EndedJob>()
  #submissions: Promise<unknown> = Promise.resolve()
  /** By name: what has to be over before a job of that name starts. */
  readonly #cleanings = new Map<string, Cleaning>()
  #isSuspended = false
  #adoption: Timer | undefined

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** Takes over what the registry knows. */
  recover({ jobs, damaged }: RegistryContents): void {
    const { listener } = this.#options
    for (const error of damaged) listener({ kind: 'registry-damaged', error: errorToData(error) }) // D3
    for (const registered of jobs) this.#takeOver(registered)
    this.#adoptLater()
  }

  /** D1, D2. Resolves when the job is on its way. */
  submit(submission: Submission): Promise<JobId> {
    return this.#inTurn(() => this.#submit(submission))
  }

  live(): readonly ClusterJob[] {
    return [...this.#jobs.values()]
  }

  ended(): readonly EndedJob[] {
    return [...this.#ended.values()]
  }

  find(job: JobId): ClusterJob | undefined {
    return this.#jobs.get(job)
  }

  findEnded(job: JobId): EndedJob | undefined {
    return this.#ended.get(job)
  }

  /** The epoch is over. Resolves when nothing of the jobs runs here any more. */
  async suspend(): Promise<void> {
    this.#isSuspended = true
    this.#adoption?.cancel()
    await Promise.all(this.live().map((job) => job.suspend()))
  }

  // D2
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#submissions.then(run)
    this.#submissions = turn.then(nothingLost, nothingLost) // of what went wrong, only who asked is told
    return turn
  }

  #adoptLater(): void {
    if (this.#isSuspended) return
    const look = (): Promise<void> =>
      this.#adopt()
        .catch(nothingLost)
        .then(() => this.#cleanAgain()) // it is looked again
    this.#adoption = this.#options.env.timers.after(ADOPT_INTERVAL_MS, () => {
      void this.#inTurn(look).then(() => this.#adoptLater())
    })
  }

  /** What could not be removed, because the storage failed or the leader before was at it as well. */
  async #cleanAgain(): Promise<void> {
    for (const { ended, outcome } of this.#cleanings.values()) {
      if (this.#isSuspended) return
      if (ended.result !== undefined && (await outcome) !== 'clean') await this.#clean(ended, ended.result)
    }
  }

  // D4
  async #adopt(): Promise<void> {
    const found = await this.#options.registry.adopt()
    for (const registered of found)
      if (!this.#isSuspended && !this.#jobs.has(registered.spec.job)) this.#takeOver(registered)
  }

  #takeOver(registered: RegisteredJob): void {
    const { spec, submittedWallMs, result, cleanUp } = registered
    if (result !== undefined) {
      if (cleanUp === 'open') void this.#clean(registered, result)
      this.#keepEnded({ spec, submittedWallMs, end: result })
      return
    }
    this.#options.listener({ kind: 'job-recovered', job: spec.job, name: spec.name })
    this.#open(registered).start()
  }

  /** What a leader before began when its job had ended. Never rejects: it is tried again now and then, and by the next submission of the name. */
  #clean(ended: RegisteredJob, end: JobEnd): Cleaning['outcome'] {
    const outcome = this.#removeLeftOver(ended.spec, end)
    this.#cleanings.set(ended.spec.name, { ended, outcome })
    return outcome
  }

  async #removeLeftOver({ job, name, storageRoot }: JobSpec, { outcome }: JobEnd): Promise<'clean' | EngineError> {
    const { registry, storeOf, listener, epoch } = this.#options
    try {
      if (outcome === 'finished' && storageRoot !== undefined) await removeAll(storeOf(storageRoot), epoch)
      await registry.markCleaned(job)
      return 'clean'
    } catch (thrown) {
      const error = asEngineError(thrown, 'CKP1001', `what job "${name}" left behind could not be removed`)
      listener({ kind: 'job-unsettled', job, error: errorToData(error), inMs: ADOPT_INTERVAL_MS })
      return error
    }
  }

  async #submit({ artifact, params, options, start, workingDirectory }: Submission): Promise<JobId> {
    const { env, registry, load, listener } = this.#options
    await this.#requireArtifact(artifact)
    const job = newJobId(env)
    const draft: JobSpec = { job, name: '', artifact, params, layers: [{ origin: 'submission', values: options }] }
    const loaded = await load(draft, workingDirectory)
    const name = loaded.graph.jobName
    await this.#adopt() // before the name is looked at
    await this.#requireName(name)
    const layers = [...draft.layers, slotLayerOf(loaded)]
    const spec = { ...draft, name, layers, params: loaded.params ?? params, ...this.#storageOf(name, loaded) }
    if (start === 'fresh' && spec.storageRoot !== undefined) await this.#clear(spec.storageRoot)
    if (this.#isSuspended) throw notLeadingAnyMore()
    const submittedWallMs = env.clock.wallMs()
    await registry.submit({ spec, submittedWallMs })
    listener({ kind: 'job-submitted', job, name })
    if (this.#isSuspended) return job // the next leader starts it
    this.#open({ spec, submittedWallMs, bounds: undefined }).start(loaded)
    return job
  }

  async #requireArtifact(artifact: ArtifactHash): Promise<void> {
    if (await this.#options.registry.hasArtifact(artifact)) return
    throw new EngineError(
      'JOB1103',
      `there is no job bundle ${artifact}. Nothing was submitted. Upload the bundle first (POST /v1/artifacts), or use sluice run --jobmanager.`,
    )
  }

  // D2
  async #requireName(name: string): Promise<void> {
    const running = this.live().find((live) => live.spec.name === name && !live.isSettled)
    if (running !== undefined) throw nameTaken(name, running.job)
    const cleaning = this.#cleanings.get(name)
    if (cleaning?.ended.result === undefined || (await cleaning.outcome) === 'clean') return
    const again = await this.#clean(cleaning.ended, cleaning.ended.result)
    if (again instanceof EngineError) throw again
  }

  #storageOf(name: string, { options }: LoadedJob): { readonly storageRoot?: string } {
    if (options.checkpoint.intervalMs === 'off') return {}
    return { storageRoot: `${this.#options.checkpointRoot}/${jobFolderName(name)}` }
  }

  /** The ids and epochs that were used stay used. */
  async #clear(root: string): Promise<void> {
    const { storeOf, epoch } = this.#options
    await removeAll(storeOf(root), epoch)
  }

  #open(registered: Pick<RegisteredJob, 'spec' | 'submittedWallMs' | 'bounds'>): ClusterJob {
    const job = new ClusterJob(this.#jobOptions(registered))
    this.#jobs.set(job.job, job)
    return job
  }

  #jobOptions({
    spec,
    submittedWallMs,
    bounds,
  }: Pick<RegisteredJob, 'spec' | 'submittedWallMs' | 'bounds'>): ClusterJobOptions {
    const { env, registry, load, storeOf, poolOf, listener, epoch } = this.#options
    return {
      spec,
      submittedWallMs,
      env,
      load,
      storeOf,
      leader: epoch,
      poolOf: (loaded) => poolOf(spec, loaded),
      settle: (end) => registry.finish(spec.job, end),
      markCleaned: () => registry.markCleaned(spec.job),
      listener,
      onSettled: (end) => this.#keepEnded({ spec, submittedWallMs, end }),
      parallelismMax: bounds?.upper,
    }
  }

  /** Details of a job that ended here stay with its object as long as it is in sight. */
  #keepEnded(ended: EndedJob): void {
    this.#ended.set(ended.spec.job, ended)
    for (const [job, { spec }] of this.#ended) {
      if (this.#ended.size <= ENDED_MAX) return
      this.#ended.delete(job)
      this.#jobs.delete(job)
      this.#forget(spec).catch(nothingLost)
    }
  }

  /** What cannot be removed now is not worth an error: the next leader forgets it. */
  async #forget({ job, name }: JobSpec): Promise<void> {
    const { registry } = this.#options
    const cleaning = this.#cleanings.get(name)
    if (cleaning?.ended.spec.job === job && (await cleaning.outcome) !== 'clean') return
    await registry.forget(job)
    await registry.collectArtifacts()
  }
}

function nothingLost(): void {}

/** A TaskManager makes a slot before it has loaded the job: what the job itself sets for its slots goes with it. */
function slotLayerOf({ optionTexts }: LoadedJob): SpecLayer {
  const ofSlots = Object.entries(optionTexts).filter(([key]) => key.startsWith('slot.'))
  return { origin: 'job', values: Object.fromEntries(ofSlots) }
}

function newJobId({ random }: Env): JobId {
  const words = Array.from({ length: 4 }, () => random.u32().toString(16).padStart(8, '0'))
  return jobId(words.join(''))
}

function nameTaken(name: string, running: JobId): EngineError {
  return new EngineError(
    'JOB1102',
    `a job named "${name}" runs already: ${running}. Nothing was submitted: two jobs of one name would share their checkpoints. ` +
      `Stop it first (sluice stop ${running}), or give the new job another name.`,
    { context: { job: name } },
  )
}

function notLeadingAnyMore(): EngineError {
  return new EngineError(
    'CLU1001',
    'this JobManager lost its leadership while the job was being submitted. Nothing was submitted. Submit it again: the leader of now takes it.',
  )
}
