/** A disk that is full for as long as the test says. */
import { DiskError } from '../src/base/disk-error.ts'
import type { Disk, DiskFile } from '../src/base/env.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'

export class FullDisk extends MemoryDisk {
  /** Below this folder nothing can be written; undefined while there is room. */
  fullBelow: string | undefined
  /** Writes that were refused. */
  refusedCount = 0

  override async openWrite(path: string, mode: Parameters<Disk['openWrite']>[1]): Promise<DiskFile> {
    const file = await super.openWrite(path, mode)
    return {
      path,
      write: (bytes) => this.#write(file, bytes),
      sync: () => file.sync(),
      close: () => file.close(),
    }
  }

  override async link(existing: string, name: string): Promise<void> {
    this.#refuse('link', name)
    return super.link(existing, name)
  }

  override async makeDirectory(path: string): Promise<void> {
    if ((await this.stat(path)) === undefined) this.#refuse('make directory', path)
    return super.makeDirectory(path)
  }

  /** As on a real disk, a part of it may still fit. */
  async #write(file: DiskFile, bytes: Uint8Array): Promise<void> {
    if (this.#isFull(file.path)) await file.write(bytes.subarray(0, bytes.length >> 1))
    this.#refuse('write', file.path)
    return file.write(bytes)
  }

  #refuse(operation: string, path: string): void {
    if (!this.#isFull(path)) return
    this.refusedCount++
    throw new DiskError('no-space', operation, path)
  }

  #isFull(path: string): boolean {
    return this.fullBelow !== undefined && path.startsWith(this.fullBelow)
  }
}
