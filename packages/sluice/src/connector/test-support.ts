/** For tests of this folder: drives a source the way tasks and coordinator do, with restarts at any record, and a disk that stops at any operation. */
import { assert } from '../base/assert.ts'
import type { Disk, DiskFile } from '../base/env.ts'
import { createManualEnv, type ManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import type { ReaderOutput, Source, SourceReader, SourceSplit, SplitEnumerator } from './source.ts'

/** Rounds without a record after which a run is said to hang. */
const IDLE_ROUNDS_MAX = 10_000

export interface SourceSnapshot<Split, State> {
  readonly enumerator: State
  readonly splits: readonly Split[]
}

/** One attempt of a source job. Records of all readers go into one list. */
export class SourceRun<T, Split extends SourceSplit, State> {
  readonly records: T[] = []
  readonly sideRecords: { readonly tag: string; readonly value: unknown }[] = []
  readonly finishedSplits: string[] = []
  readonly counts = new Map<string, number>()
  readonly env: ManualEnv
  failure: unknown
  readonly #enumerator: SplitEnumerator<Split, State>
  readonly #readers: SourceReader<T, Split>[] = []
  readonly #ended = new Set<number>()

  constructor(source: Source<T, Split, State>, disk: Disk, parallelism = 1, restored?: SourceSnapshot<Split, State>) {
    this.env = createManualEnv({ disk })
    const readers = this.#readers
    const fail = (error: unknown): void => void (this.failure ??= error)
    this.#enumerator = source.createEnumerator(
      {
        env: this.env,
        parallelism,
        assign: (subtask, splits) => queueMicrotask(() => readers[subtask]?.addSplits(splits)),
        noMoreSplits: (subtask) => queueMicrotask(() => readers[subtask]?.noMoreSplits()),
        fail,
      },
      restored?.enumerator,
    )
    for (let subtask = 0; subtask < parallelism; subtask++) {
      const reader = source.createReader({
        disk,
        env: this.env,
        subtask,
        parallelism,
        wake: () => {},
        requestSplit: () => queueMicrotask(() => this.#enumerator.onSplitRequest(subtask)),
        fail,
        count: (metric, amount) => void this.counts.set(metric, (this.counts.get(metric) ?? 0) + amount),
      })
      readers.push(reader)
      reader.start()
    }
    restored?.splits.forEach((split, i) => readers[i % parallelism]?.addSplits([split]))
  }

  start(): Promise<void> {
    return this.#enumerator.start()
  }

  /** Polls until there are `count` more records or the source has ended; `pollRecords` at a time. */
  async read(count = Infinity, pollRecords = 512): Promise<'ended' | 'more'> {
    const until = this.records.length + count
    let idleRounds = 0
    while (this.records.length < until) {
      if (this.#ended.size === this.#readers.length) return 'ended'
      const before = this.records.length + this.#ended.size
      for (const subtask of this.#readers.keys())
        this.#poll(subtask, Math.min(pollRecords, until - this.records.length))
      if (this.failure !== undefined) throw this.failure
      if (before !== this.records.length + this.#ended.size) idleRounds = 0
      else await this.#wait(idleRounds++)
    }
    return 'more'
  }

  snapshot(): SourceSnapshot<Split, State> {
    return {
      enumerator: this.#enumerator.snapshot(),
      splits: this.#readers.flatMap((reader) => [...reader.snapshot()]),
    }
  }

  position(subtask = 0): string | undefined {
    return this.#readers[subtask]?.position()
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) await reader.close()
    await this.#enumerator.close()
  }

  #poll(subtask: number, recordsMax: number): void {
    if (this.#ended.has(subtask) || recordsMax <= 0) return
    if (this.#readers[subtask]?.poll(this.#output, recordsMax) === 'end') this.#ended.add(subtask)
  }

  async #wait(round: number): Promise<void> {
    assert(round < IDLE_ROUNDS_MAX, 'the source gives nothing and does not end')
    await new Promise((resolve) => setImmediate(resolve))
  }

  readonly #output: ReaderOutput<T> = {
    split: () => ({ emit: (value) => void this.records.push(value) }),
    finishSplit: (id) => void this.finishedSplits.push(id),
    sideOutput: (tag, value) => void this.sideRecords.push({ tag, value }),
    isFull: () => false,
  }
}

/** All records of a source, read in one go. */
export async function readAll<T, Split extends SourceSplit, State>(
  source: Source<T, Split, State>,
  disk: Disk,
  parallelism = 1,
): Promise<T[]> {
  const run = new SourceRun(source, disk, parallelism)
  await run.start()
  await run.read()
  await run.close()
  return run.records
}

export async function writeFile(disk: Disk, path: string, content: string | Uint8Array): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/'))
  if (folder !== '') await disk.makeDirectory(folder)
  const file = await disk.openWrite(path, 'truncate')
  await file.write(typeof content === 'string' ? new TextEncoder().encode(content) : content)
  await file.close()
}

/** Every file below a folder with its text. */
export async function readTree(disk: Disk, folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const { name, kind } of await disk.list(folder)) {
    const path = `${folder}/${name}`
    if (kind === 'file') files.set(path, new TextDecoder().decode(await disk.read(path)))
    else for (const [inner, text] of await readTree(disk, path)) files.set(inner, text)
  }
  return files
}

/** A process that stops: from the given operation on that changes the disk, nothing is done and nothing answers. */
export class StoppingDisk implements Disk {
  readonly inner: MemoryDisk
  readonly stopped: Promise<void>
  operations = 0
  readonly #stopAt: number
  #stop: () => void = () => {}

  constructor(inner: MemoryDisk, stopAt = Infinity) {
    this.inner = inner
    this.#stopAt = stopAt
    this.stopped = new Promise((resolve) => (this.#stop = resolve))
  }

  read = (path: string): Promise<Uint8Array> => this.#reading(() => this.inner.read(path))
  readRange = (path: string, offset: number, length: number): Promise<Uint8Array> =>
    this.#reading(() => this.inner.readRange(path, offset, length))
  list = (path: string): ReturnType<Disk['list']> => this.#reading(() => this.inner.list(path))
  stat = (path: string): ReturnType<Disk['stat']> => this.#reading(() => this.inner.stat(path))
  rename = (from: string, to: string): Promise<void> => this.#changing(() => this.inner.rename(from, to))
  link = (existing: string, name: string): Promise<void> => this.#changing(() => this.inner.link(existing, name))
  remove = (path: string): Promise<boolean> => this.#changing(() => this.inner.remove(path))
  removeTree = (path: string): Promise<void> => this.#changing(() => this.inner.removeTree(path))
  makeDirectory = (path: string): Promise<void> => this.#changing(() => this.inner.makeDirectory(path))
  truncate = (path: string, size: number): Promise<void> => this.#changing(() => this.inner.truncate(path, size))
  syncDirectory = (path: string): Promise<void> => this.#changing(() => this.inner.syncDirectory(path))

  async openWrite(path: string, mode: 'create' | 'truncate' | 'append'): Promise<DiskFile> {
    const file = await this.#changing(() => this.inner.openWrite(path, mode))
    return {
      path,
      write: (bytes) => this.#changing(() => file.write(bytes)),
      sync: () => this.#changing(() => file.sync()),
      close: () => this.#changing(() => file.close()),
    }
  }

  #reading<T>(run: () => Promise<T>): Promise<T> {
    return this.#isStopped() ? new Promise<T>(() => {}) : run()
  }

  #changing<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isStopped()) return new Promise<T>(() => {})
    this.operations++
    return run()
  }

  #isStopped(): boolean {
    if (this.operations < this.#stopAt) return false
    this.#stop()
    return true
  }
}
