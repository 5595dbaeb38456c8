import { syncDirectoryPath } from '../../base/durable-directory.ts'
import type { Disk, DiskEntry, Random } from '../../base/env.ts'
import type { EngineError } from '../../base/errors.ts'
import { randomToken } from '../../base/whole-file.ts'
import { type DirectoryLayout, directoryLayout } from './directory-layout.ts'
import { readFailed } from './storage-errors.ts'

export interface StoreFoldersOptions {
  readonly disk: Disk
  /** Is created with its parents when missing. */
  readonly root: string
  /** Names temporary files, so that two processes never share one. */
  readonly random: Random
}

/** The directories of one storage: made durable before the first use, listed with the errors of a storage. */
export class StoreFolders {
  readonly disk: Disk
  readonly layout: DirectoryLayout
  readonly #random: Random
  #prepared: Promise<void> | undefined

  constructor({ disk, root, random }: StoreFoldersOptions) {
    this.disk = disk
    this.layout = directoryLayout(root)
    this.#random = random
  }

  /** Makes the directories and their names durable, once; a failed attempt is made again by the next call. */
  async prepare(): Promise<void> {
    this.#prepared ??= this.#makeDirectories().catch((error: unknown) => {
      this.#prepared = undefined
      throw error
    })
    return this.#prepared
  }

  async list(directory: string): Promise<readonly DiskEntry[]> {
    return attempt(
      (error) => readFailed('a directory of the storage', directory, error),
      async () => {
        await this.prepare()
        return this.disk.list(directory)
      },
    )
  }

  /** For what nothing depends on: what stays is removed by a later clean-up. */
  async removeQuietly(path: string): Promise<void> {
    try {
      await this.disk.remove(path)
    } catch {
      // `discardUnpublished` tries again
    }
  }

  token(): string {
    return randomToken(this.#random)
  }

  async #makeDirectories(): Promise<void> {
    const { root, checkpoints, manifests, epochs, blocks } = this.layout
    for (const directory of [checkpoints, manifests, epochs, blocks]) await this.disk.makeDirectory(directory)
    await this.disk.syncDirectory(root)
    await syncDirectoryPath(this.disk, root)
  }
}

export async function attempt<T>(wrap: (error: unknown) => EngineError, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw wrap(error)
  }
}

/** Ascending. */
export function idsIn<Id extends number>(
  entries: readonly DiskEntry[],
  idOf: (name: string) => Id | undefined,
): readonly Id[] {
  return entries.flatMap(({ name }) => idOf(name) ?? []).sort((a, b) => a - b)
}
