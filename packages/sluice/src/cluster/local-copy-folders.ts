/**
 * Where the jobs of one TaskManager keep local copies of their checkpoints: a folder for each job.
 *
 * Owns: the folders below one root, from a job's first slot here until it has given all back. Does not own: what is in them
 * (checkpoint/stores/local-copy-storage.ts), the root (process-folder.ts).
 *
 * F1 A folder that is being removed is never given out again.
 * F2 Slots that were lost come back: their job keeps its folder until a slot is started for another job.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobId } from '../base/ids.ts'

/** Threads that were ended may still be writing. */
const REMOVE_TRIES_MAX = 5

export class LocalCopyFolders {
  readonly #root: string
  readonly #folders = new Map<JobId, string>()
  #given = 0

  constructor(root: string) {
    this.#root = root
  }

  /** For a slot that is about to start; `isHere` tells which jobs have slots. */
  take(job: JobId, isHere: (job: JobId) => boolean): string {
    for (const other of this.#folders.keys()) if (other !== job && !isHere(other)) void this.release(other) // F2
    const folder = this.#folders.get(job) ?? join(this.#root, `${job}-${this.#given++}`)
    this.#folders.set(job, folder)
    return folder
  }

  /** Its last slot here was given back. Resolves when the copies are gone; never rejects. */
  async release(job: JobId, gone: Promise<unknown> = Promise.resolve()): Promise<void> {
    const folder = this.#folders.get(job)
    if (folder === undefined) return
    this.#folders.delete(job) // F1
    await gone
    try {
      await rm(folder, { recursive: true, force: true, maxRetries: REMOVE_TRIES_MAX })
    } catch {
      // it goes with the root
    }
  }
}
