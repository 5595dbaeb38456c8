/** What a job tells about itself: typed data for the command line, for logs and tests. Nothing here decides anything. */
import type { ErrorData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, SlotIndex, SubtaskIndex, VertexId } from '../base/ids.ts'
import type { CheckpointSummary } from '../checkpoint/checkpoint-protocol.ts'

/** `suspended`: this process does not lead the job any more; it goes on elsewhere. */
export type JobOutcome = 'finished' | 'stopped' | 'canceled' | 'failed' | 'suspended'

/** Something that broke an attempt. */
export interface JobFailure {
  readonly error: ErrorData
  readonly vertex?: VertexId
  readonly subtask?: SubtaskIndex
  readonly slot?: SlotIndex
}

/** An entry of the failure history. */
export interface FailureRecord extends JobFailure {
  readonly attempt: AttemptNumber
  readonly wallMs: number
  /** What the failed attempt had started from; undefined for a fresh start. */
  readonly restoredCheckpoint: CheckpointId | undefined
  /** Further failures of the same attempt. */
  readonly mergedCount: number
  /** Present when the failures before it were at the same record (crash-loop.ts). */
  readonly crashLoop?: CrashLoop
}

/** The same record failed again and again: restarting does not get past it. */
export interface CrashLoop {
  readonly record: string
  readonly failureCount: number
}

export type JobEvent =
  | { readonly kind: 'state-changed'; readonly state: JobStateName; readonly attempt: AttemptNumber }
  | { readonly kind: 'started-fresh' }
  | {
      readonly kind: 'restored'
      readonly checkpoint: CheckpointId
      readonly ageMs: number
      readonly attempt: AttemptNumber
    }
  /** A checkpoint could not be used; an older one is tried. */
  | { readonly kind: 'fell-back'; readonly checkpoint: CheckpointId; readonly error: ErrorData }
  | { readonly kind: 'failed'; readonly failure: FailureRecord }
  /** Another failure of an attempt that is being restarted already, or of a function that is closed because the job has ended. */
  | { readonly kind: 'failure-merged'; readonly failure: JobFailure }
  | {
      readonly kind: 'restarting'
      readonly inMs: number
      readonly restartCount: number
      readonly crashLoop?: CrashLoop
    }
  /** The job runs with another number of slots than before, or at its first start than it asked for. */
  | { readonly kind: 'rescaled'; readonly from: number; readonly to: number }
  /** It restarts on purpose, from a checkpoint taken for it, to run with another number of slots. */
  | { readonly kind: 'rescaling'; readonly from: number; readonly to: number }
  | { readonly kind: 'waiting-for-slots'; readonly message: string }
  | { readonly kind: 'slots-killed'; readonly slots: readonly SlotIndex[] }
  | ({ readonly kind: 'checkpoint-completed' } & CheckpointSummary)
  | { readonly kind: 'checkpoint-failed'; readonly checkpoint: CheckpointId; readonly error: ErrorData }
  /** Nothing is published, but there was data of more checkpoints than a crash leaves: they had failed, or manifests were removed. */
  | { readonly kind: 'unpublished-removed'; readonly checkpoints: readonly CheckpointId[] }
  /** Its files stay until the next start of the job. */
  | { readonly kind: 'checkpoint-not-removed'; readonly checkpoint: CheckpointId; readonly error: ErrorData }
  /** The checkpoint of a stop did not come about: the job resumes from the one before. */
  | { readonly kind: 'stop-checkpoint-failed'; readonly error: ErrorData }
  | { readonly kind: 'ended'; readonly outcome: JobOutcome; readonly error?: ErrorData }

export type JobStateName =
  | 'created'
  | 'restoring'
  | 'acquiring'
  | 'deploying'
  | 'running'
  | 'draining'
  | 'finishing'
  | 'stopping'
  | 'restarting'
  | 'closing'
  | JobOutcome
