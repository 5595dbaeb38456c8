import { crc32 } from '../../base/bytes.ts'
import { DiskError } from '../../base/disk-error.ts'
import { type CheckpointId, type LeaderEpoch, leaderEpoch } from '../../base/ids.ts'
import type { CheckpointStore, DataWriter } from '../checkpoint-store.ts'
import type { DataHandle } from '../handles.ts'
import { dataMismatch, dataMissing, manifestMissing, writeFailed } from './storage-errors.ts'

/**
 * Checkpoints in memory: gone with the process. For tests and for jobs that need restarts but no resumption.
 */
export class MemoryStore implements CheckpointStore {
  readonly #data = new Map<CheckpointId, Map<string, Uint8Array>>()
  readonly #manifests = new Map<CheckpointId, Uint8Array>()
  #epoch = 0
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

  async publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'> {
    if (this.#manifests.has(checkpoint)) return 'exists'
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

  async discardUnpublished(inProgress: ReadonlySet<CheckpointId>): Promise<readonly CheckpointId[]> {
    const isLeft = (id: CheckpointId): boolean => !this.#manifests.has(id) && !inProgress.has(id)
    const left = [...this.#data.keys()].filter(isLeft).sort((a, b) => a - b)
    for (const checkpoint of left) this.#data.delete(checkpoint)
    return left
  }

  async claimEpoch(): Promise<LeaderEpoch> {
    this.#epoch += 1
    return leaderEpoch(this.#epoch)
  }

  async currentEpoch(): Promise<LeaderEpoch> {
    return leaderEpoch(this.#epoch)
  }

  /** Paths of all data files, for assertions about what is left over. */
  dataPaths(): readonly string[] {
    return [...this.#data]
      .flatMap(([checkpoint, files]) => [...files.keys()].map((name) => pathOf(checkpoint, name)))
      .sort()
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
