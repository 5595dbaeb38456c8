/**
 * Which jobs a cluster has, on the shared storage: docs/spec/leadership.md, "The job registry".
 *
 * Owns: `jobs/`, `names/`, the order of their writes. Does not own: bundles (artifact-store.ts), the life of a job, who leads.
 *
 * N1 A job is accepted when its name refers to it, durably: before that no leader starts it, from then on every leader does.
 * N2 A job has exactly one result. It is written as the turn behind the last one of the leader who writes: a leader that another one has
 *    taken the job over from finds that turn taken and changes nothing.
 * N3 A name belongs to one job at a time, until that has its result.
 * N4 No text from outside becomes part of a path: ids are checked, names are encoded.
 * N5 What is damaged is named, and hides nothing else.
 */
import type { Disk, Random } from '../base/env.ts'
import { EngineError, asEngineError } from '../base/errors.ts'
import { type ArtifactHash, type JobId, type LeaderEpoch, leaderEpoch } from '../base/ids.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import { ArtifactStore } from './artifact-store.ts'
import type { ParallelismBounds } from './cluster-api.ts'
import type { JobEnd } from './cluster-job.ts'
import { JobNames } from './job-names.ts'
import { RegistryFiles } from './registry-files.ts'
import {
  type SubmittedJob,
  type Turn,
  decodeBounds,
  decodeSubmitted,
  decodeTurn,
  encodeRecord,
  jobIdOf,
} from './registry-records.ts'

export interface RegisteredJob extends SubmittedJob {
  /** Undefined while it has none: somebody has to run it. */
  readonly result: JobEnd | undefined
  /** As `setBounds` left them. */
  readonly bounds: ParallelismBounds | undefined
  /** Of what a job leaves that has its result, `done` by `markCleaned`. */
  readonly cleanUp: 'open' | 'done'
}

export interface RegistryContents {
  /** By submission, oldest first. */
  readonly jobs: readonly RegisteredJob[]
  /** N5 */
  readonly damaged: readonly EngineError[]
}

export interface JobRegistryOptions {
  readonly disk: Disk
  /** The shared folder. */
  readonly root: string
  readonly random: Random
  /** Of one bundle. */
  readonly artifactBytesMax?: number
}

export interface JobRegistry {
  /**
   * For a new leader, instead of `list`: takes every job over that has no result, so that no older leader can write one any more. Rejects
   * with CLU1001 when a higher epoch has done so.
   */
  lead(epoch: LeaderEpoch): Promise<RegistryContents>
  /**
   * Takes over what was accepted behind `lead` without this leader's knowledge: a submission to an older leader that was paused in it, or one
   * here that failed when the job had its name already. Rejects as `lead` does.
   */
  adopt(): Promise<readonly RegisteredJob[]>
  /** For everybody; changes nothing. */
  list(): Promise<RegistryContents>
  /** JOB1102 when the name belongs to a job without a result, JOB1103 when there is no such bundle. */
  submit(job: SubmittedJob): Promise<void>
  /** N2. Fine when it has its result already. CLU1001 when another leader has taken the job over. */
  finish(job: JobId, end: JobEnd): Promise<void>
  /** What the job left behind is gone. */
  markCleaned(job: JobId): Promise<void>
  setBounds(job: JobId, bounds: ParallelismBounds): Promise<void>
  /** Removes a job that has its result. */
  forget(job: JobId): Promise<void>
  putArtifact(bytes: Uint8Array): Promise<ArtifactHash>
  hasArtifact(hash: ArtifactHash): Promise<boolean>
  /** Verified. JOB1103 when it is unknown or damaged. */
  readArtifact(hash: ArtifactHash): Promise<Uint8Array>
  /** Removes bundles that no job refers to, and that nobody asked for since the last call. */
  collectArtifacts(): Promise<readonly ArtifactHash[]>
}

const ARTIFACT_BYTES_MAX = 100 * 1024 * 1024

export function createJobRegistry(options: JobRegistryOptions): JobRegistry {
  return new StoredRegistry(options)
}

const SPEC = 'spec.json'
const BOUNDS = 'bounds.json'
const CLEANED = 'cleaned'
const TURN_NAME = /^(\d{6,})\.json$/
const GONE = '.gone-'

interface NumberedTurn {
  /** 0 when there is none. */
  readonly number: number
  readonly turn: Turn | undefined
}

class StoredRegistry implements JobRegistry {
  readonly #files: RegistryFiles
  readonly #artifacts: ArtifactStore
  readonly #names: JobNames
  readonly #jobs: string
  /** The last turn of this leader, by job. */
  readonly #turns = new Map<JobId, number>()
  /** Had their result when this leader looked. */
  readonly #over = new Set<JobId>()
  #epoch = leaderEpoch(0)
  /** Changes of which jobs there are happen one after the other. */
  #tail: Promise<unknown> = Promise.resolve()

  constructor({ disk, root, random, artifactBytesMax }: JobRegistryOptions) {
    this.#files = new RegistryFiles({ disk, root, random })
    this.#artifacts = new ArtifactStore(this.#files, artifactBytesMax ?? ARTIFACT_BYTES_MAX)
    this.#names = new JobNames(this.#files)
    this.#jobs = `${root}/jobs`
  }

  lead(epoch: LeaderEpoch): Promise<RegistryContents> {
    return this.#inTurn(async () => {
      this.#epoch = epoch
      this.#turns.clear()
      this.#over.clear()
      await this.#files.makeFolder(this.#jobs)
      const contents = await this.#contents(await this.#jobIds(), (job) => this.#takeOver(job))
      await this.#removeGone()
      return contents
    })
  }

  adopt(): Promise<readonly RegisteredJob[]> {
    return this.#inTurn(async () => {
      const unknown = (await this.#jobIds()).filter((job) => !this.#turns.has(job) && !this.#over.has(job))
      const { jobs } = await this.#contents(unknown, (job) => this.#takeOver(job))
      return jobs.filter(({ result }) => result === undefined)
    })
  }

  async list(): Promise<RegistryContents> {
    return this.#contents(await this.#jobIds(), (job) => this.#lastTurn(job))
  }

  submit({ spec, submittedWallMs }: SubmittedJob): Promise<void> {
    return this.#inTurn(async () => {
      const job = this.#checked(spec.job)
      const folder = `${this.#jobs}/${job}`
      await this.#files.makeFolder(`${folder}/turns`)
      await this.#files.create(folder, SPEC, encodeRecord({ spec, submittedWallMs }))
      try {
        await this.#requireArtifact(spec)
        await this.#names.take(spec.name, job, (holder) => this.#isOver(holder)) // N1: from here on it is accepted
      } catch (error) {
        if (error instanceof EngineError && isRefusal(error)) await this.#removeJob(job)
        throw error
      }
      await this.#append(job, 1)
    })
  }

  async finish(job: JobId, end: JobEnd): Promise<void> {
    const last = this.#turns.get(this.#checked(job))
    if (last === undefined) throw unknownJob(job)
    const turn: Turn = { kind: 'ended', epoch: this.#epoch, end }
    if ((await this.#createTurn(job, last + 1, turn)) === 'created') return
    const { turn: found } = await this.#lastTurn(job)
    if (found?.kind !== 'ended') throw takenOver(job, found?.epoch) // N2
  }

  async markCleaned(job: JobId): Promise<void> {
    await this.#files.create(await this.#folderOf(job), CLEANED, new Uint8Array(0))
  }

  async setBounds(job: JobId, { lower, upper }: ParallelismBounds): Promise<void> {
    await this.#files.replace(await this.#folderOf(job), BOUNDS, encodeRecord({ lower, upper }))
  }

  forget(job: JobId): Promise<void> {
    return this.#inTurn(async () => {
      if (!(await this.#isOver(this.#checked(job)))) throw unknownJob(job)
      await this.#removeJob(job)
    })
  }

  putArtifact(bytes: Uint8Array): Promise<ArtifactHash> {
    return this.#artifacts.put(bytes)
  }

  hasArtifact(hash: ArtifactHash): Promise<boolean> {
    return this.#artifacts.has(hash)
  }

  readArtifact(hash: ArtifactHash): Promise<Uint8Array> {
    return this.#artifacts.read(hash)
  }

  collectArtifacts(): Promise<readonly ArtifactHash[]> {
    return this.#inTurn(() => this.#artifacts.collect(() => this.#referred()))
  }

  /** N5 */
  async #contents(ids: readonly JobId[], turnOf: (job: JobId) => Promise<NumberedTurn>): Promise<RegistryContents> {
    const jobs: RegisteredJob[] = []
    const damaged: EngineError[] = []
    for (const job of ids) {
      try {
        const registered = await this.#registered(job, turnOf)
        if (registered !== undefined) jobs.push(registered)
      } catch (thrown) {
        const error = asEngineError(thrown, 'JOB1108', `job ${job} cannot be read`)
        if (error.code !== 'JOB1108') throw error
        damaged.push(error)
      }
    }
    return { jobs: jobs.sort((a, b) => a.submittedWallMs - b.submittedWallMs), damaged }
  }

  /** Undefined for one that was never accepted. */
  async #registered(job: JobId, turnOf: (job: JobId) => Promise<NumberedTurn>): Promise<RegisteredJob | undefined> {
    const submitted = await this.#submittedOf(job)
    if (submitted === undefined || !(await this.#isAccepted(job, submitted.spec.name))) return undefined
    const { turn } = await turnOf(job)
    const folder = `${this.#jobs}/${job}`
    const bounds = await this.#files.read(`${folder}/${BOUNDS}`)
    const cleanUp = (await this.#files.exists(`${folder}/${CLEANED}`)) ? 'done' : 'open'
    return {
      ...submitted,
      result: turn?.kind === 'ended' ? turn.end : undefined,
      bounds: bounds === undefined ? undefined : decodeBounds(bounds, damagedFile(`${folder}/${BOUNDS}`)),
      cleanUp,
    }
  }

  /** N1 */
  async #isAccepted(job: JobId, name: string): Promise<boolean> {
    return (await this.#lastTurn(job)).number > 0 || (await this.#names.holderOf(name)) === job
  }

  async #isOver(job: JobId): Promise<boolean> {
    if ((await this.#lastTurn(job)).turn?.kind === 'ended') return true
    return !(await this.#files.exists(`${this.#jobs}/${job}/${SPEC}`))
  }

  /** N2 */
  async #takeOver(job: JobId): Promise<NumberedTurn> {
    const last = await this.#lastTurn(job)
    if (last.turn?.kind === 'ended') {
      this.#over.add(job)
      return last
    }
    const epoch = last.turn?.epoch ?? 0
    if (epoch > this.#epoch) throw takenOver(job, last.turn?.epoch)
    if (epoch < this.#epoch || last.number === 0) return this.#append(job, last.number + 1)
    this.#turns.set(job, last.number)
    return last
  }

  async #append(job: JobId, number: number): Promise<NumberedTurn> {
    const turn: Turn = { kind: 'led', epoch: this.#epoch }
    if ((await this.#createTurn(job, number, turn)) === 'exists') return this.#takeOver(job)
    this.#turns.set(job, number)
    return { number, turn }
  }

  #createTurn(job: JobId, number: number, turn: Turn): Promise<'created' | 'exists'> {
    return this.#files.create(`${this.#jobs}/${job}/turns`, turnName(number), encodeRecord(turn))
  }

  async #lastTurn(job: JobId): Promise<NumberedTurn> {
    const folder = `${this.#jobs}/${job}/turns`
    const numbers = (await this.#files.list(folder)).map((name) => Number(TURN_NAME.exec(name)?.[1] ?? 0))
    const number = Math.max(0, ...numbers)
    if (number === 0) return { number, turn: undefined }
    const path = `${folder}/${turnName(number)}`
    const bytes = await this.#files.read(path)
    return { number, turn: bytes === undefined ? undefined : decodeTurn(bytes, damagedFile(path)) }
  }

  async #submittedOf(job: JobId): Promise<SubmittedJob | undefined> {
    const path = `${this.#jobs}/${job}/${SPEC}`
    const bytes = await this.#files.read(path)
    if (bytes === undefined) return undefined
    const submitted = decodeSubmitted(bytes, damagedFile(path))
    if (submitted.spec.job !== job) throw damagedFile(path)(`it is of job ${submitted.spec.job}`)
    return submitted
  }

  async #jobIds(): Promise<readonly JobId[]> {
    return (await this.#files.list(this.#jobs)).flatMap((name) => jobIdOf(name) ?? [])
  }

  /** Also those that are not accepted yet, and damaged ones as far as their text says. */
  async #referred(): Promise<ReadonlySet<ArtifactHash>> {
    const hashes = new Set<ArtifactHash>()
    for (const job of await this.#jobIds()) {
      const submitted = await this.#submittedOf(job)
      if (submitted !== undefined) hashes.add(submitted.spec.artifact)
    }
    return hashes
  }

  async #requireArtifact({ artifact, name }: JobSpec): Promise<void> {
    if (await this.#artifacts.has(artifact)) return
    throw new EngineError(
      'JOB1103',
      `job "${name}" refers to the bundle ${artifact}, which is not on the shared storage. Nothing was submitted. Upload the bundle again, then submit again.`,
      { context: { job: name } },
    )
  }

  /** First out of sight, then away: half of a job is never seen. */
  async #removeJob(job: JobId): Promise<void> {
    await this.#files.rename(this.#jobs, job, `${GONE}${job}`)
    await this.#files.remove(this.#jobs, `${GONE}${job}`)
    this.#turns.delete(job)
    this.#over.delete(job)
  }

  async #removeGone(): Promise<void> {
    for (const name of await this.#files.list(this.#jobs))
      if (name.startsWith(GONE)) await this.#files.remove(this.#jobs, name)
  }

  async #folderOf(job: JobId): Promise<string> {
    const folder = `${this.#jobs}/${this.#checked(job)}`
    if (!(await this.#files.exists(`${folder}/${SPEC}`))) throw unknownJob(job)
    return folder
  }

  /** N4 */
  #checked(job: JobId): JobId {
    const checked = jobIdOf(job)
    if (checked === undefined) throw unknownJob(job)
    return checked
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(run)
    this.#tail = done.catch(seenByTheAsker)
    return done
  }
}

/** Whoever asked for a change sees its failure; the next one has its own. */
function seenByTheAsker(): void {}

function turnName(number: number): string {
  return `${String(number).padStart(6, '0')}.json`
}

function isRefusal({ code }: EngineError): boolean {
  return code === 'JOB1102' || code === 'JOB1103'
}

function damagedFile(path: string): (problem: string) => EngineError {
  return (problem) =>
    new EngineError(
      'JOB1108',
      `${path} is damaged: ${problem}. The job it belongs to is not started, and no other job is affected. Bring the file back from a copy, or remove its folder to give the job up.`,
      { context: { path } },
    )
}

function unknownJob(job: string): EngineError {
  return new EngineError(
    'JOB1101',
    `there is no job ${JSON.stringify(job.slice(0, 80))} here, or it has not ended. Nothing was changed. See sluice list for the jobs there are.`,
  )
}

function takenOver(job: JobId, epoch: LeaderEpoch | undefined): EngineError {
  return new EngineError(
    'CLU1001',
    `job ${job} was taken over by leader epoch ${epoch ?? 'unknown'}. This JobManager leads it no longer and changes nothing of it. Ask the leader.`,
    { context: { job } },
  )
}
