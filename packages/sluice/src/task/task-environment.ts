/**
 * What a task sees of its host: nothing else. Inline threads, slot threads, the simulator and later hosts implement it.
 *
 * Owns: the interfaces between a StreamTask and whoever runs it.
 */
import type { Env } from '../base/env.ts'
import type { ErrorData } from '../base/errors.ts'
import type { CheckpointId, OperatorUid, SubtaskIndex } from '../base/ids.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import type { TaskRestore, TaskSnapshot } from '../checkpoint/handles.ts'
import type { OutputPressure } from '../exchange/blocking.ts'
import type { InputGate } from '../exchange/input-gate.ts'
import type { EdgeOutput } from '../exchange/partitioner.ts'
import type { JobVertex } from '../graph/job-graph.ts'
import type { SourceWatermark } from '../stream/source-watermark.ts'

/** Events of a task's life that the JobManager must know. All calls return at once. */
export interface TaskReports {
  acknowledge(checkpoint: CheckpointId, snapshot: TaskSnapshot): void
  decline(checkpoint: CheckpointId, error: ErrorData): void
  committed(checkpoint: CheckpointId): void
  drained(): void
  finished(): void
  /** Once; the task takes no further step. */
  failed(error: ErrorData): void
  requestSplit(source: OperatorUid): void
  /** Encoded, for the source's enumerator. */
  sourceEvent(source: OperatorUid, event: Uint8Array): void
  /** For watermark alignment. */
  sourceWatermark(source: OperatorUid, progress: SourceWatermark): void
}

export interface TaskSettings {
  /** Milliseconds after which a partly filled batch is sent. */
  readonly bufferTimeoutMs: number
  /** Milliseconds between watermarks of a source. */
  readonly watermarkIntervalMs: number
  readonly delivery: 'exactly-once' | 'at-least-once' | 'none'
  /** How often a committable is tried again (`CommitRequest.retryLater`) before the task fails. Default 10. */
  readonly committerRetriesMax?: number
}

export interface TaskEnvironment {
  readonly vertex: JobVertex
  readonly subtask: SubtaskIndex
  readonly attempt: number
  /** Leader epoch and attempt; names of files carry it. */
  readonly incarnation: string
  readonly env: Env
  readonly settings: TaskSettings
  /** Absent when checkpointing is off. */
  readonly storage: SnapshotStorage | undefined
  readonly restore: TaskRestore | undefined
  /** Absent for a source. */
  readonly gate: InputGate | undefined
  /** The input of the chain's head that each channel of the gate feeds. */
  readonly gatePorts: readonly number[]
  /** By index into `JobVertex.outputs`. */
  readonly outputs: readonly EdgeOutput[]
  /** The side output that each of `outputs` takes; undefined for the main one. */
  readonly outputTags: readonly (string | undefined)[]
  readonly pressure: OutputPressure
  readonly reports: TaskReports
  /** False when the host's lease is over; absent where leaders do not change. */
  readonly mayCommit?: (() => boolean) | undefined
  /** Asks the loop for another step. */
  wake(): void
}
