/**
 * Checkpoints in a directory of a local or shared file system.
 *
 * Owns: the order of claims, reservations, seals and removals, the data files. Does not own: what is in the files; the rules of single
 * names (manifest-directory.ts, epoch-directory.ts).
 *
 * F1, F2, F4, F5 in manifest-directory.ts; F6, F7 in epoch-directory.ts.
 * F3 A manifest is gone, durably, before the first data file of its checkpoint is removed.
 */
import { crc32 } from '../../base/bytes.ts'
import { DiskError } from '../../base/disk-error.ts'
import type { EngineError } from '../../base/errors.ts'
import type { CheckpointId, LeaderEpoch } from '../../base/ids.ts'
import type { CheckpointStore, DataWriter, IdBlock } from '../checkpoint-store.ts'
import type { DataHandle } from '../handles.ts'
import { FileDataWriter } from './data-file.ts'
import { checkpointOfData } from './directory-layout.ts'
import { CLAIMS_MAX, EpochDirectory, overtaken } from './epoch-directory.ts'
import { IDS_PER_BLOCK, allIdsOf, blockWith, idsOfBlock } from './id-blocks.ts'
import { ManifestDirectory } from './manifest-directory.ts'
import { dataMismatch, dataMissing, readFailed, writeFailed } from './storage-errors.ts'
import { StoreFolders, type StoreFoldersOptions, attempt, idsIn } from './store-folders.ts'

export type DirectoryStoreOptions = StoreFoldersOptions

export class DirectoryStore implements CheckpointStore {
  readonly #folders: StoreFolders
  readonly #manifests: ManifestDirectory
  readonly #epochs: EpochDirectory
  /** The data directory made last: every task of a checkpoint opens files in the same one. */
  #dataDirectory: { readonly checkpoint: CheckpointId; readonly made: Promise<void> } | undefined

  /** At least this is forgotten; saves a look into the directory. */
  #floorSeen = 0

  constructor(options: DirectoryStoreOptions) {
    this.#folders = new StoreFolders(options)
    this.#manifests = new ManifestDirectory(this.#folders)
    this.#epochs = new EpochDirectory(this.#folders)
  }

  async openData(checkpoint: CheckpointId, name: string): Promise<DataWriter> {
    const { disk, layout } = this.#folders
    const directory = layout.dataDirectory(checkpoint)
    const path = `${directory}/${name}`
    const wrap = (error: unknown): EngineError =>
      writeFailed(`data of checkpoint ${checkpoint}`, layout.resolve(path), error)
    return attempt(wrap, async () => {
      await this.#makeDataDirectory(checkpoint)
      const file = await disk.openWrite(layout.resolve(path), 'create')
      return new FileDataWriter({ disk, file, path, directory: layout.resolve(directory), wrap })
    })
  }

  async readData(handle: DataHandle): Promise<Uint8Array> {
    const path = this.#folders.layout.resolve(handle.path)
    const bytes = await this.#readData(path)
    const mismatch = dataMismatch(handle, path, bytes.length, crc32(bytes))
    if (mismatch !== undefined) throw mismatch
    return bytes
  }

  async seal(epoch: LeaderEpoch): Promise<IdBlock> {
    await this.#epochs.create(epoch)
    await this.#epochs.refuseIfOvertaken(epoch)
    for (const block of await this.#epochs.blocks()) await this.#sealBlock(block, epoch)
    return this.reserveIds(epoch)
  }

  async reserveIds(epoch: LeaderEpoch): Promise<IdBlock> {
    await this.#epochs.refuseIfOvertaken(epoch)
    for (let tries = 0; tries < CLAIMS_MAX; tries++) {
      const block = await this.#nextBlock()
      if ((await this.#epochs.createBlock(block, epoch)) === 'created') return idsOfBlock(block)
      await this.#sealBlock(block, epoch) // an older leader was quicker
    }
    const { blocks } = this.#folders.layout
    throw writeFailed('a reservation of checkpoint ids', blocks, new DiskError('exists', 'reserve', blocks))
  }

  publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'> {
    return this.#manifests.publish(checkpoint, manifest)
  }

  published(): Promise<readonly CheckpointId[]> {
    return this.#manifests.published()
  }

  async highestId(): Promise<number> {
    const { ids, floor } = await this.#manifests.names()
    const blocks = await this.#epochs.blocks()
    const started = idsIn(await this.#folders.list(this.#folders.layout.checkpoints), checkpointOfData)
    return Math.max(floor, ...ids.slice(-1), ...started.slice(-1), (blocks.at(-1) ?? 0) * IDS_PER_BLOCK)
  }

  readManifest(checkpoint: CheckpointId): Promise<Uint8Array> {
    return this.#manifests.read(checkpoint)
  }

  manifestPlace(checkpoint: CheckpointId): string {
    return this.#folders.layout.manifest(checkpoint)
  }

  async discard(checkpoint: CheckpointId): Promise<void> {
    const { disk, layout } = this.#folders
    await attempt(
      (error) => writeFailed(`the removal of checkpoint ${checkpoint}`, layout.root, error),
      async () => {
        await this.#folders.prepare()
        await this.#manifests.remove(checkpoint) // F3
        this.#forgetDataDirectory(checkpoint)
        await disk.removeTree(layout.resolve(layout.dataDirectory(checkpoint)))
      },
    )
  }

  async discardUnpublished(below: CheckpointId): Promise<readonly CheckpointId[]> {
    const published = new Set(await this.published())
    const started = idsIn(await this.#folders.list(this.#folders.layout.checkpoints), checkpointOfData)
    const left = started.filter((id) => id < below && !published.has(id))
    for (const checkpoint of left) await this.discard(checkpoint)
    await this.#removeLeftOver(below)
    await this.#makeRemovalsDurable()
    return left
  }

  /** Nobody looks again when the job has finished: what was removed must not come back in a power loss. */
  async #makeRemovalsDurable(): Promise<void> {
    const { disk, layout } = this.#folders
    for (const directory of [layout.checkpoints, layout.manifests, layout.blocks])
      await attempt(
        (error) => writeFailed('the removal of what is not needed any more', directory, error),
        () => disk.syncDirectory(directory),
      )
  }

  /** Not for every id: a whole block has to be behind it, or nothing is gained. */
  async forgetBelow(checkpoint: CheckpointId): Promise<void> {
    const wanted = checkpoint - 1
    if (wanted < this.#floorSeen + IDS_PER_BLOCK) return
    this.#floorSeen = (await this.#manifests.names()).floor
    if (wanted < this.#floorSeen + IDS_PER_BLOCK) return
    const oldest = (await this.published())[0] ?? checkpoint
    if (oldest < checkpoint) return // the removal of it failed: it stays listed until it is gone
    await this.#manifests.raiseFloor(wanted)
    await this.#removeLeftOver(checkpoint)
  }

  claimEpoch(leader?: LeaderEpoch): Promise<LeaderEpoch> {
    return this.#epochs.claim(leader)
  }

  currentEpoch(): Promise<LeaderEpoch> {
    return this.#epochs.current()
  }

  /** D4. Nothing to do for a block of our own: its ids are used in this process. */
  async #sealBlock(block: number, epoch: LeaderEpoch): Promise<void> {
    const owner = await this.#epochs.ownerOf(block)
    if (owner > epoch) throw overtaken(epoch, owner)
    if (owner < epoch) await this.#manifests.seal(allIdsOf(block))
  }

  /** Behind everything that left a trace, by whatever means. */
  async #nextBlock(): Promise<number> {
    return blockWith(await this.highestId()) + 1
  }

  async #removeLeftOver(below: CheckpointId): Promise<void> {
    await this.#manifests.removeLeftOver(below)
    const { floor } = await this.#manifests.names()
    await this.#epochs.removeBlocks(Math.floor(floor / IDS_PER_BLOCK))
    await this.#epochs.removeTemporaries()
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
    const { disk, layout } = this.#folders
    await this.#folders.prepare()
    await disk.makeDirectory(layout.resolve(layout.dataDirectory(checkpoint)))
    await disk.syncDirectory(layout.checkpoints)
  }

  #forgetDataDirectory(checkpoint: CheckpointId): void {
    if (this.#dataDirectory?.checkpoint === checkpoint) this.#dataDirectory = undefined
  }

  async #readData(path: string): Promise<Uint8Array> {
    try {
      return await this.#folders.disk.read(path)
    } catch (error) {
      if (error instanceof DiskError && error.kind === 'not-found') throw dataMissing(path)
      throw readFailed('checkpoint data', path, error)
    }
  }
}
