/**
 * Bundles of jobs on the shared storage, named by the hash of their bytes.
 *
 * Owns: `artifacts/<sha256>`. Does not own: which job refers to which (job-registry.ts says so when it collects).
 *
 * B1 What is read has the hash it is named by, or is refused.
 * B2 A bundle is removed only when, behind the moment it was put aside, no job refers to it. A job is registered first and looks for its
 *    bundle then: one of the two sees the other.
 * B3 What was uploaded or asked for since the last collection is kept until the next: a submission comes after its upload.
 */
import { createHash } from 'node:crypto'
import { EngineError } from '../base/errors.ts'
import type { ArtifactHash } from '../base/ids.ts'
import type { RegistryFiles } from './registry-files.ts'
import { artifactHashOf } from './registry-records.ts'

const ASIDE = '.unused-'

export class ArtifactStore {
  readonly #files: RegistryFiles
  readonly #folder: string
  readonly #bytesMax: number
  /** B3 */
  readonly #recent = new Set<ArtifactHash>()

  constructor(files: RegistryFiles, bytesMax: number) {
    this.#files = files
    this.#folder = `${files.root}/artifacts`
    this.#bytesMax = bytesMax
  }

  /** The same bytes are stored once; a damaged copy is replaced. */
  async put(bytes: Uint8Array): Promise<ArtifactHash> {
    if (bytes.length > this.#bytesMax) throw tooLarge(bytes.length, this.#bytesMax)
    const hash = hashOf(bytes)
    this.#recent.add(hash)
    await this.#files.makeFolder(this.#folder)
    if ((await this.#files.create(this.#folder, hash, bytes)) === 'created') return hash
    const existing = await this.#files.read(`${this.#folder}/${hash}`)
    if (existing === undefined || hashOf(existing) !== hash) await this.#files.replace(this.#folder, hash, bytes)
    return hash
  }

  async has(hash: ArtifactHash): Promise<boolean> {
    if (artifactHashOf(hash) === undefined) return false
    this.#recent.add(hash)
    return this.#files.exists(`${this.#folder}/${hash}`)
  }

  /** B1. JOB1103 when there is none, or what is there is damaged. */
  async read(hash: ArtifactHash): Promise<Uint8Array> {
    if (artifactHashOf(hash) === undefined) throw unknown(hash)
    const path = `${this.#folder}/${hash}`
    const bytes = (await this.#files.read(path)) ?? (await this.#files.read(`${this.#folder}/${ASIDE}${hash}`))
    if (bytes === undefined) throw unknown(hash)
    if (hashOf(bytes) !== hash) throw damaged(hash, path)
    return bytes
  }

  /** B2, B3. Resolves with what was removed. */
  async collect(referred: () => Promise<ReadonlySet<ArtifactHash>>): Promise<readonly ArtifactHash[]> {
    const before = await referred()
    const names = await this.#files.list(this.#folder)
    for (const name of names) {
      const hash = artifactHashOf(name)
      if (hash === undefined || before.has(hash) || this.#recent.has(hash)) continue
      await this.#files.rename(this.#folder, hash, `${ASIDE}${hash}`)
    }
    this.#recent.clear()
    return this.#removeAside(await referred())
  }

  async #removeAside(referred: ReadonlySet<ArtifactHash>): Promise<readonly ArtifactHash[]> {
    const removed: ArtifactHash[] = []
    for (const name of await this.#files.list(this.#folder)) {
      const hash = name.startsWith(ASIDE) ? artifactHashOf(name.slice(ASIDE.length)) : undefined
      if (hash === undefined) continue
      if (referred.has(hash)) await this.#files.rename(this.#folder, name, hash)
      else {
        await this.#files.remove(this.#folder, name)
        removed.push(hash)
      }
    }
    return removed
  }
}

function hashOf(bytes: Uint8Array): ArtifactHash {
  const hash = artifactHashOf(createHash('sha256').update(bytes).digest('hex'))
  if (hash === undefined) throw new EngineError('INT1001', 'sha256 gave no hash of 64 hexadecimal digits.')
  return hash
}

function tooLarge(sizeBytes: number, bytesMax: number): EngineError {
  return new EngineError(
    'JOB1103',
    `the job bundle has ${sizeBytes} bytes, and ${bytesMax} are allowed. Nothing was stored. Leave large data out of the bundle, or raise artifact.bytesMax.`,
  )
}

function unknown(hash: string): EngineError {
  return new EngineError(
    'JOB1103',
    `the shared storage has no job bundle ${JSON.stringify(hash.slice(0, 80))}. A job that needs it cannot start. Upload the bundle again, and submit the job again.`,
  )
}

function damaged(hash: ArtifactHash, path: string): EngineError {
  return new EngineError(
    'JOB1103',
    `the job bundle ${path} is damaged: its bytes do not have the hash ${hash}. Nothing of it is run. Upload the bundle again: that replaces it.`,
    { context: { path } },
  )
}
