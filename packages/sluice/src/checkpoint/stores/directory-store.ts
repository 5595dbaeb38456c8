/**
 * Checkpoints in a directory of a local or shared file system.
 *
 * Owns: names and the order of writes, syncs and removals below one root. Does not own: what is in the files.
 *
 * F1 A manifest appears under its name whole or not at all: temporary file, sync, link, sync of the directory, removal of the temporary.
 * F2 `link` decides between two writers: exactly one of them gets `published`.
 * F3 A manifest is gone, durably, before the first data file of its checkpoint is removed.
 * F4 What `published` lists survives a power loss: the directory is synced before it is read.
 */
import { crc32 } from '../../base/bytes.ts'
import { DiskError } from '../../base/disk-error.ts'
import { syncDirectoryPath } from '../../base/durable-directory.ts'
import type { Disk, DiskEntry, DiskFile, Random } from '../../base/env.ts'
import type { EngineError } from '../../base/errors.ts'
import { type CheckpointId, type LeaderEpoch, leaderEpoch } from '../../base/ids.ts'
import type { CheckpointStore, DataWriter } from '../checkpoint-store.ts'
import type { DataHandle } from '../handles.ts'
import {
  type DirectoryLayout,
  checkpointOfData,
  checkpointOfManifest,
  directoryLayout,
  epochOf,
  isTemporary,
} from './directory-layout.ts'
import { dataMismatch, dataMissing, manifestMissing, readFailed, writeFailed } from './storage-errors.ts'

export interface DirectoryStoreOptions {
  readonly disk: Disk
  /** Is created with its parents when missing. */
  readonly root: string
  /** Names temporary files, so that two processes never share one. */
  readonly random: Random
}

/** Epochs tried in one claim: as many as processes may start at the same moment. */
const CLAIMS_MAX = 1_000

export class DirectoryStore implements CheckpointStore {
  readonly #disk: Disk
  readonly #random: Random
  readonly #layout: DirectoryLayout
  #prepared: Promise<void> | undefined
  /** The data directory made last: every task of a checkpoint opens files in the same one. */
  #dataDirectory: { readonly checkpoint: CheckpointId; readonly made: Promise<void> } | undefined

  constructor({ disk, root, random }: DirectoryStoreOptions) {
    this.#disk = disk
    this.#random = random
    this.#layout = directoryLayout(root)
  }

  async openData(checkpoint: CheckpointId, name: string): Promise<DataWriter> {
    const directory = this.#layout.dataDirectory(checkpoint)
    const path = `${directory}/${name}`
    const what = `data of checkpoint ${checkpoint}`
    const wrap = (error: unknown): EngineError => writeFailed(what, this.#layout.resolve(path), error)
    return attempt(wrap, async () => {
      await this.#makeDataDirectory(checkpoint)
      const file = await this.#disk.openWrite(this.#layout.resolve(path), 'create')
      return new FileDataWriter({ disk: this.#disk, file, path, directory: this.#layout.resolve(directory), wrap })
    })
  }

  async readData(handle: DataHandle): Promise<Uint8Array> {
    const path = this.#layout.resolve(handle.path)
    const bytes = await this.#read(path, 'checkpoint data', () => dataMissing(path))
    const mismatch = dataMismatch(handle, path, bytes.length, crc32(bytes))
    if (mismatch !== undefined) throw mismatch
    return bytes
  }

  async publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'> {
    const path = this.#layout.manifest(checkpoint)
    const temporary = this.#layout.temporaryManifest(checkpoint, this.#token())
    try {
      await this.#prepare()
      await this.#writeWhole(temporary, manifest)
      const outcome = await this.#link(temporary, path)
      await this.#disk.syncDirectory(this.#layout.manifests)
      return outcome
    } catch (error) {
      throw writeFailed(`the manifest of checkpoint ${checkpoint}`, path, error)
    } finally {
      await this.#removeQuietly(temporary)
    }
  }

  async published(): Promise<readonly CheckpointId[]> {
    const names = await attempt(
      (error) => readFailed('the list of checkpoints', this.#layout.manifests, error),
      async () => {
        await this.#prepare()
        await this.#disk.syncDirectory(this.#layout.manifests) // F4
        return this.#disk.list(this.#layout.manifests)
      },
    )
    return idsOf(names, checkpointOfManifest)
  }

  async highestId(): Promise<number> {
    const published = await this.published()
    const started = idsOf(await this.#list(this.#layout.checkpoints), checkpointOfData)
    return Math.max(0, ...published.slice(-1), ...started.slice(-1))
  }

  async readManifest(checkpoint: CheckpointId): Promise<Uint8Array> {
    const path = this.#layout.manifest(checkpoint)
    return this.#read(path, `the manifest of checkpoint ${checkpoint}`, () => manifestMissing(checkpoint, path))
  }

  manifestPlace(checkpoint: CheckpointId): string {
    return this.#layout.manifest(checkpoint)
  }

  async discard(checkpoint: CheckpointId): Promise<void> {
    const manifest = this.#layout.manifest(checkpoint)
    await attempt(
      (error) => writeFailed(`the removal of checkpoint ${checkpoint}`, this.#layout.root, error),
      async () => {
        await this.#prepare()
        if (await this.#disk.remove(manifest)) await this.#disk.syncDirectory(this.#layout.manifests) // F3
        this.#forgetDataDirectory(checkpoint)
        await this.#disk.removeTree(this.#layout.resolve(this.#layout.dataDirectory(checkpoint)))
      },
    )
  }

  async discardUnpublished(inProgress: ReadonlySet<CheckpointId>): Promise<readonly CheckpointId[]> {
    const kept = new Set([...(await this.published()), ...inProgress])
    const left = idsOf(await this.#list(this.#layout.checkpoints), checkpointOfData).filter((id) => !kept.has(id))
    for (const checkpoint of left) await this.discard(checkpoint)
    await this.#removeTemporaries()
    return left
  }

  async claimEpoch(): Promise<LeaderEpoch> {
    const newest = await this.currentEpoch()
    for (let step = 1; step <= CLAIMS_MAX; step++) {
      const epoch = leaderEpoch(newest + step)
      if (await this.#createEpoch(epoch)) return epoch
    }
    throw writeFailed(
      'a leader epoch',
      this.#layout.epochs,
      new DiskError('exists', 'claim', this.#layout.epoch(newest)),
    )
  }

  async currentEpoch(): Promise<LeaderEpoch> {
    const epochs = (await this.#list(this.#layout.epochs)).flatMap(({ name }) => epochOf(name) ?? [])
    return leaderEpoch(Math.max(0, ...epochs))
  }

  /** Created by exactly one process; the name is all that counts, so nothing is written into it. */
  async #createEpoch(epoch: LeaderEpoch): Promise<boolean> {
    const path = this.#layout.epoch(epoch)
    try {
      const file = await this.#disk.openWrite(path, 'create')
      await file.close()
      await this.#disk.syncDirectory(this.#layout.epochs)
      return true
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'exists') return false
      throw writeFailed(`leader epoch ${epoch}`, path, error)
    }
  }

  /** Makes the directories and their names durable, once; a failed attempt is made again by the next call. */
  async #prepare(): Promise<void> {
    this.#prepared ??= this.#makeDirectories().catch((error: unknown) => {
      this.#prepared = undefined
      throw error
    })
    return this.#prepared
  }

  async #makeDirectories(): Promise<void> {
    const { root, checkpoints, manifests, epochs } = this.#layout
    for (const directory of [checkpoints, manifests, epochs]) await this.#disk.makeDirectory(directory)
    await this.#disk.syncDirectory(root)
    await syncDirectoryPath(this.#disk, root)
  }

  async #makeDataDirectory(checkpoint: CheckpointId): Promise<void> {
    if (this.#dataDirectory?.checkpoint !== checkpoint) {
      const made = this.#createDataDirectory(checkpoint)
      this.#dataDirectory = { checkpoint, made }
      made.catch(() => this.#forgetDataDirectory(checkpoint)) // the failure itself goes to whoever awaits it below
    }
    await this.#dataDirectory.made
  }

  async #createDataDirectory(checkpoint: CheckpointId): Promise<void> {
    await this.#prepare()
    await this.#disk.makeDirectory(this.#layout.resolve(this.#layout.dataDirectory(checkpoint)))
    await this.#disk.syncDirectory(this.#layout.checkpoints)
  }

  #forgetDataDirectory(checkpoint: CheckpointId): void {
    if (this.#dataDirectory?.checkpoint === checkpoint) this.#dataDirectory = undefined
  }

  async #writeWhole(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.openWrite(path, 'create')
    try {
      await file.write(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** F2. From here on, when it returns `published`, the checkpoint is restorable as soon as the directory is synced. */
  async #link(temporary: string, path: string): Promise<'published' | 'exists'> {
    try {
      await this.#disk.link(temporary, path)
      return 'published'
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'exists') return 'exists'
      throw error
    }
  }

  /** What stays is a left-over that the next start removes. */
  async #removeQuietly(path: string): Promise<void> {
    try {
      await this.#disk.remove(path)
    } catch {
      // nothing depends on it: discardUnpublished removes it
    }
  }

  async #removeTemporaries(): Promise<void> {
    for (const { name } of await this.#list(this.#layout.manifests)) {
      const path = `${this.#layout.manifests}/${name}`
      if (isTemporary(name))
        await attempt(
          (error) => writeFailed('the removal of a left-over', path, error),
          () => this.#disk.remove(path),
        )
    }
  }

  async #list(directory: string): Promise<readonly DiskEntry[]> {
    return attempt(
      (error) => readFailed('a directory of the storage', directory, error),
      async () => {
        await this.#prepare()
        return this.#disk.list(directory)
      },
    )
  }

  async #read(path: string, what: string, missing: () => EngineError): Promise<Uint8Array> {
    try {
      return await this.#disk.read(path)
    } catch (error) {
      throw error instanceof DiskError && error.kind === 'not-found' ? missing() : readFailed(what, path, error)
    }
  }

  #token(): string {
    return `${this.#random.u32().toString(16)}-${this.#random.u32().toString(16)}`
  }
}

interface FileDataWriterOptions {
  readonly disk: Disk
  readonly file: DiskFile
  /** Relative to the storage root. */
  readonly path: string
  readonly directory: string
  readonly wrap: (error: unknown) => EngineError
}

class FileDataWriter implements DataWriter {
  readonly #options: FileDataWriterOptions
  #sizeBytes = 0
  #crc32 = 0

  constructor(options: FileDataWriterOptions) {
    this.#options = options
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#sizeBytes += bytes.length
    this.#crc32 = crc32(bytes, this.#crc32)
    await attempt(this.#options.wrap, () => this.#options.file.write(bytes))
  }

  async finish(): Promise<DataHandle> {
    const { disk, file, path, directory, wrap } = this.#options
    await attempt(wrap, async () => {
      await file.sync()
      await file.close()
      await disk.syncDirectory(directory)
    })
    return { path, sizeBytes: this.#sizeBytes, crc32: this.#crc32 }
  }

  async abandon(): Promise<void> {
    const { disk, file } = this.#options
    try {
      await file.close()
      await disk.remove(file.path)
    } catch {
      // what stays is removed with its checkpoint (discard, discardUnpublished)
    }
  }
}

async function attempt<T>(wrap: (error: unknown) => EngineError, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw wrap(error)
  }
}

function idsOf(entries: readonly DiskEntry[], idOf: (name: string) => CheckpointId | undefined): CheckpointId[] {
  return entries.flatMap(({ name }) => idOf(name) ?? []).sort((a, b) => a - b)
}
