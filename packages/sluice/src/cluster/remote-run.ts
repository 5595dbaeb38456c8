/**
 * Running a job in a cluster from here: bundles it, hands it in, and follows it by looking again and again.
 *
 * Owns: nothing of the job: it goes on whether or not somebody looks.
 *
 * F1 A JobManager that does not answer for a while does not end the following: another one may be taking over. After UNSEEN_MS_MAX it is
 *    given up, and the job is not touched.
 */
import { EngineError } from '../base/errors.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { JobResult, JobStatus } from '../jobmanager/job-status.ts'
import type { ArtifactBody, ExceptionsBody, JobDetails, SubmitBody } from '../rest/rest-types.ts'
import { bundleJob } from './bundle.ts'
import { eventsBetween, outcomeOf, resultOf, statusOf, type RemoteLook } from './remote-status.ts'

/** What this needs of a client of the REST API. */
export interface RemoteJobs {
  readonly url: string
  uploadArtifact(bytes: Uint8Array): Promise<ArtifactBody>
  submit(submission: SubmitBody): Promise<string>
  job(job: string): Promise<JobDetails>
  exceptions(job: string): Promise<ExceptionsBody>
}

export interface RemoteSubmission {
  /** Path of the job module. */
  readonly job: string
  readonly params: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly start: 'continue' | 'fresh'
  readonly bytesMax: number
  /** Whole sentences for the author of the job. */
  readonly warn: (text: string) => void
}

/** Resolves with the id of the job. */
export async function submitJob(jobs: RemoteJobs, submission: RemoteSubmission): Promise<string> {
  const { job, params, options, start, bytesMax, warn } = submission
  const { bytes, warnings } = await bundleJob({ job, bytesMax })
  for (const warning of warnings) warn(warning)
  const { artifact } = await jobs.uploadArtifact(bytes)
  return jobs.submit({ artifact, params, options, start, workingDirectory: process.cwd() })
}

/** A job has not been seen for so long: whoever follows it is told. */
const UNSEEN_MS_MAX = 60_000

export interface Following {
  /** All of the cluster, in the order in which they are tried. */
  readonly clients: readonly RemoteJobs[]
  readonly job: string
  /** Between two looks. */
  readonly intervalMs: number
  /** Between two calls of `onStatus`, at least. */
  readonly statusIntervalMs: number
  readonly clock: { monotonicMs(): number }
  /** Rejects when `signal` is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>
  readonly signal: AbortSignal
  listener(event: JobEvent): void
  readonly onStatus: (status: JobStatus) => void
  /** Whole sentences about what it waits for, and about JobManagers that do not answer; each once. */
  note(text: string): void
}

/** Undefined when the signal came before the end of the job. @throws NET1006 when the job could not be seen for UNSEEN_MS_MAX */
export async function followJob(following: Following): Promise<JobResult | undefined> {
  const follower = new Follower(following)
  while (!following.signal.aborted) {
    const result = await follower.look()
    if (result !== undefined) return result
    await following.pause(following.intervalMs, following.signal).catch(leaves)
  }
  return undefined
}

/** The loop sees the signal. */
function leaves(): void {}

class Follower {
  readonly #following: Following
  #before: RemoteLook | undefined
  #seenMs: number
  #current = 0
  #noted: string | undefined
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(following: Following) {
    this.#following = following
    this.#seenMs = following.clock.monotonicMs()
  }

  async look(): Promise<JobResult | undefined> {
    const look = await this.#tryToLook()
    if (look === undefined || this.#following.signal.aborted) return undefined
    this.#seenMs = this.#following.clock.monotonicMs()
    for (const event of eventsBetween(this.#before, look)) this.#following.listener(event)
    this.#before = look
    this.#note(look.details.sluice.waiting ?? undefined)
    const outcome = outcomeOf(look.details)
    if (outcome !== undefined) return resultOf(look, outcome)
    this.#tell(look)
    return undefined
  }

  #tell(look: RemoteLook): void {
    const { statusIntervalMs, onStatus } = this.#following
    if (this.#seenMs - this.#toldMs < statusIntervalMs) return
    this.#toldMs = this.#seenMs
    onStatus(statusOf(look))
  }

  async #tryToLook(): Promise<RemoteLook | undefined> {
    const { clients, job } = this.#following
    const client = clients[this.#current % clients.length]
    if (client === undefined) return undefined
    try {
      const details = await client.job(job)
      const { exceptionHistory } = await client.exceptions(job)
      return { details, exceptions: exceptionHistory.entries }
    } catch (thrown) {
      this.#onUnseen(thrown)
      return undefined
    }
  }

  /** F1 */
  #onUnseen(thrown: unknown): void {
    if (!(thrown instanceof EngineError) || !isPassing(thrown)) throw thrown
    this.#current += 1
    const unseenMs = this.#following.clock.monotonicMs() - this.#seenMs
    if (unseenMs > UNSEEN_MS_MAX) throw thrown
    this.#note(`no JobManager answers about the job; trying again: ${thrown.message}`)
  }

  #note(text: string | undefined): void {
    if (text !== undefined && text !== this.#noted) this.#following.note(text)
    this.#noted = text
  }
}

/** Not reachable, or not leading: another one may be, in a moment. */
function isPassing({ code }: EngineError): boolean {
  return code === 'NET1006' || code.startsWith('CLU') || code === 'NET1007'
}
