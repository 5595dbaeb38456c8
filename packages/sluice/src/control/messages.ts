/**
 * Messages between the JobManager, the TaskManager and the slots. Plain data (structured-cloneable); one FIFO stream per slot in
 * each direction, so a split assigned before a barrier arrives before it.
 *
 * M1 Every message about a task carries the attempt; a receiver drops and counts messages of another attempt.
 * M2 Messages of one direction are never reordered.
 */
import type { NetworkAddress } from '../base/env.ts'
import type {
  AllocationId,
  AttemptNumber,
  CheckpointId,
  LeaderEpoch,
  OperatorUid,
  SlotIndex,
  SubtaskIndex,
  VertexId,
} from '../base/ids.ts'
import type { ErrorData } from '../base/errors.ts'
import type { TaskReport } from '../base/task-report.ts'
import type { TaskRestore, TaskSnapshot } from '../checkpoint/handles.ts'
import type { CheckpointMode } from '../stream/element.ts'
import type { SourceWatermark } from '../stream/source-watermark.ts'

/** One subtask to run in a slot. */
export interface TaskDeployment {
  readonly vertex: VertexId
  readonly subtask: SubtaskIndex
  readonly restore?: TaskRestore
}

/**
 * What a slot needs for one attempt. A slot runs at most one subtask of each vertex of one slot-sharing group. An attempt is a deployment of
 * the whole job, or of one failover region while tasks of earlier attempts go on in the same slots: a slot holds one deployment per attempt.
 */
export interface SlotDeployment {
  readonly epoch: LeaderEpoch
  readonly attempt: AttemptNumber
  readonly slot: SlotIndex
  /** Slots of the job now. No vertex has more subtasks: `scaleGraph(graph, slotCount)` is what runs. */
  readonly slotCount: number
  readonly layoutHash: string
  readonly tasks: readonly TaskDeployment[]
  /** Which slot runs each subtask: `placement[vertex][subtask]`. */
  readonly placement: Readonly<Record<string, readonly SlotIndex[]>>
  /** Where slots of other processes take connections; a slot that is not in it is reached without the network. */
  readonly peers?: readonly SlotPeer[]
}

export interface SlotPeer {
  readonly slot: SlotIndex
  readonly allocation: AllocationId
  readonly address: NetworkAddress
}

export type { TaskReport } from '../base/task-report.ts'

interface OfAttempt {
  readonly attempt: AttemptNumber
}

/** What the coordinator of a source says to one of its readers, in order with barriers. */
export type ToReader =
  | {
      readonly kind: 'assign-splits'
      readonly source: OperatorUid
      readonly subtask: SubtaskIndex
      /** Encoded array of splits. */
      readonly splits: Uint8Array
      readonly noMore: boolean
    }
  | {
      readonly kind: 'source-event'
      readonly source: OperatorUid
      readonly subtask: SubtaskIndex
      /** Encoded. */
      readonly event: Uint8Array
    }
  /** Watermark alignment: while the subtask is above `watermarkMax` it pauses. */
  | {
      readonly kind: 'align-source'
      readonly source: OperatorUid
      readonly subtask: SubtaskIndex
      /** Milliseconds; MAX_WATERMARK: no limit. */
      readonly watermarkMax: number
    }

export type ToSlot =
  | { readonly kind: 'deploy'; readonly deployment: SlotDeployment }
  /** Sent once all slots of the attempt are deployed: tasks start to run. */
  | { readonly kind: 'start'; readonly attempt: AttemptNumber }
  /** Only to slots with source subtasks: put the barrier behind everything received before this message. */
  | {
      readonly kind: 'trigger'
      readonly attempt: AttemptNumber
      readonly checkpoint: CheckpointId
      readonly mode: CheckpointMode
    }
  | { readonly kind: 'complete'; readonly attempt: AttemptNumber; readonly checkpoint: CheckpointId }
  | { readonly kind: 'aborted'; readonly attempt: AttemptNumber; readonly checkpoint: CheckpointId }
  | (ToReader & OfAttempt)
  /** All output is committed: drained tasks may end. */
  | { readonly kind: 'finish'; readonly attempt: AttemptNumber }
  | { readonly kind: 'cancel'; readonly attempt: AttemptNumber }

/** What a slot's readers say to the coordinators of their sources, in order. */
export type FromReader =
  | { readonly kind: 'request-split'; readonly source: OperatorUid; readonly subtask: SubtaskIndex }
  | {
      readonly kind: 'source-event'
      readonly source: OperatorUid
      readonly subtask: SubtaskIndex
      /** Encoded. */
      readonly event: Uint8Array
    }
  /** Watermark alignment: how far the subtask is. */
  | {
      readonly kind: 'source-watermark'
      readonly source: OperatorUid
      readonly subtask: SubtaskIndex
      readonly progress: SourceWatermark
    }

export type FromSlot =
  /** The slot has built the graph and can take a deployment; the hash must equal the JobManager's. */
  | { readonly kind: 'ready'; readonly layoutHash: string }
  | { readonly kind: 'deployed'; readonly attempt: AttemptNumber }
  | {
      readonly kind: 'failed'
      readonly attempt: AttemptNumber
      readonly vertex: VertexId | undefined
      readonly subtask: SubtaskIndex | undefined
      readonly error: ErrorData
    }
  | (FromReader & OfAttempt)
  | {
      readonly kind: 'ack'
      readonly attempt: AttemptNumber
      readonly checkpoint: CheckpointId
      readonly snapshot: TaskSnapshot
    }
  | {
      readonly kind: 'decline'
      readonly attempt: AttemptNumber
      readonly checkpoint: CheckpointId
      readonly vertex: VertexId
      readonly subtask: SubtaskIndex
      readonly error: ErrorData
    }
  /** The commits of this checkpoint (and all below) of one task are done. */
  | {
      readonly kind: 'committed'
      readonly attempt: AttemptNumber
      readonly checkpoint: CheckpointId
      readonly vertex: VertexId
      readonly subtask: SubtaskIndex
    }
  /** The task has handled its whole bounded input; it stays to take part in checkpoints. */
  | {
      readonly kind: 'drained'
      readonly attempt: AttemptNumber
      readonly vertex: VertexId
      readonly subtask: SubtaskIndex
    }
  | {
      readonly kind: 'finished'
      readonly attempt: AttemptNumber
      readonly vertex: VertexId
      readonly subtask: SubtaskIndex
    }
  /** All tasks of the attempt are closed (after `cancel`, after `finish`, or after a failure). */
  | { readonly kind: 'stopped'; readonly attempt: AttemptNumber }
  | { readonly kind: 'report'; readonly attempt: AttemptNumber; readonly tasks: readonly TaskReport[] }

/** What the JobManager talks to: one slot, wherever it runs. */
export interface SlotGateway {
  readonly slot: SlotIndex
  send(message: ToSlot): void
  /** Ends the slot's thread at once, whatever it does. */
  kill(): void
}

/** What a slot's owner tells the JobManager beside the slot's own messages. */
export interface SlotEvents {
  onMessage(slot: SlotIndex, message: FromSlot): void
  /** The thread ended, ran out of memory, or hangs and was ended. A new thread for the slot is started before its next deployment. */
  onSlotLost(slot: SlotIndex, error: ErrorData): void
  /** There are now slots for this many subtasks: more than the pool gave at the last `acquire`, at most `slotCount`. Told again when it changes. */
  onCapacity?(slots: number): void
  /** Where the wait for slots stands, for people: whole sentences. */
  onWaiting?(message: string): void
}

/** The slots of one job, wherever they run. */
export interface SlotPool {
  /** As many as the job wants. */
  readonly slotCount: number
  /**
   * Starts (or restarts) what does not live and resolves when all are ready: `slotCount` of them, or fewer (at least one for each slot-sharing group) when there are not
   * more and the pool may go on with less. The n gateways are slots 0 to n - 1. Slots that live and were not lost keep their number, unless
   * there are fewer than before.
   */
  acquire(events: SlotEvents): Promise<readonly SlotGateway[]>
  /** How many slots the job wants from the next `acquire` on; those it does not need any more are given back then. */
  want?(slots: number): void
  /** Ends all threads. Idempotent. */
  release(): Promise<void>
}
