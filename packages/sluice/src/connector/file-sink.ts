/**
 * Exactly-once files. The protocol, the states of a file and what each crash leaves: docs/spec/file-sink.md.
 *
 * Owns: options, and the clean-up before a start (`prepare`). The writer and the committer have their own files.
 */
import type { Disk } from '../base/env.ts'
import { syncDirectoryPath } from '../base/durable-directory.ts'
import { DiskError } from '../base/disk-error.ts'
import { parseDuration } from '../base/duration.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { parseSize } from '../base/size.ts'
import { FileCommitter } from './file-committer.ts'
import { type FileFormat, lineFileFormat } from './file-content.ts'
import { FileParts, IN_PROGRESS, SUPERSEDED, type FileCommittable, type FileWriterState } from './file-parts.ts'
import { FileWriter, type RollPolicy } from './file-writer.ts'
import { jsonLine, plainLine } from './line-format.ts'
import type { Sink, SinkPrepareContext } from './sink.ts'

type AnyFileSink<T> = Sink<T, FileCommittable, FileWriterState>

/** Its committables are files: `to` is the name of one in the directory, `sizeBytes` its size. */
export type FileSink<T> = AnyFileSink<T> & Required<Pick<AnyFileSink<T>, 'prepare' | 'createCommitter'>>

/** When files end, and what they are called. */
export interface FileSinkOptions {
  /**
   * When a file ends. `{ every: 'checkpoint' }` (default): at each checkpoint, and at `sizeMax`. `{ sizeMax, ageMax? }`: a file may span checkpoints; it is visible
   * after the checkpoint behind its end.
   */
  readonly roll?: RollOptions
  /** What a fresh start does about committed files of earlier runs of this sink. Default `append`: they stay, new ones are added. */
  readonly onExisting?: 'append' | 'fail' | 'replace'
  /** End of the file names. Default `.jsonl` or `.txt`. */
  readonly extension?: string
}

/** When a file ends. `sizeMax` is a size such as `128mb`, the default; `ageMax` a duration, without it a file may be of any age. */
export type RollOptions =
  | { readonly every: 'checkpoint'; readonly sizeMax?: string }
  | { readonly sizeMax: string; readonly ageMax?: string }

/** What the sinks of one type of record know besides. */
export interface BucketOptions<T> {
  /**
   * The folder below the directory that a record's line goes to, such as `dt=2026-01-31/hour=07`; `''` is the directory itself. A folder has a file of its own
   * for each subtask and checkpoint: many folders at once make many small files.
   */
  readonly bucketOf?: (value: T) => string
}

/** Options of `textSink`. */
export interface TextSinkOptions<T> extends FileSinkOptions, BucketOptions<T> {
  /** The line of a record, without its end. Default: strings as they are, anything else as JSON. */
  readonly format?: (value: T) => string
}

const SIZE_MAX = '128mb'

/**
 * Writes records as lines into files of a directory; exactly once with checkpointing on.
 *
 * @example stream.sinkTo(textSink<Order>('out/orders', { format: (o) => `${o.id};${o.total}` }))
 */
export function textSink<T>(directory: string, options: TextSinkOptions<T> = {}): FileSink<T> {
  const { format = plainLine } = options
  return fileSink('text-files', directory, { extension: '.txt', ...options, format: lineFileFormat(format) })
}

/**
 * Writes records as JSON, one per line, into files of a directory; exactly once with checkpointing on.
 *
 * As `JSON.stringify` has it: fields that hold undefined, a function or a symbol are left out without a word, in arrays they are null, and so
 * are NaN and infinite numbers. A record that has no JSON as a whole fails the task (SER1001).
 *
 * @example stream.sinkTo(jsonLinesSink('out/delays'))
 */
export function jsonLinesSink<T>(directory: string, options: FileSinkOptions & BucketOptions<T> = {}): FileSink<T> {
  return fileSink<T>('json-lines-files', directory, {
    extension: '.jsonl',
    ...options,
    format: lineFileFormat<T>(jsonLine),
  })
}

export interface ResolvedFileSinkOptions<T> extends FileSinkOptions, BucketOptions<T> {
  readonly extension: string
  readonly format: FileFormat<T>
}

/** A sink of files with any content; a content that cannot be continued needs `roll.every`. */
export function fileSink<T>(kind: string, directory: string, options: ResolvedFileSinkOptions<T>): FileSink<T> {
  const { format, bucketOf } = options
  const buckets = bucketOf === undefined ? 'none' : 'folders'
  const roll = resolveRoll(options.roll ?? { every: 'checkpoint' })
  const partsOf = (uid: string): FileParts => new FileParts(directory, uid, options.extension)
  return Object.freeze<FileSink<T>>({
    kind,
    identity: { directory },
    prepare: (context) =>
      new Preparation(partsOf(context.uid), context, { onExisting: options.onExisting ?? 'append', buckets }).run(),
    createWriter: (context, restored) =>
      new FileWriter({ parts: partsOf(context.uid), format, bucketOf, roll, context, restored }),
    createCommitter: (context) => new FileCommitter(partsOf(context.uid), context.env),
  })
}

function resolveRoll(options: RollOptions): RollPolicy {
  const ageMax = 'ageMax' in options ? options.ageMax : undefined
  return {
    spansCheckpoints: !('every' in options),
    sizeMaxBytes: parseSize(options.sizeMax ?? SIZE_MAX),
    ageMaxMs: ageMax === undefined ? Infinity : parseDuration(ageMax),
  }
}

interface PreparationOptions {
  readonly onExisting: 'append' | 'fail' | 'replace'
  /** Whether committed files may be in folders of the directory. */
  readonly buckets: 'none' | 'folders'
}

/** Brings the directory into the state that the restored checkpoint (or a fresh start) expects. Repeatable after a crash at any point. */
class Preparation {
  readonly #parts: FileParts
  readonly #context: SinkPrepareContext<FileCommittable, FileWriterState>
  readonly #options: PreparationOptions
  readonly #disk: Disk

  constructor(
    parts: FileParts,
    context: SinkPrepareContext<FileCommittable, FileWriterState>,
    options: PreparationOptions,
  ) {
    this.#parts = parts
    this.#context = context
    this.#options = options
    this.#disk = context.env.disk
  }

  async run(): Promise<void> {
    try {
      await this.#disk.makeDirectory(this.#parts.path(this.#parts.hiddenFolder))
      const run = this.#context.fresh ? await this.#freshRun() : await this.#restoredRun()
      await this.#removeUnreferenced()
      await this.#writeRun(run)
      await this.#syncNewDirectories()
    } catch (error) {
      if (error instanceof EngineError && error.code !== 'DSK1001') throw error
      if (isMisplaced(error)) throw this.#unusable(error)
      throw new EngineError(
        'SNK1001',
        `output directory ${this.#parts.directory} cannot be prepared: ${messageOf(error)}. The job does not start before it is. Check the path, its permissions and the space on its disk.`,
        { context: { path: this.#parts.directory }, cause: error },
      )
    }
  }

  async #freshRun(): Promise<number> {
    const committed = await this.#committed()
    if (committed.length === 0) return 1
    const { onExisting } = this.#options
    if (onExisting === 'fail') throw this.#notEmpty(committed.length)
    if (onExisting === 'replace') {
      for (const { name } of committed) await this.#disk.remove(this.#parts.path(name))
      await this.#sync(committed.map(({ name }) => name))
      return 1
    }
    return committed.reduce((newest, { run }) => Math.max(newest, run), 0) + 1
  }

  async #restoredRun(): Promise<number> {
    const { restoredWriters, restoredCheckpoint } = this.#context
    for (const { open } of restoredWriters) {
      if (open !== undefined) await this.#checkOpenFile(open.file, open.validBytes)
    }
    const run = restoredWriters[0]?.run ?? 1
    if (restoredCheckpoint !== undefined) await this.#supersede(run, restoredCheckpoint)
    return run
  }

  /** Output of checkpoints behind the restored one will be produced again: it must not be visible twice. */
  async #supersede(run: number, restoredCheckpoint: number): Promise<void> {
    const { checkpointMax = Infinity } = this.#context.leader ?? {}
    const later = (await this.#committed()).filter(
      (part) => part.run === run && part.checkpoint > restoredCheckpoint && part.checkpoint <= checkpointMax,
    )
    if (later.length === 0) return
    const moved = later.map(({ name }) => ({ name, to: `${SUPERSEDED}/${name}` }))
    for (const folder of this.#parts.foldersOf(moved.map(({ to }) => to))) await this.#disk.makeDirectory(folder)
    for (const { name, to } of moved) await this.#disk.rename(this.#parts.path(name), this.#parts.path(to))
    await this.#sync(moved.map(({ to }) => to))
    await this.#sync(moved.map(({ name }) => name))
  }

  /** The folders of these names. */
  async #sync(names: readonly string[]): Promise<void> {
    for (const folder of this.#parts.foldersOf(names)) await this.#disk.syncDirectory(folder)
  }

  async #checkOpenFile(file: string, validBytes: number): Promise<void> {
    const stat = await this.#disk.stat(this.#parts.path(file))
    if (stat !== undefined && stat.sizeBytes >= validBytes) return
    const found = stat === undefined ? 'is gone' : `has only ${stat.sizeBytes} bytes`
    throw new EngineError(
      'SNK1003',
      `unfinished output file ${this.#parts.path(file)} with ${validBytes} bytes of checkpoint ${this.#context.restoredCheckpoint ?? '?'} ${found}. ` +
        'The job does not start, because those lines would be lost. Put the file back; if a later checkpoint has committed it, restore that one; or start fresh into another directory.',
      { context: { path: this.#parts.path(file) } },
    )
  }

  async #removeUnreferenced(): Promise<void> {
    const { restoredCommittables, restoredWriters, leader } = this.#context
    const kept = new Set([
      this.#parts.runFile,
      ...restoredCommittables.map(({ from }) => from),
      ...restoredWriters.map(({ open }) => open?.file),
    ])
    for (const entry of await this.#disk.list(this.#parts.path(this.#parts.hiddenFolder))) {
      const name = `${this.#parts.hiddenFolder}/${entry.name}`
      const isOfLaterLeader = leader !== undefined && this.#parts.epochOf(entry.name) > leader.epoch
      if (!kept.has(name) && !isOfLaterLeader) await this.#disk.remove(this.#parts.path(name))
    }
  }

  /** By rename, so that it is there whole or not at all. */
  async #writeRun(run: number): Promise<void> {
    const path = this.#parts.path(this.#parts.runFile)
    const file = await this.#disk.openWrite(`${path}.new`, 'truncate')
    try {
      await file.write(new TextEncoder().encode(`${run}\n`))
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#disk.rename(`${path}.new`, path)
  }

  async #syncNewDirectories(): Promise<void> {
    for (const name of [this.#parts.hiddenFolder, IN_PROGRESS]) await this.#disk.syncDirectory(this.#parts.path(name))
    await this.#disk.syncDirectory(this.#parts.directory)
    await syncDirectoryPath(this.#disk, this.#parts.directory)
  }

  /** Committed files of this sink, by name below the directory. */
  async #committed(folder = ''): Promise<readonly CommittedFile[]> {
    const found: CommittedFile[] = []
    const path = folder === '' ? this.#parts.directory : this.#parts.path(folder)
    for (const { name, kind } of await this.#disk.list(path)) {
      const below = folder === '' ? name : `${folder}/${name}`
      const place = kind === 'file' ? this.#parts.placeOf(name) : undefined
      if (place !== undefined) found.push({ name: below, ...place })
      else if (kind === 'directory' && this.#options.buckets === 'folders' && !name.startsWith('.'))
        found.push(...(await this.#committed(below)))
    }
    return found
  }

  #unusable(error: unknown): EngineError {
    return new EngineError(
      'SNK1004',
      `output directory ${this.#parts.directory} cannot be used: ${messageOf(error)}. Nothing was written. Correct the path or its permissions, and start the job again.`,
      { context: { path: this.#parts.directory }, cause: error },
    )
  }

  #notEmpty(count: number): EngineError {
    return new EngineError(
      'SNK1004',
      `output directory ${this.#parts.directory} holds ${count} files of an earlier run and onExisting is 'fail'. The job was not started. ` +
        "Choose another directory, remove them, or set onExisting to 'append' or 'replace'.",
      { context: { path: this.#parts.directory } },
    )
  }
}

interface CommittedFile {
  readonly name: string
  readonly run: number
  readonly checkpoint: number
}

/** Waiting does not help, unlike with a full disk. */
function isMisplaced(error: unknown): boolean {
  return error instanceof DiskError && (error.kind === 'denied' || error.kind === 'not-a-directory')
}
