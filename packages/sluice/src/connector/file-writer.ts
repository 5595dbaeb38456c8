/**
 * Writes lines into hidden files and cuts them at checkpoints.
 *
 * Owns: one subtask's open file, its queue of disk operations, the files closed since the last cut. Does not own: making them visible
 * (file-committer.ts), cleaning up after a crash (file-sink.ts).
 *
 * N1 All decisions (which file, which length) are made synchronously at the call; the queue performs them in order.
 * N2 A snapshot resolves when everything queued before it has succeeded; after the first failure nothing more is written and every snapshot is refused.
 * N3 At most IN_FLIGHT_BYTES_MAX bytes and one block are queued, as long as the caller heeds `isBlocked`.
 * N4 Only this writer appends to its files: what it restores it copies first.
 */
import { DiskError } from '../base/disk-error.ts'
import type { Disk, DiskFile } from '../base/env.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { FileCommittable, FileParts, FileWriterState, OpenFileState } from './file-parts.ts'
import type { SinkContext, SinkWriter, WriterSnapshot } from './sink.ts'

export interface RollPolicy {
  readonly spansCheckpoints: boolean
  readonly sizeMaxBytes: number
  readonly ageMaxMs: number
}

export interface FileWriterOptions<T> {
  readonly parts: FileParts
  readonly format: (value: T) => string
  readonly roll: RollPolicy
  readonly context: SinkContext
  readonly restored: readonly FileWriterState[]
}

/** Characters collected before they are encoded and written. */
const BLOCK_CHARS = 64 * 1024
/** Bytes queued for the disk before the writer blocks. */
export const IN_FLIGHT_BYTES_MAX = 8 * 1024 * 1024
/** Bytes of one step when a restored file is copied. */
const COPY_BYTES = 1024 * 1024

export class FileWriter<T> implements SinkWriter<T, FileCommittable, FileWriterState> {
  readonly #parts: FileParts
  readonly #format: (value: T) => string
  readonly #roll: RollPolicy
  readonly #context: SinkContext
  readonly #disk: Disk
  readonly #encoder = new TextEncoder()
  #text = ''
  #open: PartFile | undefined
  /** Closed since the last cut. */
  #sealed: PartFile[] = []
  #fileCount = 0
  #inFlightBytes = 0
  /** The queue of disk operations. */
  #queue: Promise<void> = Promise.resolve()
  #failure: EngineError | undefined
  #run: number | undefined
  #isAtEnd = false

  constructor({ parts, format, roll, context, restored }: FileWriterOptions<T>) {
    this.#parts = parts
    this.#format = format
    this.#roll = roll
    this.#context = context
    this.#disk = context.env.disk
    this.#run = restored[0]?.run
    if (this.#run === undefined) this.#enqueue(() => this.#readRun())
    for (const { open } of restored) if (open !== undefined) this.#continueFile(open)
  }

  write(value: T): void {
    const line = this.#format(value)
    if (typeof line !== 'string') throw notText(line)
    this.#text += line + '\n'
    if (this.#text.length >= BLOCK_CHARS) this.#flush()
  }

  isBlocked(): boolean {
    return this.#inFlightBytes >= IN_FLIGHT_BYTES_MAX
  }

  async snapshot(checkpoint: number): Promise<WriterSnapshot<FileCommittable, FileWriterState>> {
    this.#flush()
    if (!this.#mayStayOpen()) this.#seal()
    const [sealed, open] = [this.#sealed, this.#open]
    const openState = open?.state()
    this.#sealed = []
    if (open !== undefined) this.#enqueue(() => open.sync())
    this.#enqueue(() => this.#disk.syncDirectory(this.#parts.path(this.#parts.hiddenFolder)))
    // From here on only what was decided above: writing goes on meanwhile.
    await this.#queue
    if (this.#failure !== undefined) throw this.#failure
    const run = this.#run ?? 1
    const place = { run, checkpoint, subtask: this.#context.subtask }
    return {
      committables: sealed.map((file, n) => file.committable(this.#parts.finalName({ ...place, n }))),
      states: [{ run, ...(openState === undefined ? {} : { open: openState }) }],
    }
  }

  endOfInput(): void {
    this.#isAtEnd = true
  }

  async close(): Promise<void> {
    await this.#queue
    for (const file of [...this.#sealed, this.#open]) await file?.close()
  }

  #flush(): void {
    if (this.#text === '') return
    const bytes = this.#encoder.encode(this.#text)
    this.#text = ''
    const file = (this.#open ??= this.#newFile())
    file.sizeBytes += bytes.length
    this.#inFlightBytes += bytes.length
    this.#enqueue(async () => {
      await file.write(bytes)
      this.#onWritten(bytes.length)
    })
    if (this.#isFull(file)) this.#seal()
  }

  #onWritten(bytes: number): void {
    const wasBlocked = this.isBlocked()
    this.#inFlightBytes -= bytes
    if (wasBlocked && !this.isBlocked()) this.#context.wake()
  }

  #mayStayOpen(): boolean {
    const { spansCheckpoints, ageMaxMs } = this.#roll
    if (!spansCheckpoints || this.#isAtEnd || this.#context.delivery === 'none' || this.#open === undefined)
      return false
    return this.#nowMs() - this.#open.openedMs < ageMaxMs
  }

  #isFull(file: PartFile): boolean {
    return file.sizeBytes >= this.#roll.sizeMaxBytes
  }

  #seal(): void {
    const file = this.#open
    if (file === undefined) return
    this.#open = undefined
    this.#sealed.push(file)
    this.#enqueue(async () => {
      await file.sync()
      await file.close()
    })
  }

  /** N4 */
  #continueFile(restored: OpenFileState): void {
    this.#seal()
    const file = this.#newFile(restored.file)
    file.sizeBytes = restored.validBytes
    this.#open = file
    this.#enqueue(() => this.#copy(restored, file))
    if (this.#isFull(file)) this.#seal()
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

  #newFile(replaces?: string): PartFile {
    const { incarnation, subtask } = this.#context
    const name = this.#parts.hiddenName(incarnation, subtask, this.#fileCount++)
    return new PartFile(this.#disk, { name, path: this.#parts.path(name), openedMs: this.#nowMs(), replaces })
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
  readonly path: string
  readonly openedMs: number
  readonly replaces: string | undefined
}

/** One hidden file. The size is what was decided, the rest happens in the writer's queue. */
class PartFile {
  readonly #disk: Disk
  readonly #options: PartFileOptions
  #file: DiskFile | undefined
  sizeBytes = 0

  constructor(disk: Disk, options: PartFileOptions) {
    this.#disk = disk
    this.#options = options
  }

  get openedMs(): number {
    return this.#options.openedMs
  }

  state(): OpenFileState {
    return { file: this.#options.name, validBytes: this.sizeBytes, ...this.#replaced() }
  }

  committable(to: string): FileCommittable {
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

function notText(line: unknown): EngineError {
  return new EngineError(
    'SER1001',
    `the format function of a file sink returned ${line === null ? 'null' : `a value of type ${typeof line}`}, not a string. The record was not written and the task fails. Return the line as a string.`,
  )
}
