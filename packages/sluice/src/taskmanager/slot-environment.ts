/** What a slot is given by whoever owns it: the same for a thread, inline, and in the simulator. */
import type { Env } from '../base/env.ts'
import type { SlotIndex } from '../base/ids.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import type { FromSlot } from '../control/messages.ts'
import type { DataLink } from '../exchange/data-link.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { TaskSettings } from '../task/task-environment.ts'
import type { LoopLimits, LoopProgress } from '../task/task-loop.ts'

export interface SlotRunnerOptions {
  readonly env: Env
  readonly graph: JobGraph
  readonly settings: SlotSettings
  readonly storage: SnapshotStorage | undefined
  readonly progress: LoopProgress
  readonly limits: LoopLimits
  readonly send: (message: FromSlot) => void
  /** False when the TaskManager's lease is over; absent where leaders do not change. */
  readonly mayCommit?: (() => boolean) | undefined
}

export interface SlotSettings extends TaskSettings {
  /** Milliseconds between two reports. */
  readonly reportIntervalMs: number
  /** Batches that may wait in one channel. */
  readonly channelCredits: number
  /** Records of one batch between tasks. */
  readonly batchRecordsMax: number
  /** Milliseconds of its consumer's work that may wait in one channel: batches get smaller where it would be more. Absent: no limit. */
  readonly debloatTargetMs?: number
}

/** Paths to the other slots of one attempt. */
export type SlotLinks = ReadonlyMap<SlotIndex, DataLink>
