/** What a task's step says, what stands at the head of a task, and what can be told to one. */
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointMode } from '../stream/element.ts'

/** `progress`: call again soon; `blocked`: output has no room, `idle`: nothing to do until the next wake; `done`: over. */
export type StepResult = 'progress' | 'blocked' | 'idle' | 'done'

/** What a head did in one step; `ended` is said once, when the whole bounded input has been given to the chain. */
export type HeadResult = 'progress' | 'idle' | 'ended'

/** What stands before the chain: a source or an input gate. */
export interface TaskHead {
  readonly recordsIn: number
  /** Hands at most one batch to the chain. */
  step(): HeadResult
  /** Where the record at hand came from. */
  recordPosition(): string | undefined
  /** Monotonic milliseconds at which the head wants a step even without a wake. */
  nextStepMs(): number
  close(): Promise<void>
}

export type Mail =
  | { readonly kind: 'trigger'; readonly checkpoint: CheckpointId; readonly mode: CheckpointMode }
  | { readonly kind: 'complete'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'aborted'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'splits'; readonly splits: readonly unknown[]; readonly noMore: boolean }
  | { readonly kind: 'source-event'; readonly event: unknown }
  | { readonly kind: 'align-source'; readonly watermarkMax: number }
  | { readonly kind: 'finish' }
