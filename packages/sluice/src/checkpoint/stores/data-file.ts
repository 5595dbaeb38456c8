import { crc32 } from '../../base/bytes.ts'
import type { Disk, DiskFile } from '../../base/env.ts'
import type { EngineError } from '../../base/errors.ts'
import type { DataWriter } from '../checkpoint-store.ts'
import type { DataHandle } from '../handles.ts'
import { attempt } from './store-folders.ts'

interface FileDataWriterOptions {
  readonly disk: Disk
  readonly file: DiskFile
  /** Relative to the storage root. */
  readonly path: string
  readonly directory: string
  readonly wrap: (error: unknown) => EngineError
}

/** A data file of a checkpoint in a directory; durable when `finish` resolves. */
export class FileDataWriter implements DataWriter {
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
