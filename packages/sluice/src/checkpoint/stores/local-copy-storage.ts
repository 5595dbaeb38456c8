/**
 * Data of checkpoints on the disk of the machine that wrote it, beside the storage that counts: docs/spec/checkpoint.md, "Local copies".
 *
 * Owns: the copies below one folder, which belongs to one job in one TaskManager and may be used by several slots. Does not own: the storage,
 * what becomes of the folder (cluster/local-copy-folders.ts).
 *
 * L1 The storage alone decides: a file counts when the storage has it, and whatever happens to a copy, nothing fails because of it.
 * L2 A copy is read only if its name, its size and its checksum are those of the handle; else the storage is read.
 * L3 Of completed checkpoints the newest two keep their copies, and of all checkpoints at most CHECKPOINTS_MAX.
 */
import { crc32 } from '../../base/bytes.ts'
import { DiskError } from '../../base/disk-error.ts'
import type { Disk, DiskFile } from '../../base/env.ts'
import type { CheckpointId } from '../../base/ids.ts'
import { checkpointId } from '../../base/ids.ts'
import type { DataWriter, SnapshotStorage } from '../checkpoint-store.ts'
import type { DataHandle } from '../handles.ts'

/** Completed checkpoints of which copies are kept: the newest, and the one to fall back to. */
const COMPLETED_KEPT = 2
/** Checkpoints with copies, however many of them were never heard of again. */
const CHECKPOINTS_MAX = 8

export interface LocalCopyStorageOptions {
  readonly storage: SnapshotStorage
  readonly disk: Disk
  /** Made when it is needed. */
  readonly folder: string
  /** A copy could not be written, or a checkpoint's copies could not be removed. */
  readonly onFailed?: (error: unknown) => void
}

export interface LocalCopyCounts {
  /** Files read from their copies. */
  readonly hits: number
  /** Files read from the storage. */
  readonly misses: number
  /** Of the misses: a copy was there and was not what the handle says. */
  readonly damaged: number
  /** Copies that could not be written, or whose checkpoint was over before they were. */
  readonly givenUp: number
}

export class LocalCopyStorage implements SnapshotStorage {
  readonly #options: LocalCopyStorageOptions
  /** Ascending; at most COMPLETED_KEPT. */
  #completed: readonly CheckpointId[] = []
  #newestOpened = 0
  #counts: LocalCopyCounts = { hits: 0, misses: 0, damaged: 0, givenUp: 0 }

  constructor(options: LocalCopyStorageOptions) {
    this.#options = options
  }

  get counts(): LocalCopyCounts {
    return this.#counts
  }

  async openData(checkpoint: CheckpointId, name: string): Promise<DataWriter> {
    const writer = await this.#options.storage.openData(checkpoint, name)
    const copy = new LocalCopy(this.#options.disk, `${this.#folderOf(checkpoint)}/${name}`, (error) => {
      this.#add({ givenUp: 1 })
      if (!isGone(error)) this.#options.onFailed?.(error)
    })
    await copy.try(() => this.#openCopy(checkpoint, copy))
    return new CopyingWriter(writer, copy)
  }

  async readData(handle: DataHandle): Promise<Uint8Array> {
    const copy = await this.#readCopy(handle)
    this.#add(copy === undefined ? { misses: 1 } : { hits: 1 })
    return copy ?? this.#options.storage.readData(handle)
  }

  /** It can be restored: older ones but one lose their copies, and so does whatever was under way before it. Never rejects. */
  async completed(checkpoint: CheckpointId): Promise<void> {
    if (this.#completed.includes(checkpoint)) return
    this.#completed = [...this.#completed, checkpoint].sort((a, b) => a - b).slice(-COMPLETED_KEPT)
    const newest = this.#completed.at(-1) ?? checkpoint
    await this.#removeWhere((id) => id < newest && !this.#completed.includes(id))
  }

  /** It was given up. Never rejects. */
  async aborted(checkpoint: CheckpointId): Promise<void> {
    if (!this.#completed.includes(checkpoint)) await this.#removeWhere((id) => id === checkpoint)
  }

  #folderOf(checkpoint: CheckpointId): string {
    return `${this.#options.folder}/${checkpoint}`
  }

  async #openCopy(checkpoint: CheckpointId, copy: LocalCopy): Promise<void> {
    if (checkpoint > this.#newestOpened) await this.#removeBeyondLimit(checkpoint)
    await this.#options.disk.makeDirectory(this.#folderOf(checkpoint))
    await copy.open()
  }

  /** L3: of jobs that restart all the time and complete nothing. */
  async #removeBeyondLimit(opened: CheckpointId): Promise<void> {
    this.#newestOpened = opened
    const ids = (await this.#checkpoints()).filter((id) => id !== opened)
    const beyond = ids.slice(CHECKPOINTS_MAX - 1)
    if (beyond.length > 0) await this.#removeWhere((id) => beyond.includes(id))
  }

  // L2. Which checkpoint a handle belongs to is known to the storage only; a name is found in one folder at most.
  async #readCopy(handle: DataHandle): Promise<Uint8Array | undefined> {
    const name = copyName(handle)
    try {
      for (const id of await this.#checkpoints()) {
        const path = `${this.#folderOf(id)}/${name}`
        if ((await this.#options.disk.stat(path)) !== undefined) return await this.#readWhole(path, handle)
      }
    } catch {
      // L1: the storage has it
    }
    return undefined
  }

  async #readWhole(path: string, handle: DataHandle): Promise<Uint8Array | undefined> {
    const { disk } = this.#options
    const bytes = await disk.read(path)
    if (bytes.length === handle.sizeBytes && crc32(bytes) === handle.crc32) return bytes
    this.#add({ damaged: 1 })
    await disk.remove(path)
    return undefined
  }

  /** Those with copies, newest first. */
  async #checkpoints(): Promise<readonly CheckpointId[]> {
    const { disk, folder } = this.#options
    if ((await disk.stat(folder)) === undefined) return []
    const ids = (await disk.list(folder)).flatMap(({ name }) =>
      /^\d+$/.test(name) ? [checkpointId(Number(name))] : [],
    )
    return ids.sort((a, b) => b - a)
  }

  /** Other slots may do the same at this moment; what stays goes with a later checkpoint, or with the folder. */
  async #removeWhere(isOver: (checkpoint: CheckpointId) => boolean): Promise<void> {
    try {
      for (const id of (await this.#checkpoints()).filter(isOver))
        await this.#options.disk.removeTree(this.#folderOf(id))
    } catch (error) {
      this.#options.onFailed?.(error)
    }
  }

  #add(more: Partial<LocalCopyCounts>): void {
    const { hits, misses, damaged, givenUp } = this.#counts
    this.#counts = {
      hits: hits + (more.hits ?? 0),
      misses: misses + (more.misses ?? 0),
      damaged: damaged + (more.damaged ?? 0),
      givenUp: givenUp + (more.givenUp ?? 0),
    }
  }
}

/** Another slot heard first that the checkpoint is over, and removed its copies. */
function isGone(error: unknown): boolean {
  return error instanceof DiskError && error.kind === 'not-found'
}

/** Says which bytes it has to hold. */
function copyName({ path, sizeBytes, crc32: crc }: DataHandle): string {
  return `${encodeURIComponent(path)}.${sizeBytes}-${crc.toString(16).padStart(8, '0')}`
}

/** One copy, from its first byte to its name; nothing is synced: it does not outlive the process. */
class LocalCopy {
  readonly #disk: Disk
  readonly #path: string
  readonly #onGivenUp: (error: unknown) => void
  #file: DiskFile | undefined
  #state: 'open' | 'over' = 'open'

  constructor(disk: Disk, path: string, onGivenUp: (error: unknown) => void) {
    this.#disk = disk
    this.#path = path
    this.#onGivenUp = onGivenUp
  }

  /** L1: a copy that fails is given up, and nothing else happens. */
  async try(step: () => Promise<void>): Promise<void> {
    if (this.#state === 'over') return
    try {
      await step()
    } catch (error) {
      this.#onGivenUp(error)
      await this.abandon()
    }
  }

  async open(): Promise<void> {
    this.#file = await this.#disk.openWrite(this.#path, 'truncate')
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#file?.write(bytes)
  }

  async keepAs(handle: DataHandle): Promise<void> {
    await this.#file?.close()
    await this.#disk.rename(
      this.#path,
      this.#path.replace(/[^/]*$/, () => copyName(handle)),
    )
    this.#state = 'over'
  }

  /** Never fails. Idempotent. */
  async abandon(): Promise<void> {
    if (this.#state === 'over') return
    this.#state = 'over'
    try {
      await this.#file?.close()
      await this.#disk.remove(this.#path)
    } catch {
      // what stays goes with its checkpoint
    }
  }
}

class CopyingWriter implements DataWriter {
  readonly #writer: DataWriter
  readonly #copy: LocalCopy

  constructor(writer: DataWriter, copy: LocalCopy) {
    this.#writer = writer
    this.#copy = copy
  }

  async write(bytes: Uint8Array): Promise<void> {
    await Promise.all([this.#writer.write(bytes), this.#copy.try(() => this.#copy.write(bytes))])
  }

  async finish(): Promise<DataHandle> {
    const handle = await this.#writer.finish()
    await this.#copy.try(() => this.#copy.keepAs(handle))
    return handle
  }

  async abandon(): Promise<void> {
    await Promise.all([this.#writer.abandon(), this.#copy.abandon()])
  }
}
