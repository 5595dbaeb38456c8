/** For tests of sources: drives one the way tasks and coordinator do, with restarts at any record. */
import { deferred, type Deferred } from '../base/deferred.ts'
import type { Disk } from '../base/env.ts'
import { EnumeratorCalls } from '../jobmanager/enumerator-calls.ts'
import { createManualEnv, type ManualEnv } from './manual-env.ts'
import type { ReaderOutput, Source, SourceReader, SourceSplit, SplitEnumerator } from '../connector/source.ts'

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
  readonly #calls: EnumeratorCalls
  readonly #readers: SourceReader<T, Split>[] = []
  readonly #ended = new Set<number>()
  /** Settled by the next wake. */
  #woken: Deferred<void> = deferred()

  constructor(
    source: Source<T, Split, State>,
    disk: Disk,
    parallelism = 1,
    restored?: SourceSnapshot<Split, State>,
    env: ManualEnv = createManualEnv({ disk }),
  ) {
    this.env = env
    const readers = this.#readers
    const fail = (error: unknown): void => {
      this.failure ??= error
      this.#woken.resolve()
    }
    const subtasks = Array.from({ length: parallelism }, (_, subtask) => subtask)
    this.#calls = new EnumeratorCalls({ timers: env.timers, fail: (_, error) => fail(error) })
    this.#enumerator = source.createEnumerator(
      {
        env,
        parallelism,
        registeredReaders: () => subtasks,
        sendEventToSourceReader: (subtask, event) =>
          queueMicrotask(() => readers[subtask]?.handleSourceEvents?.(event)),
        callAsync: (callable, handler, schedule = {}) => this.#calls.add(callable, handler, schedule),
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
        wake: () => this.#woken.resolve(),
        requestSplit: () => queueMicrotask(() => this.#enumerator.onSplitRequest(subtask)),
        sendSourceEvent: (event) => queueMicrotask(() => this.#enumerator.handleSourceEvent?.(subtask, event)),
        fail,
        count: (metric, amount) => void this.counts.set(metric, (this.counts.get(metric) ?? 0) + amount),
      })
      readers.push(reader)
      reader.start()
    }
    restored?.splits.forEach((split, i) => readers[i % parallelism]?.addSplits([split]))
  }

  async start(): Promise<void> {
    await this.#enumerator.start()
    for (const subtask of this.#readers.keys()) this.#enumerator.addReader?.(subtask)
    this.#calls.begin()
  }

  /** Polls until there are `count` more records or the source has ended; `pollRecords` at a time. */
  async read(count = Infinity, pollRecords = 512): Promise<'ended' | 'more'> {
    const until = this.records.length + count
    while (this.records.length < until) {
      if (this.#ended.size === this.#readers.length) return 'ended'
      const before = this.records.length + this.#ended.size
      this.#woken = deferred()
      for (const subtask of this.#readers.keys())
        this.#poll(subtask, Math.min(pollRecords, until - this.records.length))
      if (this.failure !== undefined) throw this.failure
      // A reader that gave nothing says when it has more: real disks take as long as they take.
      if (before === this.records.length + this.#ended.size) await this.#woken.promise
    }
    // Assignments that are on their way arrive: a snapshot sees a split either at the enumerator or at a reader.
    await new Promise((resolve) => setImmediate(resolve))
    return 'more'
  }

  /** Polls every reader once, for what readers do at their first poll. */
  pollOnce(): void {
    for (const subtask of this.#readers.keys()) this.#poll(subtask, 1)
  }

  snapshot(checkpoint = 1): SourceSnapshot<Split, State> {
    return {
      enumerator: this.#enumerator.snapshot(),
      splits: this.#readers.flatMap((reader) => [...reader.snapshot(checkpoint)]),
    }
  }

  /** Tells the readers that the checkpoint is restorable. */
  async complete(checkpoint: number): Promise<void> {
    for (const reader of this.#readers) await reader.notifyCheckpointComplete?.(checkpoint)
  }

  position(subtask = 0): string | undefined {
    return this.#readers[subtask]?.position()
  }

  async close(): Promise<void> {
    this.#calls.close()
    for (const reader of this.#readers) await reader.close()
    await this.#enumerator.close()
  }

  #poll(subtask: number, recordsMax: number): void {
    if (this.#ended.has(subtask) || recordsMax <= 0) return
    if (this.#readers[subtask]?.poll(this.#output, recordsMax) === 'end') this.#ended.add(subtask)
  }

  readonly #output: ReaderOutput<T> = {
    split: () => ({ emit: (value) => void this.records.push(value) }),
    finishSplit: (id) => void this.finishedSplits.push(id),
    expectSplit: () => {},
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
