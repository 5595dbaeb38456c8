/**
 * Sources: an enumerator on the JobManager finds splits and hands them out, readers on the tasks read them.
 *
 * C1 A split is plain encodable data with everything needed to continue reading it; the reader's `snapshot` gives splits "as of the last emitted record".
 * C2 `poll` is synchronous: reading ahead happens in the background in bounded buffers, and `context.wake()` says that there is more.
 * C3 The enumerator's `snapshot` holds exactly the splits that are not assigned to a reader.
 * C4 Assignments and barriers reach a reader in the order in which the coordinator made them.
 * C5 A reader reads the splits that it has of one sequence one after the other, in order of event time. An enumerator that does not want
 *    records to be late because of the order of reading gives a reader a first split of each sequence before it reads any (W3a of
 *    time/split-watermarks.ts), and later on only such as are behind those in event time.
 */
import type { Disk, Env } from '../base/env.ts'
import type { JsonValue } from '../base/json.ts'

/** A split has an id that is unique within its source. */
export interface SourceSplit {
  readonly id: string
  /**
   * Splits that name the same sequence follow each other in event time, such as the pieces of one log file: one of them that waits while another is
   * read does not hold back the watermark. Without it a split is a sequence of its own.
   */
  readonly sequence?: string
}

/** A source of records of type T. Frozen, cheap to make, without side effects: `createX` is called where it runs. */
export interface Source<T, Split extends SourceSplit = SourceSplit, EnumeratorState = unknown> {
  /** E.g. `parquet`. */
  readonly kind: string
  /** What it reads (paths, patterns, seeds): what must be the same when a checkpoint is restored. */
  readonly identity: JsonValue
  readonly boundedness: 'bounded' | 'continuous'
  createEnumerator(
    context: EnumeratorContext<Split>,
    restored: EnumeratorState | undefined,
  ): SplitEnumerator<Split, EnumeratorState>
  createReader(context: ReaderContext): SourceReader<T, Split>
}

export interface EnumeratorContext<Split extends SourceSplit> {
  readonly env: Env
  readonly parallelism: number
  assign(subtask: number, splits: readonly Split[]): void
  /** Tells a reader that it will get no more splits; it ends when it has read the ones it has. */
  noMoreSplits(subtask: number): void
  /** Fails the job (the input is gone). */
  fail(error: unknown): void
}

export interface SplitEnumerator<Split extends SourceSplit, State> {
  /** Discovers splits. Called once, before any request. */
  start(): Promise<void>
  /** A reader has nothing to read. */
  onSplitRequest(subtask: number): void
  /** Splits that were assigned after the restored checkpoint, or to a reader that is gone. */
  addSplitsBack(splits: readonly Split[]): void
  /** Encodable. */
  snapshot(): State
  close(): Promise<void>
}

export interface ReaderContext {
  readonly disk: Disk
  readonly env: Env
  readonly subtask: number
  readonly parallelism: number
  /** Asks for another poll; callable at any time. */
  wake(): void
  /** Asks the enumerator for a split. */
  requestSplit(): void
  fail(error: unknown): void
  /** Counts what was skipped or sent elsewhere, under a metric name. */
  count(metric: string, amount: number): void
}

/** `more`: call again; `nothing`: wait for `wake`; `end`: no record will ever come. */
export type PollResult = 'more' | 'nothing' | 'end'

export interface SourceReader<T, Split extends SourceSplit> {
  start(): void
  addSplits(splits: readonly Split[]): void
  noMoreSplits(): void
  /** Emits at most `recordsMax` records; stops early when `output.isFull()`. */
  poll(output: ReaderOutput<T>, recordsMax: number): PollResult
  /** The splits not finished yet, each with its position behind the last emitted record. */
  snapshot(): readonly Split[]
  /** Where the last emitted record came from, for error messages: e.g. `flights.parquet row 1042`. */
  position(): string | undefined
  close(): Promise<void>
}

export interface ReaderOutput<T> {
  /** The output of one split: it has its own watermark. Look it up once per split, not per record. */
  split(splitId: string): SplitOutput<T>
  /** Forgets a finished split, so that it no longer holds back the watermark. */
  finishSplit(splitId: string): void
  /** A record that could not be decoded and is to be set aside: goes to the source's side output `tag`. */
  sideOutput(tag: string, value: unknown): void
  isFull(): boolean
}

export interface SplitOutput<T> {
  /** `timestamp` of the source itself (milliseconds) or NO_TIMESTAMP; the watermark strategy may assign another. */
  emit(value: T, timestamp: number): void
}

/** Name of the operator state that holds a reader's unfinished splits; redistributed as `split`. */
export const SPLITS_STATE = 'splits'
