/** What a task hands to the coordinator: where the bytes of its cut are. Plain data, crosses threads and processes. */
import type { CheckpointId, OperatorUid, SubtaskIndex, VertexId } from '../base/ids.ts'
import type { KeyGroupRange } from '../stream/key-groups.ts'

/** A complete, synced file of the checkpoint storage. */
export interface DataHandle {
  /** Relative to the storage root. */
  readonly path: string
  readonly sizeBytes: number
  readonly crc32: number
}

export interface KeyedStateHandle {
  readonly data: DataHandle
  readonly keyGroups: KeyGroupRange
  readonly entryCount: number
}

export interface OperatorSnapshot {
  readonly uid: OperatorUid
  readonly keyed?: KeyedStateHandle
  /** OperatorStateItems by the value codec; inline, because it is small. */
  readonly operatorState?: Uint8Array
}

/** The cut of one subtask: one entry per operator of its chain that has any state. */
export interface TaskSnapshot {
  readonly vertex: VertexId
  readonly subtask: SubtaskIndex
  readonly operators: readonly OperatorSnapshot[]
  readonly stats: TaskSnapshotStats
}

export interface TaskSnapshotStats {
  /** First barrier seen to last barrier seen. */
  readonly alignmentMs: number
  /** The synchronous part: how long the task stood still. */
  readonly syncMs: number
  /** From the cut to the last synced byte. */
  readonly asyncMs: number
  readonly stateBytes: number
}

export interface TaskAddress {
  readonly vertex: VertexId
  readonly subtask: SubtaskIndex
}

/**
 * Why a task will not acknowledge a checkpoint. `failed`: its own cut could not be taken or written, this one counts as a failure;
 * `subsumed`: a newer barrier came first; `cancelled-upstream`: a task upstream gave it up (and says so itself).
 */
export type DeclineReason = 'failed' | 'subsumed' | 'cancelled-upstream'

/** Everything one subtask needs to restore: already redistributed for its key groups and its place among the subtasks. */
export interface TaskRestore {
  readonly checkpoint: CheckpointId
  readonly operators: readonly OperatorRestore[]
}

export interface OperatorRestore {
  readonly uid: OperatorUid
  /** Every file that may hold entries of the subtask's key groups. */
  readonly keyed: readonly KeyedStateHandle[]
  /** Encoded OperatorStateItems. */
  readonly operatorState?: Uint8Array
}
