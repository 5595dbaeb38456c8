/**
 * Writes records into hidden files and cuts them at checkpoints.
 *
 * Owns: one subtask's open files, one for each folder, its queue of disk operations, the files closed since the last cut. Does not own: what is in a file
 * (file-content.ts), making files visible (file-committer.ts), cleaning up after a crash (file-sink.ts).
 *
 * N1 All decisions (which file, which length) are made synchronously at the call; the queue performs them in order.
 * N2 A snapshot resolves when everything queued before it has succeeded; after the first failure nothing more is written and every snapshot is refused.
 * N3 At most IN_FLIGHT_BYTES_MAX bytes and one block of each folder are queued, as long as the caller heeds `isBlocked`.
 * N4 Only this writer appends to its files: what it restores it copies first.
 * N4a The content of a file begins with the file and ends with it; one that spans checkpoints is made anew behind what was restored.
 * N5 A folder without an open file is forgotten at the next cut.
 */
import { DiskError } from '../base/disk-error.ts'
import type { Disk, DiskFile } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { Block, FileContent, FileFormat } from './file-content.ts'
import {
  isBucketName,
  type FileCommittable,
  type FileParts,
  type FileWriterState,
  type OpenFileState,
} from './file-parts.ts'
import type { SinkContext, SinkWriter, WriterSnapshot } from './sink.ts'

export interface RollPolicy {
  readonly spansCheckpoints: boolean
  readonly sizeMaxBytes: number
  readonly ageMaxMs: number
}

export interface FileWriterOptions<T> {
  readonly parts: FileParts
  readonly format: FileFormat<T>
  /** The folder of a record; without it all are in the directory itself. */
  readonly bucketOf: ((value: T) => string) | undefined
  readonly roll: RollPolicy
  readonly context: SinkContext
  readonly restored: readonly FileWriterState[]
}

/** Bytes queued for the disk before the writer blocks. */
export const IN_FLIGHT_BYTES_MAX = 8 * 1024 * 1024
/** Bytes of one step when a restored file is copied. */
const COPY_BYTES = 1024 * 1024

/** A folder, the file that is open in it, and what that file holds: a file without any block yet is not open. */
interface Bucket<T> {
  readonly name: string
  content: FileContent<T> | undefined
  open: PartFile | undefined
}

export class FileWriter<T> implements SinkWriter<T, FileCommittable, FileWriterState> {
  readonly #parts: FileParts
  readonly #format: FileFormat<T>
  readonly #roll: RollPolicy
  readonly #context: SinkContext
  readonly #disk: Disk
  readonly #bucketOf: ((value: T) => string) | undefined
  readonly #buckets = new Map<string, Bucket<T>>()
  /** That of the last record. */
  #recent: Bucket<T>
  /** Closed since the last cut. */
  #sealed: PartFile[] = []
  #fileCount = 0
  #inFlightBytes = 0
  /** The queue of disk operations. */
  #queue: Promise<void> = Promise.resolve()
  #failure: EngineError | undefined
  #run: number | undefined
  #isAtEnd = false

  constructor({ parts, format, bucketOf, roll, context, restored }: FileWriterOptions<T>) {
    this.#parts = parts
    this.#format = format
    this.#bucketOf = bucketOf
    this.#recent = this.#bucket('')
    this.#roll = roll
    this.#context = context
    this.#disk = context.env.disk
    this.#run = restored[0]?.run
    if (this.#run === undefined) this.#enqueue(() => this.#readRun())
    for (const { open } of restored) if (open !== undefined) this.#continueFile(open)
  }

  write(value: T): void {
    const bucket = this.#bucketOf === undefined ? this.#recent : this.#select(this.#bucketOf(value))
    const content = (bucket.content ??= this.#format.begin('new'))
    content.add(value)
    if (content.isDue()) this.#flush(bucket)
  }

  isBlocked(): boolean {
    return this.#inFlightBytes >= IN_FLIGHT_BYTES_MAX
  }

  async snapshot(checkpoint: number): Promise<WriterSnapshot<FileCommittable, FileWriterState>> {
    for (const bucket of this.#buckets.values()) {
      this.#flush(bucket)
      if (!this.#mayStayOpen(bucket)) this.#seal(bucket)
    }
    const [sealed, open] = [this.#sealed, this.#openFiles()]
    const openStates = open.map((file) => file.state())
    this.#sealed = []
    this.#forgetClosed()
    for (const file of open) this.#enqueue(() => file.sync())
    this.#enqueue(() => this.#disk.syncDirectory(this.#parts.path(this.#parts.hiddenFolder)))
    // From here on only what was decided above: writing goes on meanwhile.
    await this.#queue
    if (this.#failure !== undefined) throw this.#failure
    const run = this.#run ?? 1
    const place = { run, checkpoint, subtask: this.#context.subtask }
    return {
      committables: sealed.map((file, n) => file.committable(this.#parts.finalName(file.bucket, { ...place, n }))),
      states: openStates.length === 0 ? [{ run }] : openStates.map((state) => ({ run, open: state })),
    }
  }

  endOfInput(): void {
    this.#isAtEnd = true
  }

  async close(): Promise<void> {
    await this.#queue
    for (const file of [...this.#sealed, ...this.#openFiles()]) await file.closeForGood()
  }

  #select(name: unknown): Bucket<T> {
    if (this.#recent.name === name) return this.#recent
    if (!isBucketName(name)) throw badBucket(name)
    this.#recent = this.#bucket(name)
    return this.#recent
  }

  #bucket(name: string): Bucket<T> {
    const known = this.#buckets.get(name)
    if (known !== undefined) return known
    const bucket: Bucket<T> = { name, content: undefined, open: undefined }
    this.#buckets.set(name, bucket)
    return bucket
  }

  #openFiles(): PartFile[] {
    return [...this.#buckets.values()].flatMap(({ open }) => open ?? [])
  }

  /** N5. The recent one is in use whether it is open or not. */
  #forgetClosed(): void {
    for (const bucket of this.#buckets.values())
      if (bucket.open === undefined && bucket !== this.#recent) this.#buckets.delete(bucket.name)
  }

  #flush(bucket: Bucket<T>): void {
    const block = bucket.content?.take()
    if (block === undefined) return
    const file = (bucket.open ??= this.#newFile(bucket.name))
    this.#append(file, block)
    if (this.#isFull(file)) this.#seal(bucket)
  }

  #append(file: PartFile, block: Block): void {
    const { sizeBytes } = block
    file.sizeBytes += sizeBytes
    this.#inFlightBytes += sizeBytes
    this.#enqueue(async () => {
      const bytes = await block.bytes()
      await file.write(bytes)
      file.sizeBytes += bytes.length - sizeBytes // where it was a guess
      this.#onWritten(sizeBytes)
    })
  }

  #onWritten(bytes: number): void {
    const wasBlocked = this.isBlocked()
    this.#inFlightBytes -= bytes
    if (wasBlocked && !this.isBlocked()) this.#context.wake()
  }

  #mayStayOpen({ open }: Bucket<T>): boolean {
    const { spansCheckpoints, ageMaxMs } = this.#roll
    if (!spansCheckpoints || this.#isAtEnd || this.#context.delivery === 'none' || open === undefined) return false
    return this.#nowMs() - open.openedMs < ageMaxMs
  }

  #isFull(file: PartFile): boolean {
    return file.sizeBytes >= this.#roll.sizeMaxBytes
  }

  #seal(bucket: Bucket<T>): void {
    const file = bucket.open
    if (file === undefined) return
    const end = bucket.content?.end()
    if (end !== undefined) this.#append(file, end)
    bucket.open = undefined
    bucket.content = undefined // N4a
    this.#sealed.push(file)
    this.#enqueue(async () => {
      await file.sync()
      await file.close()
    })
  }

  /** N4 */
  #continueFile(restored: OpenFileState): void {
    const bucket = this.#bucket(restored.bucket ?? '')
    this.#seal(bucket)
    const file = this.#newFile(bucket.name, restored.file)
    file.sizeBytes = restored.validBytes
    bucket.open = file
    bucket.content = this.#format.begin('continued')
    this.#enqueue(() => this.#copy(restored, file))
    if (this.#isFull(file)) this.#seal(bucket)
  }

  async #copy({ file: source, validBytes }: OpenFileState, target: PartFile): Promise<void> {
    const path = this.#parts.path(source)
    for (let offset = 0; offset < validBytes; offset += COPY_BYTES) {
      const length = Math.min(COPY_BYTES, validBytes - offset)
      const bytes = await this.#disk.readRange(path, offset, length)
      if (bytes.length < length) throw tooShort(path, validBytes, offset + bytes.length)
      await target.write(bytes)
    }
  }

  #newFile(bucket: string, replaces?: string): PartFile {
    const { incarnation, subtask } = this.#context
    const name = this.#parts.hiddenName(incarnation, subtask, this.#fileCount++)
    return new PartFile(this.#disk, { name, bucket, path: this.#parts.path(name), openedMs: this.#nowMs(), replaces })
  }

  async #readRun(): Promise<void> {
    const bytes = await this.#disk.read(this.#parts.path(this.#parts.runFile))
    this.#run = Number.parseInt(new TextDecoder().decode(bytes), 10)
  }

  #nowMs(): number {
    return this.#context.env.clock.monotonicMs()
  }

  #enqueue(operation: () => Promise<void>): void {
    this.#queue = this.#queue
      .then(() => (this.#failure === undefined ? operation() : undefined))
      .catch((error: unknown) => this.#fail(error))
  }

  #fail(error: unknown): void {
    const failure =
      error instanceof EngineError && !(error instanceof DiskError) ? error : cannotWrite(this.#parts, error)
    this.#failure = failure
    this.#context.fail(failure)
  }
}

interface PartFileOptions {
  readonly name: string
  readonly bucket: string
  readonly path: string
  readonly openedMs: number
  readonly replaces: string | undefined
}

/** One hidden file. The size is what was decided, the rest happens in the writer's queue. */
class PartFile {
  readonly #disk: Disk
  readonly #options: PartFileOptions
  #file: DiskFile | undefined
  /** Whether a checkpoint may refer to it. */
  #isTold = false
  sizeBytes = 0

  constructor(disk: Disk, options: PartFileOptions) {
    this.#disk = disk
    this.#options = options
  }

  get openedMs(): number {
    return this.#options.openedMs
  }

  get bucket(): string {
    return this.#options.bucket
  }

  state(): OpenFileState {
    this.#isTold = true
    const { name, bucket } = this.#options
    return { file: name, ...(bucket === '' ? {} : { bucket }), validBytes: this.sizeBytes, ...this.#replaced() }
  }

  committable(to: string): FileCommittable {
    this.#isTold = true
    return { from: this.#options.name, to, sizeBytes: this.sizeBytes, ...this.#replaced() }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#file ??= await this.#disk.openWrite(this.#options.path, 'create')
    await this.#file.write(bytes)
  }

  async sync(): Promise<void> {
    await this.#file?.sync()
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#file?.close()
  }

  /**
   * Removes what no cut has told of: nothing will ever ask for it, and whoever was replaced while it slept would leave it behind for good, because its
   * successor has cleaned up already.
   */
  async closeForGood(): Promise<void> {
    await this.close()
    if (this.#isTold || this.#file === undefined) return
    await this.#disk.remove(this.#options.path).catch(leftToPrepare)
  }

  #replaced(): { readonly replaces?: string } {
    const { replaces } = this.#options
    return replaces === undefined ? {} : { replaces }
  }
}

function cannotWrite(parts: FileParts, error: unknown): EngineError {
  return new EngineError(
    'SNK1001',
    `writing output to ${parts.directory} failed: ${messageOf(error)}. The job restarts from its last checkpoint; nothing behind it is visible. ` +
      'Free space on that disk or correct its permissions if this comes back.',
    { context: { path: parts.directory }, cause: error },
  )
}

function tooShort(path: string, validBytes: number, foundBytes: number): EngineError {
  return new EngineError(
    'SNK1003',
    `unfinished output file ${path} ends at byte ${foundBytes}, but ${validBytes} bytes of it belong to the restored checkpoint. ` +
      'The job stops, because those lines would be lost. Put the file back, or start fresh into another directory.',
    { context: { path } },
  )
}

function badBucket(bucket: unknown): EngineError {
  return new EngineError(
    'SER1001',
    `the bucketOf function of a file sink returned ${typeof bucket === 'string' ? JSON.stringify(bucket) : `a value of type ${typeof bucket}`}, which names no folder below its directory. The record was not written and the task fails. Return names that are not empty and do not begin with a dot, joined by "/"; "" is the directory itself.`,
  )
}

/** The next start removes what this one could not. */
function leftToPrepare(): void {}
