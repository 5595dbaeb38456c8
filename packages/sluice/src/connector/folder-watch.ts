/**
 * The enumerator of sources that go on watching their folders: looks again and again, and hands out what has arrived.
 *
 * Owns: which files were found, splits that no reader has. Does not own: what is in a file.
 *
 * F1 A file is found once, by its path: its splits are given out once, and the path stays in the snapshot as long as the file is there.
 * F2 What a look finds becomes part of the state in one step, files and splits together: a snapshot has both or neither.
 * F3 A path that a look does not see any more is forgotten; a file that comes there later is a new one.
 * F4 At most WATCHED_FILES_MAX paths are remembered.
 */
import { DiskError } from '../base/disk-error.ts'
import type { Disk } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { parseDuration } from '../base/duration.ts'
import type { OrderedSplit } from './chunk-reader.ts'
import {
  type FileOrder,
  type InputFile,
  type InputPaths,
  failUnreadable,
  isWanted,
  joinPath,
  missing,
  pathList,
} from './file-splits.ts'
import type { EnumeratorContext, SplitEnumerator } from './source.ts'
import { SplitQueue, type SplitQueueState } from './split-queue.ts'

/** Files that are there at once. */
export const WATCHED_FILES_MAX = 100_000
const INTERVAL_MS_MIN = 100

/** Whether a source goes on looking for files, and in which order of time they are. */
export interface MonitorOptions {
  /**
   * How long to wait between two looks for new files, e.g. `10s`, from `100ms` up. With it the source never ends. Default: the files that are there
   * when the job starts are all.
   */
  readonly monitor?: string
  /**
   * `time` if later files, by name, hold later records. Default `unknown`: nothing is late because of the order of reading, but the watermark of a
   * subtask waits until it has opened the last of its files. With `monitor` it is always `time`: nobody knows of a last file.
   */
  readonly fileOrder?: FileOrder
}

/** What the enumerator of files has in a checkpoint. */
export interface FileEnumeratorState<Split> extends SplitQueueState<Split> {
  /** Paths that were found and are still there, where folders are watched. */
  readonly seen?: readonly string[]
  /** Number of the next split. */
  readonly nextIndex?: number
}

export interface FileEnumeratorOptions<Split extends OrderedSplit> {
  /** Of the source, for messages. */
  readonly kind: string
  readonly paths: InputPaths
  /** Ends of the names of the files that are meant; empty: all. */
  readonly suffixes: readonly string[]
  /** Of some files in the order of reading. */
  splitsOf(disk: Disk, files: readonly InputFile[], order: FileOrder): Promise<readonly Split[]>
  /** Work that the split is, above 0, in any unit. */
  sizeOf(split: Split): number
  /** All files that are there now. */
  findAll(disk: Disk): Promise<readonly InputFile[]>
}

/** Undefined: the folders are looked at once. */
export type Monitor = { readonly intervalMs: number } | undefined

/** @throws CFG1002 when the interval is no duration or too short, CFG1003 together with `fileOrder: 'unknown'` */
export function monitorOf(what: string, { monitor, fileOrder }: MonitorOptions): Monitor {
  if (monitor === undefined) return undefined
  const intervalMs = parseDuration(monitor, `${what}: monitor`)
  if (intervalMs < INTERVAL_MS_MIN) {
    throw new EngineError(
      'CFG1002',
      `${what}: monitor is ${JSON.stringify(monitor)}. The graph was not built. Give at least ${INTERVAL_MS_MIN}ms: each look lists all folders.`,
    )
  }
  if (fileOrder !== 'unknown') return { intervalMs }
  throw new EngineError(
    'CFG1003',
    `${what}: fileOrder 'unknown' waits with event time until the last file is open, and monitor never knows a last file. The graph was not built. Leave fileOrder out.`,
  )
}

/** What of the options must be the same when a checkpoint is restored. */
export function fileIdentity(paths: InputPaths, monitor: Monitor) {
  return { paths: pathList(paths), ...(monitor === undefined ? {} : { monitored: true }) }
}

/** Looks once, or again and again. */
export function fileEnumerator<Split extends OrderedSplit>(
  context: EnumeratorContext<Split>,
  restored: FileEnumeratorState<Split> | undefined,
  options: FileEnumeratorOptions<Split> & { readonly monitor: Monitor; readonly fileOrder: FileOrder | undefined },
): SplitEnumerator<Split, FileEnumeratorState<Split>> {
  if (options.monitor !== undefined) return new FolderWatch(context, restored, options, options.monitor.intervalMs)
  return new SplitQueue(context, restored, {
    discover: async ({ env }) =>
      options.splitsOf(env.disk, await options.findAll(env.disk), options.fileOrder ?? 'unknown'),
    sizeOf: (split) => options.sizeOf(split),
  })
}

interface Look<Split> {
  /** All files that are there. */
  readonly paths: readonly string[]
  readonly arrived: readonly string[]
  readonly splits: readonly Split[]
}

class FolderWatch<Split extends OrderedSplit> implements SplitEnumerator<Split, FileEnumeratorState<Split>> {
  readonly #context: EnumeratorContext<Split>
  readonly #options: FileEnumeratorOptions<Split>
  readonly #intervalMs: number
  readonly #seen: Set<string>
  /** Ascending by index. */
  #splits: Split[]
  #nextIndex: number
  /** Readers that have asked for a split when there was none, in order. */
  readonly #waiting = new Set<number>()

  constructor(
    context: EnumeratorContext<Split>,
    restored: FileEnumeratorState<Split> | undefined,
    options: FileEnumeratorOptions<Split>,
    intervalMs: number,
  ) {
    this.#context = context
    this.#options = options
    this.#intervalMs = intervalMs
    this.#seen = new Set(restored?.seen)
    this.#splits = [...(restored?.splits ?? [])]
    this.#nextIndex = restored?.nextIndex ?? 0
  }

  async start(): Promise<void> {
    // A path that is wrong is to be seen at once, not at the first look.
    for (const path of pathList(this.#options.paths)) await expectThere(this.#context.env.disk, path)
    this.#context.callAsync(
      () => this.#look(),
      (look) => this.#apply(look),
      { periodMs: this.#intervalMs },
    )
  }

  onSplitRequest(subtask: number): void {
    this.#waiting.add(subtask)
    this.#handOut()
  }

  addSplitsBack(splits: readonly Split[]): void {
    this.#splits = [...this.#splits, ...splits].sort((a, b) => a.index - b.index)
  }

  snapshot(): FileEnumeratorState<Split> {
    return { splits: [...this.#splits], seen: [...this.#seen], nextIndex: this.#nextIndex }
  }

  async close(): Promise<void> {}

  /** Changes nothing: handler and calls of one schedule never overlap, so what was not seen at its start is new at its end. */
  async #look(): Promise<Look<Split>> {
    const { disk } = this.#context.env
    const files = await filesThere(disk, this.#options, (path) => this.#seen.has(path))
    const arrived = files.filter(({ path, sizeBytes }) => sizeBytes > 0 && !this.#seen.has(path))
    const splits = await this.#options.splitsOf(disk, arrived, 'time')
    return { paths: files.map(({ path }) => path), arrived: arrived.map(({ path }) => path), splits }
  }

  // F2
  #apply({ paths, arrived, splits }: Look<Split>): void {
    const there = new Set(paths)
    for (const path of this.#seen) if (!there.has(path)) this.#seen.delete(path) // F3
    for (const path of arrived) this.#seen.add(path)
    if (this.#seen.size > WATCHED_FILES_MAX) throw tooMany(this.#options.kind, this.#seen.size)
    const look = this.#nextIndex
    for (const split of splits) {
      const index = this.#nextIndex++
      // The path may have had another file before.
      this.#splits.push({ ...split, index, look, id: `${split.id} ${index}` })
    }
    this.#handOut()
  }

  #handOut(): void {
    let given = 0
    for (const subtask of this.#waiting) {
      const split = this.#splits[given]
      if (split === undefined) break
      given++
      this.#waiting.delete(subtask)
      this.#context.assign(subtask, [split])
    }
    this.#splits = this.#splits.slice(given)
  }
}

async function expectThere(disk: Disk, path: string): Promise<void> {
  const stat = await disk.stat(path).catch((error: unknown) => failUnreadable(path, error))
  if (stat === undefined) throw missing(path)
}

interface Listing {
  readonly disk: Disk
  readonly suffixes: readonly string[]
  readonly isSeen: (path: string) => boolean
  readonly found: Map<string, InputFile>
}

/** As `findFiles`, of folders that change meanwhile: what is gone when it is looked at was not there. Nobody needs the size of what was seen before. */
async function filesThere(
  disk: Disk,
  { paths, suffixes }: Pick<FileEnumeratorOptions<never>, 'paths' | 'suffixes'>,
  isSeen: (path: string) => boolean,
): Promise<readonly InputFile[]> {
  const listing: Listing = { disk, suffixes, isSeen, found: new Map() }
  for (const path of pathList(paths)) {
    const stat = await disk.stat(path)
    if (stat?.kind === 'file') listing.found.set(path, { path, sizeBytes: stat.sizeBytes })
    if (stat?.kind === 'directory') await addFolder(listing, path)
  }
  return [...listing.found.values()]
}

async function addFolder(listing: Listing, folder: string): Promise<void> {
  const { disk, suffixes, isSeen, found } = listing
  for (const { name, kind } of await entriesThere(disk, folder)) {
    if (isUnfinished(name)) continue
    const path = joinPath(folder, name)
    if (kind === 'directory') await addFolder(listing, path)
    else if (isWanted(name, suffixes)) {
      const stat = isSeen(path) ? { sizeBytes: 0 } : await disk.stat(path)
      if (stat !== undefined) found.set(path, { path, sizeBytes: stat.sizeBytes })
    }
  }
}

async function entriesThere(disk: Disk, folder: string): ReturnType<Disk['list']> {
  try {
    return await disk.list(folder)
  } catch (error) {
    // It was removed, or is no folder any more, since its parent was listed. Anything else is a look that failed (SRC1005).
    if (error instanceof DiskError && (error.kind === 'not-found' || error.kind === 'not-a-directory')) return []
    throw error
  }
}

/** Hidden, or still being written. */
function isUnfinished(name: string): boolean {
  return name.startsWith('.') || name.startsWith('_') || name.endsWith('.tmp') || name.endsWith('.in-progress')
}

function tooMany(kind: string, count: number): EngineError {
  return new EngineError(
    'SRC1008',
    `the watched folders of a ${kind} source hold ${count} files, more than ${WATCHED_FILES_MAX}. The job stops, because each of them is remembered in every checkpoint. ` +
      'Move files that were read out of the folder, and start again.',
  )
}
