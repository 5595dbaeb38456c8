/**
 * Sources: an enumerator on the JobManager finds splits and hands them out, readers on the tasks read them.
 *
 * C1 A split is plain encodable data with everything needed to continue reading it; the reader's `snapshot` gives splits "as of the last emitted record".
 * C2 `poll` is synchronous: reading ahead happens in the background in bounded buffers, and `context.wake()` says that there is more.
 * C3 The enumerator's `snapshot` holds exactly the splits that are not assigned to a reader.
 * C4 Assignments, events and barriers reach a reader in the order in which the coordinator made them, and the enumerator's snapshot is made
 *    together with the barrier: a split is in that snapshot or in the one of exactly one reader.
 * C5 A reader reads the splits that it has of one sequence one after the other, in order of event time. An enumerator that does not want
 *    records to be late because of the order of reading gives a reader a first split of each sequence before it reads any (W3a of
 *    time/split-watermarks.ts), and later on only such as are behind those in event time.
 * C6 What a reader says to its enumerator (requests, events) may be lost with the attempt: the enumerator's snapshot is older than the reader's. A
 *    restored reader says again what still holds.
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

/**
 * What an enumerator and its readers tell each other beside splits: plain encodable data (objects, arrays, strings, numbers, bigints, booleans,
 * Date, Map, Set, bytes). Anything else fails with SER1001.
 */
export type SourceEvent = unknown

/** A source of records of type T. Frozen, cheap to make, without side effects: `createX` is called where it runs. */
export interface Source<T, Split extends SourceSplit = SourceSplit, EnumeratorState = unknown> {
  /** E.g. `parquet`. */
  readonly kind: string
  /** What it reads (paths, patterns, seeds): what must be the same when a checkpoint is restored. */
  readonly identity: JsonValue
  readonly boundedness: 'bounded' | 'continuous'
  /**
   * Who gets the splits that readers had at the restored checkpoint. `readers` (default): the readers, spread evenly when there are more or fewer than
   * before. `enumerator`: they are handed back through `addSplitsBack` before `start`, and readers begin empty; for an enumerator that
   * decides itself who reads what.
   */
  readonly restoredSplits?: 'readers' | 'enumerator'
  /** One for the whole source, where the job is coordinated. `restored`: what its `snapshot` gave; undefined on a fresh start. */
  createEnumerator(
    context: EnumeratorContext<Split>,
    restored: EnumeratorState | undefined,
  ): SplitEnumerator<Split, EnumeratorState>
  /** One for each subtask and attempt. */
  createReader(context: ReaderContext): SourceReader<T, Split>
}

/** What an enumerator can do. All calls return at once; after `close` they do nothing. */
export interface EnumeratorContext<Split extends SourceSplit> {
  readonly env: Env
  /** Number of readers. */
  readonly parallelism: number
  /** Subtasks whose readers run, ascending: none before the tasks are started, then all. */
  registeredReaders(): readonly number[]
  /** At any time; before the readers run it waits for them. */
  assign(subtask: number, splits: readonly Split[]): void
  /** Tells a reader that it will get no more splits; it ends when it has read the ones it has. Flink's `signalNoMoreSplits`. */
  noMoreSplits(subtask: number): void
  /** To `handleSourceEvents` of the reader, behind everything sent to it before. */
  sendEventToSourceReader(subtask: number, event: SourceEvent): void
  /**
   * Calls `callable` away from the checkpoints and gives its result to `handler`, between two events of the enumerator: finds splits while the job runs.
   * Calls of one schedule never overlap. Ends with the enumerator.
   *
   * @param handler changes the enumerator's state and may assign splits
   * @returns ends the schedule; a result that is on its way is dropped
   * @throws SRC1005 (as a failure of the job) when `callable` fails and there is no `onError`, or `handler` throws
   * @example context.callAsync(() => listFolder(), (names) => context.assign(0, names.map((id) => ({ id }))), { periodMs: 10_000 })
   */
  callAsync<R>(callable: () => Promise<R> | R, handler: (result: R) => void, schedule?: CallSchedule): ScheduledCall
  /** Fails the job (the input is gone). */
  fail(error: unknown): void
}

/** When `callAsync` calls. */
export interface CallSchedule {
  /** Milliseconds before the first call. Default 0. */
  readonly initialDelayMs?: number
  /** Milliseconds between the end of a call and the next one. Default: called once. */
  readonly periodMs?: number
  /** What to do when a call fails; the next one comes all the same. Default: the job fails and restarts. */
  readonly onError?: (error: unknown) => void
}

/** A call, or calls, that can be ended. */
export interface ScheduledCall {
  /** Idempotent. */
  cancel(): void
}

/** Calls of one enumerator never overlap, except `start`, which is awaited before the readers run. */
export interface SplitEnumerator<Split extends SourceSplit, State> {
  /** Discovers splits. Called once, before any request. */
  start(): Promise<void>
  /** The reader of a subtask runs. Called once for each, when `start` is done, before any request or event. */
  addReader?(subtask: number): void
  /** A reader has nothing to read. */
  onSplitRequest(subtask: number): void
  /** Splits that the reader of `subtask` had at the restored checkpoint, for `restoredSplits: 'enumerator'`; before `start`. Subtasks are those of then. */
  addSplitsBack(splits: readonly Split[], subtask: number): void
  /** A reader has called `sendSourceEvent`. An event without this method fails the job (SRC1006). */
  handleSourceEvent?(subtask: number, event: SourceEvent): void
  /** Encodable. Asked once per checkpoint, right before its barriers are sent to the readers. */
  snapshot(): State
  /** The checkpoint, and all below it, is restorable. May be skipped. */
  notifyCheckpointComplete?(checkpoint: number): void
  /** What a later source has to know to go on behind this one (`HybridSource`), encodable; asked when all its splits were read. */
  endState?(): unknown
  /** Idempotent. Releases what the enumerator holds. */
  close(): Promise<void>
}

/** Where a reader is and what it may use. */
export interface ReaderContext {
  readonly disk: Disk
  readonly env: Env
  /** From 0 to below `parallelism`. */
  readonly subtask: number
  /** How many readers the source has. */
  readonly parallelism: number
  /** `none` when checkpointing is off: nothing will ever be restorable. */
  readonly delivery?: 'exactly-once' | 'at-least-once' | 'none'
  /** Asks for another poll; callable at any time. */
  wake(): void
  /** Asks the enumerator for a split. */
  requestSplit(): void
  /** To `handleSourceEvent` of the enumerator, in order. May be lost with the attempt (C6). */
  sendSourceEvent(event: SourceEvent): void
  /** Fails the task, from work that goes on in the background. */
  fail(error: unknown): void
  /** Counts what was skipped or sent elsewhere, under a metric name. */
  count(metric: string, amount: number): void
}

/** `more`: call again; `nothing`: wait for `wake`; `end`: no record will ever come. */
export type PollResult = 'more' | 'nothing' | 'end'

/** Reads the splits of one subtask. */
export interface SourceReader<T, Split extends SourceSplit> {
  /** Called once, before anything else. May begin to work in the background. */
  start(): void
  /** Splits of a checkpoint, or such as the enumerator assigned. */
  addSplits(splits: readonly Split[]): void
  /** No split will come any more: the reader ends when it has read what it has. */
  noMoreSplits(): void
  /** The enumerator has called `sendEventToSourceReader`. An event without this method fails the job (SRC1006). */
  handleSourceEvents?(event: SourceEvent): void
  /**
   * Splits that are too far ahead in event time (watermark alignment) and those that are not any more. A reader with this method gives no record of a
   * paused split and goes on with the others, also with those that it has not begun; a paused split stays in `snapshot`. Without it a reader
   * pauses as a whole. Ids are of assigned splits that were opened.
   */
  pauseOrResumeSplits?(pause: readonly string[], resume: readonly string[]): void
  /** The checkpoint, and all below it, is restorable: positions up to it can be told to others. May be skipped. A rejection fails the task. */
  notifyCheckpointComplete?(checkpoint: number): Promise<void> | void
  /** Emits at most `recordsMax` records; stops early when `output.isFull()`. */
  poll(output: ReaderOutput<T>, recordsMax: number): PollResult
  /**
   * The splits not finished yet, each with its position behind the last emitted record. Asked once for each checkpoint; `notifyCheckpointComplete` of the same
   * or a later one says that it is restorable.
   */
  snapshot(checkpoint: number): readonly Split[]
  /** Where the last emitted record came from, for error messages: e.g. `flights.parquet row 1042`. */
  position(): string | undefined
  /** Idempotent. Releases what the reader holds. */
  close(): Promise<void>
}

/** Where a reader puts its records. Valid during `poll`. */
export interface ReaderOutput<T> {
  /** The output of one split: it has its own watermark. Look it up once per split, not per record. */
  split(splitId: string): SplitOutput<T>
  /** Forgets a finished split, so that it no longer holds back the watermark. */
  finishSplit(splitId: string): void
  /**
   * A split will come of which nothing is known yet but this id: event time stands still, and the subtask does not become idle, until it is opened
   * or finished. For a reader that waits for others of its source: it does not hold back those in watermark alignment.
   */
  expectSplit(splitId: string): void
  /** A record that could not be decoded and is to be set aside: goes to the source's side output `tag`. */
  sideOutput(tag: string, value: unknown): void
  /** Whether no more can be taken now: `poll` returns then. */
  isFull(): boolean
}

/** The output of one split. */
export interface SplitOutput<T> {
  /** `timestamp` of the source itself (milliseconds) or NO_TIMESTAMP; the watermark strategy may assign another. */
  emit(value: T, timestamp: number): void
}

/** Name of the operator state that holds a reader's unfinished splits; redistributed as `split`. */
export const SPLITS_STATE = 'splits'
