/**
 * Job bundles on this machine: fetched from the leader once, kept under their hash.
 *
 * Owns: the files of its folder, the fetches under way. Does not own: the connection (task-manager.ts), what is in a bundle.
 *
 * A1 A path is given out only for a file whose bytes had the hash when this process wrote or read it first.
 * A2 One fetch per bundle at a time; one part of it on its way.
 * A3 A fetch ends: with all parts, with the first wrong one, when a part does not come in time, or with the connection.
 */
import { createHash } from 'node:crypto'
import { type Deferred, deferred } from '../base/deferred.ts'
import { DiskError } from '../base/disk-error.ts'
import type { Env, Timer } from '../base/env.ts'
import { EngineError, errorFromData, messageOf, type ErrorData } from '../base/errors.ts'
import type { ArtifactHash } from '../base/ids.ts'
import { joinedBytes } from '../base/joined-bytes.ts'
import type { ToTaskManager } from '../control/cluster-messages.ts'

export interface ArtifactLimits {
  readonly bytesMax: number
  readonly partBytesMax: number
  readonly partTimeoutMs: number
  /** Bundles kept; those used longest ago are removed. */
  readonly keptMax: number
}

export const ARTIFACT_LIMITS: ArtifactLimits = {
  bytesMax: 100 * 1024 * 1024,
  partBytesMax: 1024 * 1024,
  partTimeoutMs: 10_000,
  keptMax: 64,
}

export interface ArtifactCacheOptions {
  readonly env: Env
  /** Absolute; made when it is needed. */
  readonly folder: string
  readonly limits: ArtifactLimits
  /** Asks the leader for the bytes from `offset`; one `onPart` or `onMissing` answers. */
  readonly request: (artifact: ArtifactHash, offset: number) => void
  readonly onFetched: (artifact: ArtifactHash, bytes: number) => void
}

type Part = Extract<ToTaskManager, { kind: 'artifact-part' }>

interface Fetch {
  readonly bytes: Deferred<Uint8Array>
  readonly parts: Uint8Array[]
  offset: number
  timer: Timer
}

const HASH = /^[0-9a-f]{64}$/

export class ArtifactCache {
  readonly #options: ArtifactCacheOptions
  /** Files that are there or on their way, used longest ago first. */
  readonly #paths = new Map<ArtifactHash, Promise<string>>()
  readonly #fetches = new Map<ArtifactHash, Fetch>()

  constructor(options: ArtifactCacheOptions) {
    this.#options = options
  }

  /** Where the bundle is; fetches it when it is not there. Rejects with an EngineError. */
  path(artifact: ArtifactHash): Promise<string> {
    const known = this.#paths.get(artifact)
    if (known !== undefined) {
      this.#touch(artifact, known)
      return known
    }
    const path = this.#provide(artifact)
    this.#paths.set(artifact, path)
    path.then(
      () => this.#removeOldest(),
      () => this.#paths.delete(artifact), // whoever waits is told; the next one tries again
    )
    return path
  }

  onPart(part: Part): void {
    const fetch = this.#fetches.get(part.artifact)
    if (fetch === undefined || part.offset !== fetch.offset) return // late, of a fetch that was given up
    const wrong = this.#whatIsWrong(part, fetch)
    if (wrong !== undefined) return this.#fail(part.artifact, damaged(part.artifact, wrong))
    fetch.timer.cancel()
    fetch.parts.push(part.bytes)
    fetch.offset += part.bytes.length
    if (fetch.offset < part.totalBytes) return this.#ask(part.artifact, fetch)
    this.#fetches.delete(part.artifact)
    fetch.bytes.resolve(joinedBytes(fetch.parts))
  }

  onMissing(artifact: ArtifactHash): void {
    this.#fail(
      artifact,
      new EngineError(
        'JOB1103',
        `the JobManager does not have the job bundle ${artifact}. The slot is not started. Submit the job again`,
      ),
    )
  }

  /** Gives up all fetches: the connection is gone. */
  disconnected(error: ErrorData): void {
    for (const artifact of this.#fetches.keys()) this.#fail(artifact, errorFromData(error))
  }

  async #provide(artifact: ArtifactHash): Promise<string> {
    if (!HASH.test(artifact)) throw damaged(artifact, 'its name is no SHA-256 hash')
    const path = `${this.#options.folder}/${artifact}.mjs`
    if (await this.#isThere(artifact, path)) return path
    const bytes = await this.#fetch(artifact)
    if (hashOf(bytes) !== artifact) throw damaged(artifact, 'the bytes that came have another hash')
    await this.#write(path, bytes)
    this.#options.onFetched(artifact, bytes.length)
    return path
  }

  /** A1: a file of an earlier process may be torn. */
  async #isThere(artifact: ArtifactHash, path: string): Promise<boolean> {
    try {
      return hashOf(await this.#options.env.disk.read(path)) === artifact
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'not-found') return false
      throw unusable(path, error)
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const { disk, random } = this.#options.env
    const temporary = `${path}.${random.u32().toString(16)}.tmp`
    try {
      await disk.makeDirectory(this.#options.folder)
      const file = await disk.openWrite(temporary, 'create')
      try {
        await file.write(bytes)
      } finally {
        await file.close()
      }
      await disk.rename(temporary, path)
    } catch (error) {
      throw unusable(path, error)
    }
  }

  #fetch(artifact: ArtifactHash): Promise<Uint8Array> {
    const fetch: Fetch = { bytes: deferred(), parts: [], offset: 0, timer: { cancel: () => {} } }
    this.#fetches.set(artifact, fetch)
    this.#ask(artifact, fetch)
    return fetch.bytes.promise
  }

  // A2, A3
  #ask(artifact: ArtifactHash, fetch: Fetch): void {
    const { env, limits, request } = this.#options
    fetch.timer = env.timers.after(limits.partTimeoutMs, () => this.#fail(artifact, late(artifact, limits)))
    request(artifact, fetch.offset)
  }

  #fail(artifact: ArtifactHash, error: EngineError): void {
    const fetch = this.#fetches.get(artifact)
    if (fetch === undefined) return
    fetch.timer.cancel()
    this.#fetches.delete(artifact)
    fetch.bytes.reject(error)
  }

  #whatIsWrong({ bytes, totalBytes }: Part, fetch: Fetch): string | undefined {
    const { bytesMax, partBytesMax } = this.#options.limits
    if (totalBytes > bytesMax) return `it has ${totalBytes} bytes, and at most ${bytesMax} are allowed`
    if (bytes.length === 0 || bytes.length > partBytesMax) return `a part of it has ${bytes.length} bytes`
    if (fetch.offset + bytes.length > totalBytes) return `more than its ${totalBytes} bytes came`
    return undefined
  }

  #touch(artifact: ArtifactHash, path: Promise<string>): void {
    this.#paths.delete(artifact)
    this.#paths.set(artifact, path)
  }

  #removeOldest(): void {
    for (const [artifact, path] of this.#paths) {
      if (this.#paths.size <= this.#options.limits.keptMax) return
      if (this.#fetches.has(artifact)) continue
      this.#paths.delete(artifact)
      path.then((name) => this.#options.env.disk.remove(name)).catch(staysOnDisk)
    }
  }
}

/** What could not be removed costs room and does no harm. */
function staysOnDisk(): void {}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function damaged(artifact: string, what: string): EngineError {
  return new EngineError(
    'JOB1103',
    `the job bundle ${artifact} cannot be used by this TaskManager: ${what}. The slot is not started. Submit the job again; if that does not help, look at the storage of the JobManager`,
  )
}

function late(artifact: ArtifactHash, { partTimeoutMs }: ArtifactLimits): EngineError {
  return new EngineError(
    'NET1002',
    `a part of the job bundle ${artifact} did not come within ${partTimeoutMs / 1000} s. The slot is not started; the job tries again. Check the network to the JobManager, and its storage`,
  )
}

function unusable(path: string, error: unknown): EngineError {
  return new EngineError(
    'DSK1001',
    `the job bundle ${path} cannot be kept on this machine: ${messageOf(error)}. The slot is not started; the job tries again. Free space there, or give the TaskManager another folder`,
    { cause: error },
  )
}
