import { crc32 } from '../../base/bytes.ts'
import { DiskError } from '../../base/disk-error.ts'
import { type CheckpointId, type LeaderEpoch, leaderEpoch } from '../../base/ids.ts'
import type { CheckpointStore, DataWriter, IdBlock } from '../checkpoint-store.ts'
import type { DataHandle } from '../handles.ts'
import { firstFree, overtaken } from './epoch-directory.ts'
import { allIdsOf, blockWith, idsOfBlock } from './id-blocks.ts'
import { dataMismatch, dataMissing, manifestMissing, writeFailed } from './storage-errors.ts'

/**
 * Checkpoints in memory: gone with the process. For tests and for jobs that need restarts but no resumption.
 */
export class MemoryStore implements CheckpointStore {
  readonly #data = new Map<CheckpointId, Map<string, Uint8Array>>()
  readonly #manifests = new Map<CheckpointId, Uint8Array>()
  readonly #sealed = new Set<CheckpointId>()
  /** Owners of the blocks of ids, by number. */
  readonly #blocks = new Map<number, LeaderEpoch>()
  #epoch = leaderEpoch(0)
  #floor = 0
  #highestId = 0

  async openData(checkpoint: CheckpointId, name: string): Promise<DataWriter> {
    const files = this.#data.get(checkpoint) ?? new Map<string, Uint8Array>()
    const path = pathOf(checkpoint, name)
    if (files.has(name))
      throw writeFailed(`data of checkpoint ${checkpoint}`, path, new DiskError('exists', 'open', path))
    files.set(name, new Uint8Array(0))
    this.#data.set(checkpoint, files)
    this.#highestId = Math.max(this.#highestId, checkpoint)
    return new MemoryDataWriter(files, name, path)
  }

  async readData(handle: DataHandle): Promise<Uint8Array> {
    const [, directory = '', name = ''] = /^([^/]*)\/(.*)$/.exec(handle.path) ?? []
    const bytes = this.#filesOf(directory)?.get(name)
    if (bytes === undefined) throw dataMissing(handle.path)
    const mismatch = dataMismatch(handle, handle.path, bytes.length, crc32(bytes))
    if (mismatch !== undefined) throw mismatch
    return bytes.slice()
  }

  async seal(epoch: LeaderEpoch): Promise<IdBlock> {
    this.#claimAtLeast(epoch)
    const older = [...this.#blocks].filter(([, owner]) => owner !== epoch)
    for (const id of older.flatMap(([block]) => allIdsOf(block))) if (!this.#manifests.has(id)) this.#sealed.add(id)
    return this.reserveIds(epoch)
  }

  async reserveIds(epoch: LeaderEpoch): Promise<IdBlock> {
    this.#claimAtLeast(epoch)
    const block = blockWith(this.#highestId) + 1
    this.#blocks.set(block, epoch)
    const ids = idsOfBlock(block)
    this.#highestId = ids.last
    return ids
  }

  async publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'> {
    if (checkpoint <= this.#floor || this.#sealed.has(checkpoint) || this.#manifests.has(checkpoint)) return 'exists'
    this.#manifests.set(checkpoint, manifest.slice())
    this.#highestId = Math.max(this.#highestId, checkpoint)
    return 'published'
  }

  async published(): Promise<readonly CheckpointId[]> {
    return [...this.#manifests.keys()].sort((a, b) => a - b)
  }

  async highestId(): Promise<number> {
    return this.#highestId
  }

  async readManifest(checkpoint: CheckpointId): Promise<Uint8Array> {
    const manifest = this.#manifests.get(checkpoint)
    if (manifest === undefined) throw manifestMissing(checkpoint, 'memory')
    return manifest.slice()
  }

  manifestPlace(checkpoint: CheckpointId): string {
    return `memory, checkpoint ${checkpoint}`
  }

  async discard(checkpoint: CheckpointId): Promise<void> {
    this.#manifests.delete(checkpoint)
    this.#data.delete(checkpoint)
  }

  async discardUnpublished(below: CheckpointId): Promise<readonly CheckpointId[]> {
    const isLeft = (id: CheckpointId): boolean => id < below && !this.#manifests.has(id)
    const left = [...this.#data.keys()].filter(isLeft).sort((a, b) => a - b)
    for (const checkpoint of left) this.#data.delete(checkpoint)
    return left
  }

  async forgetBelow(checkpoint: CheckpointId): Promise<void> {
    this.#floor = Math.max(this.#floor, checkpoint - 1)
    for (const id of this.#sealed) if (id <= this.#floor) this.#sealed.delete(id)
    for (const block of this.#blocks.keys()) if (idsOfBlock(block).last <= this.#floor) this.#blocks.delete(block)
  }

  async claimEpoch(leader?: LeaderEpoch): Promise<LeaderEpoch> {
    this.#epoch = firstFree(this.#epoch, leader)
    return this.#epoch
  }

  async currentEpoch(): Promise<LeaderEpoch> {
    return this.#epoch
  }

  /** Paths of all data files, for assertions about what is left over. */
  dataPaths(): readonly string[] {
    return [...this.#data]
      .flatMap(([checkpoint, files]) => [...files.keys()].map((name) => pathOf(checkpoint, name)))
      .sort()
  }

  #claimAtLeast(epoch: LeaderEpoch): void {
    if (this.#epoch > epoch) throw overtaken(epoch, this.#epoch)
    this.#epoch = epoch
  }

  #filesOf(directory: string): Map<string, Uint8Array> | undefined {
    for (const [checkpoint, files] of this.#data) if (directory === directoryOf(checkpoint)) return files
    return undefined
  }
}

class MemoryDataWriter implements DataWriter {
  readonly #files: Map<string, Uint8Array>
  readonly #name: string
  readonly #path: string
  readonly #chunks: Uint8Array[] = []

  constructor(files: Map<string, Uint8Array>, name: string, path: string) {
    this.#files = files
    this.#name = name
    this.#path = path
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#chunks.push(bytes.slice())
  }

  async finish(): Promise<DataHandle> {
    const bytes = concat(this.#chunks)
    this.#files.set(this.#name, bytes)
    return { path: this.#path, sizeBytes: bytes.length, crc32: crc32(bytes) }
  }

  async abandon(): Promise<void> {
    this.#files.delete(this.#name)
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

function directoryOf(checkpoint: CheckpointId): string {
  return `chk-${checkpoint}`
}

function pathOf(checkpoint: CheckpointId, name: string): string {
  return `${directoryOf(checkpoint)}/${name}`
}
