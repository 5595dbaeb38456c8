/**
 * Somebody who submits a job to whoever leads, and looks at it until it has finished.
 *
 * Owns: the tries. Does not own: the JobManagers. It learns only what an answer says: a JobManager that stands still or dies gives none.
 */
import { EngineError } from '../base/errors.ts'
import type { JobId } from '../base/ids.ts'
import type { ClusterApi, JobOverview } from '../jobmanager/cluster-api.ts'
import type { SimHost } from './cluster-sim-host.ts'
import type { SimLife, SimScheduler } from './sim-scheduler.ts'

export interface SimClientOptions {
  readonly scheduler: SimScheduler
  readonly life: SimLife
  readonly hosts: readonly SimHost[]
  readonly bundle: Uint8Array
}

const LOOK_MS = 50
/** How long an answer is waited for. */
const ANSWER_MS = 2000

export class SimClient {
  readonly #options: SimClientOptions
  /** What the newest answer said. */
  job: JobOverview | undefined
  submissions = 0
  /** Told when a submission is refused. */
  readonly refusals: EngineError[] = []
  #asking: { readonly untilMs: number } | undefined
  #wanted: 'finished' | 'nothing' = 'finished'

  constructor(options: SimClientOptions) {
    this.#options = options
  }

  start(): void {
    this.#look()
  }

  stop(): void {
    this.#wanted = 'nothing'
  }

  forget(): void {
    this.job = undefined
    this.#asking = undefined
  }

  /** The API of whoever says that it leads. */
  leader(): { readonly host: SimHost; readonly api: ClusterApi } | undefined {
    for (const host of this.#options.hosts) {
      if (host.process?.kind !== 'jm' || !host.isAwake) continue
      const { api } = host.process.manager
      if (api.notLeading() === undefined) return { host, api }
    }
    return undefined
  }

  #look(): void {
    const { scheduler, life } = this.#options
    scheduler.after(life, LOOK_MS, 'client', () => {
      if (this.#wanted === 'nothing') return
      this.#ask()
      this.#look()
    })
  }

  #ask(): void {
    const leader = this.leader()
    if (leader === undefined) return
    const found = leader.api.jobs().find(({ state }) => state !== 'FAILED') ?? leader.api.jobs()[0]
    if (found !== undefined) this.job = found
    if (found === undefined || found.state === 'FAILED') this.#submit(leader.api)
  }

  #submit(api: ClusterApi): void {
    const { scheduler } = this.#options
    if (this.#asking !== undefined && scheduler.nowMs < this.#asking.untilMs) return
    const asking = { untilMs: scheduler.nowMs + ANSWER_MS }
    this.#asking = asking
    const forget = (): void => {
      if (this.#asking === asking) this.#asking = undefined
    }
    this.#send(api).then(forget, (thrown: unknown) => {
      forget()
      if (!(thrown instanceof EngineError)) throw thrown
      this.refusals.push(thrown)
    })
  }

  async #send(api: ClusterApi): Promise<JobId> {
    const artifact = await api.storeArtifact(this.#options.bundle)
    const job = await api.submit({ artifact, params: {}, options: {}, start: 'continue' })
    this.submissions++
    return job
  }
}
