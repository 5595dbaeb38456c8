/**
 * Answers the REST API for a JobManager that leads; one that does not says where the leader is.
 *
 * Owns: nothing. Changes go to the dispatcher and the registry, in this order of trust: what a request names is looked up first.
 */
import { EngineError } from '../base/errors.ts'
import type { ArtifactHash, CheckpointId, JobId, LeaderEpoch, TaskManagerId } from '../base/ids.ts'
import type { InfoQuestion } from '../control/cluster-messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type {
  ClusterApi,
  ClusterOverview,
  JobDetail,
  JobOverview,
  ParallelismBounds,
  Submission,
  TaskManagerView,
} from './cluster-api.ts'
import type { ClusterJob } from './cluster-job.ts'
import { clusterOverview, detailOf, endedDetail, endedOverview, overviewOf } from './cluster-views.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { JobRegistry } from './job-registry.ts'
import type { LeaderInfo } from './leadership.ts'
import type { SlotManager } from './slot-manager.ts'

export interface LeaderApiOptions {
  /** Undefined while it does not lead. */
  readonly dispatcher: () => Dispatcher | undefined
  readonly epoch: () => LeaderEpoch | undefined
  readonly leader: () => LeaderInfo | undefined
  readonly registry: JobRegistry
  readonly slots: SlotManager
  readonly ask: (id: TaskManagerId, question: InfoQuestion) => Promise<string>
  readonly version: string
  readonly logText: (bytesMax: number) => string
  readonly metricsText: () => string
}

export class LeaderApi implements ClusterApi {
  readonly #options: LeaderApiOptions

  constructor(options: LeaderApiOptions) {
    this.#options = options
  }

  notLeading(): { readonly leaderUrl: string | undefined } | undefined {
    if (this.#options.dispatcher() !== undefined) return undefined
    return { leaderUrl: this.#options.leader()?.restUrl }
  }

  overview(): ClusterOverview {
    const { epoch, version } = this.#options
    return clusterOverview(this.jobs(), this.taskManagers(), { epoch: epoch() ?? 0, version })
  }

  jobs(): readonly JobOverview[] {
    const dispatcher = this.#leading()
    const live = dispatcher.live()
    const known = new Set(live.map(({ job }) => job))
    const ended = dispatcher.ended().filter(({ spec }) => !known.has(spec.job))
    return [...live.map(overviewOf), ...ended.map(endedOverview)]
  }

  job(job: JobId): JobDetail {
    const dispatcher = this.#leading()
    const live = dispatcher.find(job)
    if (live !== undefined) return detailOf(live, this.taskManagers())
    const ended = dispatcher.findEnded(job)
    if (ended !== undefined) return endedDetail(ended)
    throw unknownJob(job)
  }

  taskManagers(): readonly TaskManagerView[] {
    this.#leading()
    return this.#options.slots.taskManagers()
  }

  async storeArtifact(bytes: Uint8Array): Promise<ArtifactHash> {
    this.#leading()
    return this.#options.registry.putArtifact(bytes)
  }

  async submit(submission: Submission): Promise<JobId> {
    return this.#leading().submit(submission)
  }

  async cancel(job: JobId): Promise<void> {
    this.#live(job).cancel()
  }

  async stop(job: JobId): Promise<void> {
    this.#live(job).stop()
  }

  async checkpoint(job: JobId): Promise<CheckpointId> {
    const { phase } = this.#live(job)
    if (phase.kind === 'running') return phase.master.checkpoint()
    throw new EngineError(
      'JOB1107',
      `job ${job} has no running tasks at the moment. No checkpoint was taken. Ask again when it is RUNNING.`,
    )
  }

  async setParallelism(job: JobId, bounds: ParallelismBounds): Promise<void> {
    const live = this.#live(job)
    await this.#options.registry.setBounds(job, bounds)
    live.setParallelismMax(bounds.upper)
  }

  parallelism(job: JobId): ParallelismBounds {
    const live = this.#live(job)
    const { phase } = live
    const wanted = phase.kind === 'running' ? parallelismOf(phase.loaded.graph) : 1
    return { lower: 1, upper: live.parallelismMax() ?? wanted }
  }

  async taskManagerLog(id: TaskManagerId, bytesMax: number): Promise<string> {
    this.#leading()
    return this.#options.ask(id, { kind: 'log', bytesMax })
  }

  log(bytesMax: number): string {
    return this.#options.logText(bytesMax)
  }

  metricsText(): string {
    return this.#options.metricsText()
  }

  #leading(): Dispatcher {
    const dispatcher = this.#options.dispatcher()
    if (dispatcher !== undefined) return dispatcher
    const url = this.#options.leader()?.restUrl
    const leader = url === undefined ? 'No leader is known at the moment' : `The leader is ${url}`
    throw new EngineError(
      'CLU1001',
      `this JobManager does not lead the cluster. Nothing was done. ${leader}; ask again there.`,
    )
  }

  #live(job: JobId): ClusterJob {
    const found = this.#leading().find(job)
    if (found !== undefined) return found
    throw unknownJob(job)
  }
}

/** Of the widest vertex. */
function parallelismOf({ vertices }: JobGraph): number {
  return Math.max(...vertices.map(({ parallelism }) => parallelism))
}

function unknownJob(job: JobId): EngineError {
  return new EngineError(
    'JOB1101',
    `there is no job ${job}. Nothing was done. List the jobs with sluice list, or GET /v1/jobs/overview.`,
  )
}
