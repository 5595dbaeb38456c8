/**
 * The reader of everything that is read in chunks: files of lines, Parquet files, collections.
 *
 * Owns: the splits of one reader, reading ahead, the exact position. Does not own: formats (a `ChunkFormat` opens a split), watermarks,
 * rate limits.
 *
 * R1 One split at a time is emitted, in order of index, so that time runs forward over the splits of one sequence (C5 of source.ts).
 * R2 At most CHUNKS_AHEAD_MAX chunks are held or being read, over all splits.
 * R3 The position is behind record i before record i is emitted: a snapshot between two polls is exact, and an error names its record.
 * R4 Rejected records belong in front of the record (or the end of the chunk) that follows them and leave together with the one before.
 */
import { assert } from '../base/assert.ts'
import { asEngineError } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { PollResult, ReaderContext, ReaderOutput, SourceReader, SourceSplit, SplitOutput } from './source.ts'

/** Chunks read ahead of the one that is emitted. */
export const CHUNKS_AHEAD_MAX = 2

/** A split with its place in the order in which the enumerator found the splits. */
export interface OrderedSplit extends SourceSplit {
  readonly index: number
}

/** Some consecutive records of one split, decoded. */
export interface Chunk<T, Split, R = never> {
  readonly records: readonly T[]
  /** What could not be decoded, ascending by `before`. */
  readonly rejects: readonly Reject<R>[]
  /** The split as of `count` records of this chunk having been emitted. */
  positionAfter(count: number): Split
  /** Where record `index` is, for people. */
  describe(index: number): string
}

export interface Reject<R> {
  /** Index of the record of the chunk in front of which it was found; the number of records when it is behind the last one. */
  readonly before: number
  readonly value: R
}

export interface ChunkFormat<T, Split, R = never> {
  open(split: Split): AsyncIterator<Chunk<T, Split, R>>
  /** What to do with a rejected record: count it, set it aside, or throw. */
  onReject(value: R, output: ReaderOutput<T>): void
}

interface Progress<T, Split, R> {
  /** As of the chunks that were emitted completely. */
  split: Split
  chunks: AsyncIterator<Chunk<T, Split, R>> | undefined
  readonly ready: Chunk<T, Split, R>[]
  isRead: boolean
}

export class ChunkReader<T, Split extends OrderedSplit, R = never> implements SourceReader<T, Split> {
  readonly #format: ChunkFormat<T, Split, R>
  readonly #context: ReaderContext
  /** Assigned and not finished; the first one is emitted. */
  readonly #progress: Progress<T, Split, R>[] = []
  #current: Progress<T, Split, R> | undefined
  #splitOutput: SplitOutput<T> | undefined
  #chunk: Chunk<T, Split, R> | undefined
  /** Records of `#chunk` that were emitted. */
  #emitted = 0
  /** Rejects of `#chunk` that were handed on. */
  #rejected = 0
  /** Chunks that are ready, over all splits. */
  #heldCount = 0
  #isReading = false
  #isRequested = false
  #hasAllSplits = false
  #isClosed = false

  constructor(format: ChunkFormat<T, Split, R>, context: ReaderContext) {
    this.#format = format
    this.#context = context
  }

  start(): void {
    this.#context.wake()
  }

  addSplits(splits: readonly Split[]): void {
    this.#isRequested = false
    for (const split of splits) this.#progress.push({ split, chunks: undefined, ready: [], isRead: false })
    // The split being emitted stays in front: it is the first one already or it is not started.
    this.#progress.sort(
      (a, b) => Number(b === this.#current) - Number(a === this.#current) || a.split.index - b.split.index,
    )
    this.#readAhead()
    this.#context.wake()
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true
    this.#context.wake()
  }

  poll(output: ReaderOutput<T>, recordsMax: number): PollResult {
    let left = recordsMax
    while (left > 0) {
      const chunk = this.#chunk
      if (chunk === undefined) {
        if (!this.#nextChunk(output)) return this.#isDone() ? 'end' : 'nothing'
        continue
      }
      const before = this.#emitted
      this.#emitFrom(chunk, output, left)
      left -= this.#emitted - before
      if (this.#emitted < chunk.records.length) return 'more'
      this.#finishChunk(chunk, output)
    }
    return 'more'
  }

  snapshot(): readonly Split[] {
    return this.#progress.map((progress) => {
      if (progress !== this.#current || this.#chunk === undefined) return progress.split
      return this.#chunk.positionAfter(this.#emitted)
    })
  }

  position(): string | undefined {
    const chunk = this.#chunk
    return chunk === undefined || this.#emitted === 0 ? undefined : chunk.describe(this.#emitted - 1)
  }

  /** No file is open between two reads: what still arrives is dropped. */
  async close(): Promise<void> {
    this.#isClosed = true
  }

  /** The hot loop. */
  #emitFrom(chunk: Chunk<T, Split, R>, output: ReaderOutput<T>, recordsMax: number): void {
    const records = chunk.records
    const split = this.#openSplitOutput()
    const end = Math.min(records.length, this.#emitted + recordsMax)
    while (this.#emitted < end) {
      const stop = Math.min(end, this.#nextRejectAt(chunk))
      let index = this.#emitted
      while (index < stop && !output.isFull()) {
        const record = records[index] as T // index < length
        this.#emitted = ++index // R3
        split.emit(record, NO_TIMESTAMP)
      }
      this.#passRejects(chunk, output) // R4
      if (index < stop || output.isFull()) return
    }
  }

  #nextRejectAt(chunk: Chunk<T, Split, R>): number {
    return chunk.rejects[this.#rejected]?.before ?? chunk.records.length
  }

  #passRejects(chunk: Chunk<T, Split, R>, output: ReaderOutput<T>): void {
    while (this.#rejected < chunk.rejects.length) {
      const reject = chunk.rejects[this.#rejected]
      if (reject === undefined || reject.before > this.#emitted) return
      this.#rejected++
      this.#format.onReject(reject.value, output)
    }
  }

  #openSplitOutput(): SplitOutput<T> {
    assert(this.#splitOutput !== undefined, 'a chunk is emitted without a split')
    return this.#splitOutput
  }

  /** Makes the next chunk current; false when none is ready. */
  #nextChunk(output: ReaderOutput<T>): boolean {
    for (;;) {
      const progress = this.#progress[0]
      this.#readAhead()
      if (progress === undefined) return false
      if (progress !== this.#current) this.#beginSplit(progress, output)
      const chunk = progress.ready[0]
      if (chunk === undefined) {
        if (!progress.isRead) return false
        this.#finishSplit(progress, output)
        continue
      }
      this.#chunk = chunk
      this.#emitted = 0
      this.#rejected = 0
      this.#passRejects(chunk, output)
      return true
    }
  }

  #beginSplit(progress: Progress<T, Split, R>, output: ReaderOutput<T>): void {
    this.#current = progress
    this.#splitOutput = output.split(progress.split.id)
  }

  #finishChunk(chunk: Chunk<T, Split, R>, output: ReaderOutput<T>): void {
    const progress = this.#current
    assert(progress !== undefined, 'a chunk was emitted outside a split')
    progress.split = chunk.positionAfter(chunk.records.length)
    progress.ready.shift()
    this.#heldCount--
    this.#chunk = undefined
    this.#readAhead()
    if (progress.isRead && progress.ready.length === 0) this.#finishSplit(progress, output)
  }

  #finishSplit(progress: Progress<T, Split, R>, output: ReaderOutput<T>): void {
    assert(this.#progress[0] === progress, 'a split finished out of order')
    this.#progress.shift()
    this.#current = undefined
    this.#splitOutput = undefined
    output.finishSplit(progress.split.id)
  }

  #isDone(): boolean {
    return this.#hasAllSplits && this.#progress.length === 0
  }

  #readAhead(): void {
    if (this.#isReading || this.#isClosed) return
    const progress = this.#progress.find((candidate) => !candidate.isRead)
    if (progress === undefined) this.#requestSplit()
    else if (this.#heldCount <= CHUNKS_AHEAD_MAX) this.#readNext(progress)
  }

  #requestSplit(): void {
    if (this.#isRequested || this.#hasAllSplits) return
    this.#isRequested = true
    this.#context.requestSplit()
  }

  #readNext(progress: Progress<T, Split, R>): void {
    this.#isReading = true
    progress.chunks ??= this.#format.open(progress.split)
    progress.chunks.next().then(
      (result) => this.#onRead(progress, result),
      (error: unknown) => this.#onFailed(error),
    )
  }

  #onRead(progress: Progress<T, Split, R>, result: IteratorResult<Chunk<T, Split, R>>): void {
    this.#isReading = false
    if (this.#isClosed) return
    if (result.done === true) progress.isRead = true
    else {
      progress.ready.push(result.value)
      this.#heldCount++
    }
    this.#readAhead()
    this.#context.wake()
  }

  #onFailed(error: unknown): void {
    if (this.#isClosed) return
    this.#context.fail(
      asEngineError(
        error,
        'SRC1003',
        'reading the input failed. The job restarts from its last checkpoint; look at the cause',
      ),
    )
  }
}
