/**
 * Messages between the JobManager, the TaskManager and the slots. Plain data (structured-cloneable); one FIFO stream per slot in
 * each direction, so a split assigned before a barrier arrives before it.
 *
 * M1 Every message about a task carries the attempt; a receiver drops and counts messages of another attempt.
 * M2 Messages of one direction are never reordered.
 */
import type {
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

/** One subtask to run in a slot. */
export interface TaskDeployment {
  readonly vertex: VertexId
  readonly subtask: SubtaskIndex
  readonly restore?: TaskRestore
}

/** Everything a slot needs for one attempt of the job. Slot i of n runs subtask i of every vertex whose parallelism exceeds i. */
export interface SlotDeployment {
  readonly epoch: LeaderEpoch
  readonly attempt: AttemptNumber
  readonly slot: SlotIndex
  readonly slotCount: number
  readonly layoutHash: string
  readonly tasks: readonly TaskDeployment[]
  /** Which slot runs each subtask: `placement[vertex][subtask]`. */
  readonly placement: Readonly<Record<string, readonly SlotIndex[]>>
}

export type { TaskReport } from '../base/task-report.ts'

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
  | {
      readonly kind: 'assign-splits'
      readonly attempt: AttemptNumber
      readonly source: OperatorUid
      readonly subtask: SubtaskIndex
      readonly splits: Uint8Array
      readonly noMore: boolean
    }
  /** All output is committed: drained tasks may end. */
  | { readonly kind: 'finish'; readonly attempt: AttemptNumber }
  | { readonly kind: 'cancel'; readonly attempt: AttemptNumber }

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
  | {
      readonly kind: 'request-split'
      readonly attempt: AttemptNumber
      readonly source: OperatorUid
      readonly subtask: SubtaskIndex
    }
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
}

/** The TaskManager as the JobManager sees it. */
export interface SlotPool {
  readonly slotCount: number
  /** Starts (or restarts) every slot and resolves when all are ready. */
  acquire(events: SlotEvents): Promise<readonly SlotGateway[]>
  /** Ends all threads. Idempotent. */
  release(): Promise<void>
}
