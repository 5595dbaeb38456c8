/**
 * Bundles on their way to TaskManagers: read once from the storage, handed out in parts to all that ask within a short time.
 *
 * Owns: the bundles in memory, tries. Does not own: the storage and the check of what it holds (job-registry.ts).
 *
 * F1 At most `SHELF_BUNDLES_MAX` bundles are kept, none longer than `SHELF_KEEP_MS` after its last use. A read that failed is not kept.
 * F2 What may work later is tried `ARTIFACT_TRIES_MAX` times; then, and at once when it never will, there is no part.
 */
import type { Env, Timer } from '../base/env.ts'
import { type EngineError, asEngineError } from '../base/errors.ts'
import type { ArtifactHash } from '../base/ids.ts'

/** The verified bytes of a bundle. Rejects with an EngineError, JOB1103 when there is none. */
export type ArtifactReader = (artifact: ArtifactHash) => Promise<Uint8Array>

export interface ArtifactPart {
  readonly bytes: Uint8Array
  readonly totalBytes: number
}

export const ARTIFACT_PART_BYTES_MAX = 1024 * 1024
const ARTIFACT_TRIES_MAX = 4
const SHELF_BUNDLES_MAX = 2
export const SHELF_KEEP_MS = 30_000
const RETRY_FIRST_MS = 200

interface Kept {
  readonly bytes: Promise<Uint8Array>
  timer: Timer
}

export class ArtifactShelf {
  readonly #env: Env
  readonly #read: ArtifactReader
  readonly #kept = new Map<ArtifactHash, Kept>()

  constructor(env: Env, read: ArtifactReader) {
    this.#env = env
    this.#read = read
  }

  /** The bytes from `offset`, one part of them; rejects when there is no such bundle, or none can be read. */
  async part(artifact: ArtifactHash, offset: number): Promise<ArtifactPart> {
    const bytes = await this.#bytesOf(artifact)
    return { bytes: bytes.slice(offset, offset + ARTIFACT_PART_BYTES_MAX), totalBytes: bytes.length }
  }

  /** Forgets everything. Idempotent. */
  clear(): void {
    for (const artifact of this.#kept.keys()) this.#drop(artifact)
  }

  // F1
  #bytesOf(artifact: ArtifactHash): Promise<Uint8Array> {
    const known = this.#kept.get(artifact)
    const kept: Kept = { bytes: known?.bytes ?? this.#readTrying(artifact), timer: this.#dropLater(artifact) }
    this.#drop(artifact)
    this.#kept.set(artifact, kept)
    for (const oldest of this.#kept.keys()) if (this.#kept.size > SHELF_BUNDLES_MAX) this.#drop(oldest)
    if (known === undefined) kept.bytes.catch(() => this.#forget(artifact, kept.bytes))
    return kept.bytes
  }

  // F2
  async #readTrying(artifact: ArtifactHash): Promise<Uint8Array> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#read(artifact)
      } catch (thrown) {
        const error = unreadable(thrown, artifact)
        if (error.retry === 'never' || tries === ARTIFACT_TRIES_MAX) throw error
        await this.#pause(RETRY_FIRST_MS * 2 ** (tries - 1))
      }
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#env.timers.after(delayMs, resolve))
  }

  #dropLater(artifact: ArtifactHash): Timer {
    return this.#env.timers.after(SHELF_KEEP_MS, () => this.#drop(artifact))
  }

  #forget(artifact: ArtifactHash, bytes: Promise<Uint8Array>): void {
    if (this.#kept.get(artifact)?.bytes === bytes) this.#drop(artifact)
  }

  #drop(artifact: ArtifactHash): void {
    this.#kept.get(artifact)?.timer.cancel()
    this.#kept.delete(artifact)
  }
}

function unreadable(thrown: unknown, artifact: ArtifactHash): EngineError {
  return asEngineError(
    thrown,
    'DSK1001',
    `job bundle ${artifact} cannot be read; the TaskManager asks again when the job restarts`,
  )
}
