/**
 * The contract between an operator and the chain that runs it.
 *
 * Owns: the shape of operators. Does not own: threads, channels, barriers, checkpoints – an operator sees records, watermarks, timers
 * and its state, and knows nothing about who hosts it.
 *
 * O1 All calls of one operator come from one thread, never nested into another call of the same operator except through its own output.
 * O2 `onRecord`, `onWatermark`, `onProcessingTime` are synchronous. What takes long is cut by `Turn`.
 * O3 State and timers of an operator are changed only inside these calls, so that a snapshot between two calls is a cut.
 * O4 Emitting goes through `context.output` only, between `open` and `close`.
 * O5 `onWatermark(w)` first fires every event-time timer due at `w`, then the chain forwards the operator's watermark downstream.
 * O6 The watermark of an operator with several inputs is the smallest of them all; records of the inputs come in no particular order.
 *
 * What every operator promises besides is D1 to D4 of docs/spec/datastream.md.
 */
import type { EngineError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { KeyedStateBackend } from '../state/keyed-state.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'

/** The hot path: one call per record, no wrapper object. `timestamp` is milliseconds or NO_TIMESTAMP. */
export interface RecordReceiver {
  onRecord(value: unknown, timestamp: number): void
}

/** Which subtask of which operator this is. */
export interface OperatorInfo {
  readonly uid: string
  readonly name: string
  /** From 0 to below `parallelism`. */
  readonly subtask: number
  /** How many subtasks the operator has. */
  readonly parallelism: number
  /** How many subtasks it could ever have: the number of key groups. */
  readonly maxParallelism: number
  /** From 0, one more with each restart. */
  readonly attempt: number
}

/** A metric that grows. */
export interface Counter {
  /** Adds a number of occurrences. */
  add(count: number): void
}

/** What an operator gets from the chain when it opens. */
export interface OperatorContext {
  readonly info: OperatorInfo
  /** Receives the main output. */
  readonly output: RecordReceiver
  /** Receives one side output; records to a tag that nobody reads are counted and dropped by the receiver itself. */
  sideOutput(tag: string): RecordReceiver
  /** Keyed state and timers; present exactly when the operator's spec says `keyed`. */
  readonly keyed: KeyedStateBackend | undefined
  /** State of the last completed checkpoint this task restores, already redistributed; undefined on a fresh start. */
  readonly restored: OperatorStateItems | undefined
  /** Id of the checkpoint that is restored; undefined on a fresh start. */
  readonly restoredCheckpoint: number | undefined
  processingTimeMs(): number
  /** Asks for a call of `onProcessingTime` at or soon after this wall time. One pending request per operator: the earliest wins. */
  wakeAt(wallMs: number): void
  /** Asks the task loop for another step, e.g. because blocked output became free. Callable from anywhere, also after close. */
  wake(): void
  /** Fails the task from outside a call of the operator (an asynchronous write that failed). */
  fail(error: unknown): void
  counter(name: string): Counter
  /** Absent where the operator's error policy is to fail: then what a function throws is thrown on. */
  readonly errors?: RecordErrors | undefined
  /** Where the record at hand was read, as its source words it; undefined, or absent, where that is not known. */
  readonly recordPosition?: (() => string | undefined) | undefined
}

/** What becomes of records and timers that a function of the operator cannot handle: counted and skipped, or sent to a side output. */
export interface RecordErrors {
  /** For what is noticed outside of `onRecord`; what `onRecord` itself throws is handled by the chain. */
  onFailedRecord(error: EngineError, record: FailedRecord): void
  /** Throws the error on when it is not the fault of the function that handles the timer. */
  onFailedTimer(error: unknown, timestampMs: number): void
}

export interface FailedRecord {
  readonly value: unknown
  readonly timestamp: number
  readonly position: string | undefined
}

/** Itself the receiver of its first input. */
export interface Operator extends RecordReceiver {
  open(context: OperatorContext): void
  /** Where the records of input `port` go, from 0; asked once, after `open`. */
  inputPort(port: number): RecordReceiver
  /** Event time advanced to `watermark`. */
  onWatermark(watermark: number, turn: Turn): Advance
  /** Processing time reached `nowMs` (see `wakeAt`). */
  onProcessingTime(nowMs: number, turn: Turn): Advance
  /**
   * The watermark to forward, given the last one that came in; operators that make their own watermarks differ here. Asked when
   * `onWatermark` or `onProcessingTime` is done; forwarded when it is greater than the one before.
   */
  outputWatermark(watermark: number): number
  /** No record will come any more; the last watermark (MAX_WATERMARK) has been handled. */
  onEnd(): void
  /** True while the operator can take no record (a sink whose writes are behind, a full queue of asynchronous requests). */
  isBlocked(): boolean
  /** False while it holds records that will leave it by themselves (see `wake`): the task does not end, and `onEnd` is not called, before. */
  isDrained(): boolean
  /**
   * The cut: called between records, behind everything emitted before the barrier. Keyed state is cut by the chain itself. Returns the operator's own
   * state (plain values, encodable) or a promise of it when bytes must first reach the disk; the promise's work must not
   * touch what the operator does next.
   */
  snapshot(checkpoint: number): OperatorStateItems | undefined | Promise<OperatorStateItems | undefined>
  /** Checkpoint `checkpoint` (and all below it) is restorable. May be lost, may be late; idempotent. Resolves when commits are done. */
  onCheckpointComplete(checkpoint: number): Promise<void> | undefined
  onCheckpointAborted(checkpoint: number): void
  /** The job is over and nothing will be restored any more: the last chance to make output visible where there are no checkpoints. */
  finish(): Promise<void> | undefined
  /** Releases everything; idempotent; the operator may be half-open. Must not emit. */
  close(): Promise<void> | undefined
}

/** Makes operators; lives in the frozen graph, so it is made anew in every thread by building the graph again. */
export interface OperatorSpec {
  /** What kind of operator it is, e.g. `map`, `window`. Part of the graph's hash. */
  readonly kind: string
  /** Whether it keeps state per key. */
  readonly keyed: boolean
  /** Whether it keeps any state at all: then a uid is required. */
  readonly stateful: boolean
  /** How many inputs it has. Default 1. */
  readonly inputCount?: number
  /** What its author should know before the job runs: a sentence, to be read behind the operator's name. */
  readonly warning?: string
  /** Names and kinds of its states and whatever else must match between a snapshot and the graph that restores it. Part of the graph's hash. */
  readonly layout: JsonValue
  create(): Operator
}
