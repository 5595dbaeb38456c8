import type { CheckpointId } from '../base/ids.ts'

export interface Retention {
  readonly kept: readonly CheckpointId[]
  /** Oldest first. */
  readonly surplus: readonly CheckpointId[]
}

/** Splits completed checkpoints (ascending) into the newest `retained` ones and the rest. */
export function beyondRetention(completed: readonly CheckpointId[], retained: number): Retention {
  const surplusCount = Math.max(0, completed.length - Math.max(1, retained))
  return { kept: completed.slice(surplusCount), surplus: completed.slice(0, surplusCount) }
}
