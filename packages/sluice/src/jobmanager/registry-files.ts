/** Folders and files of the shared storage, with errors that say what a failure means for the registry of jobs. */
import { DiskError } from '../base/disk-error.ts'
import { syncDirectoryPath } from '../base/durable-directory.ts'
import type { Disk, Random } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { createWholeFile, randomToken, replaceWholeFile } from '../base/whole-file.ts'

export interface RegistryFilesOptions {
  readonly disk: Disk
  /** The shared folder. */
  readonly root: string
  readonly random: Random
}

export class RegistryFiles {
  readonly root: string
  readonly #disk: Disk
  readonly #random: Random

  constructor({ disk, root, random }: RegistryFilesOptions) {
    this.root = root
    this.#disk = disk
    this.#random = random
  }

  /** Durable, with its parents below the root. */
  makeFolder(path: string): Promise<void> {
    return this.#writing(path, async () => {
      await this.#disk.makeDirectory(path)
      await syncDirectoryPath(this.#disk, path)
    })
  }

  create(directory: string, name: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    return this.#writing(`${directory}/${name}`, () =>
      createWholeFile(this.#disk, { directory, name, bytes }, randomToken(this.#random)),
    )
  }

  replace(directory: string, name: string, bytes: Uint8Array): Promise<void> {
    const how = { token: randomToken(this.#random), durability: 'durable' } as const
    return this.#writing(`${directory}/${name}`, () => replaceWholeFile(this.#disk, { directory, name, bytes }, how))
  }

  /** Undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined> {
    return this.#reading(path, () => this.#disk.read(path))
  }

  /** Names, sorted; none when there is no such folder. */
  async list(path: string): Promise<readonly string[]> {
    const entries = await this.#reading(path, () => this.#disk.list(path))
    return (entries ?? []).map(({ name }) => name)
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#reading(path, () => this.#disk.stat(path))) !== undefined
  }

  rename(folder: string, from: string, to: string): Promise<void> {
    return this.#writing(`${folder}/${from}`, async () => {
      await this.#disk.rename(`${folder}/${from}`, `${folder}/${to}`)
      await this.#disk.syncDirectory(folder)
    })
  }

  /** Fine when it is gone. */
  remove(folder: string, name: string): Promise<void> {
    return this.#writing(`${folder}/${name}`, async () => {
      await this.#disk.removeTree(`${folder}/${name}`)
      await this.#disk.syncDirectory(folder)
    })
  }

  async #writing<T>(path: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      throw storageFailed('written', path, error)
    }
  }

  async #reading<T>(path: string, run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await run()
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'not-found') return undefined
      throw storageFailed('read', path, error)
    }
  }
}

function storageFailed(what: 'read' | 'written', path: string, cause: unknown): EngineError {
  return new EngineError(
    'CLU1003',
    `${path} on the shared storage could not be ${what}: ${messageOf(cause)}. What was registered before is not touched. ` +
      'Free space there, give the process access, or bring the storage back; what was asked for can then be asked for again.',
    { context: { path }, cause },
  )
}
