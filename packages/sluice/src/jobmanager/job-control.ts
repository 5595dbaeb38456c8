/** A job under one leader, as its owner leads it. */
import type { CheckpointId } from '../base/ids.ts'
import type { JobResult, LiveJobStatus, TaskStatus } from './job-status.ts'

export interface JobMaster {
  start(): void
  /** Takes a last checkpoint, then ends the tasks; the job can be resumed. Resolves when it has ended, in whatever way. */
  stop(): Promise<void>
  /** Ends the tasks at once. Resolves when the job has ended. */
  cancel(): Promise<void>
  /**
   * This process does not lead any more, or may not: nothing is written or committed from here on, and all slots are released at once. The
   * outcome is `suspended`; checkpoints stay. Resolves when nothing of the job is alive here.
   */
  suspend(): Promise<void>
  /** A checkpoint for the caller. Resolves when it is restorable; rejects with an EngineError when the job does not run or it was given up. */
  checkpoint(): Promise<CheckpointId>
  /**
   * Subtasks that any operator may have at the most. A job that runs takes a checkpoint and restarts from it with another number; without checkpoints
   * it counts from the next restart on.
   */
  setParallelismMax(parallelism: number): void
  readonly result: Promise<JobResult>
  status(): LiveJobStatus
  /** Every subtask, in the order of the vertices. */
  tasks(): readonly TaskStatus[]
}
