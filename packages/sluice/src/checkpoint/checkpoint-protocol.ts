/** What goes into the checkpoint machine and what comes out: plain data. The rules are in checkpoint-machine.ts. */
import type { GrowingMap } from '../base/growing-map.ts'
import type { EngineError } from '../base/errors.ts'
import type { CheckpointId, OperatorUid } from '../base/ids.ts'
import type { CheckpointMode } from '../stream/element.ts'
import type { IdBlock } from './checkpoint-store.ts'
import type { DeclineReason, TaskAddress, TaskSnapshot } from './handles.ts'

export interface CheckpointSettings {
  readonly mode: CheckpointMode
  /** undefined: only checkpoints that are asked for. */
  readonly intervalMs: number | undefined
  /** Least time from a completion to the next periodic trigger. */
  readonly pauseMinMs: number
  readonly timeoutMs: number
  /** Most checkpoints under way at once. */
  readonly concurrentMax: number
  /** Consecutive failures that are tolerated. */
  readonly failuresMax: number
  /** Newest completed checkpoints that are kept; at least 1. */
  readonly retained: number
}

/** State of one split enumerator. */
export interface EnumeratorSnapshot {
  readonly uid: OperatorUid
  readonly state: Uint8Array
}

/** Everything a complete checkpoint consists of. */
export interface CheckpointContents {
  readonly enumerators: readonly EnumeratorSnapshot[]
  readonly snapshots: readonly TaskSnapshot[]
  /** On the machine's clock. */
  readonly triggeredAtMs: number
}

/**
 * `created` → `running` ⇄ `suspended` → `stopped`; `fenced` when another leader published: then nothing is triggered any more.
 */
export type Lifecycle = 'created' | 'running' | 'suspended' | 'stopped' | 'fenced'

/** A caller that waits for a checkpoint of its own. */
export type RequestId = number

interface ActiveBase {
  readonly checkpoint: CheckpointId
  readonly triggeredAtMs: number
  readonly requests: readonly RequestId[]
}

export type ActiveCheckpoint = TriggeringCheckpoint | CollectingCheckpoint | PublishingCheckpoint | ResolvingCheckpoint

/** The enumerators are being cut; no task knows of it yet. */
export interface TriggeringCheckpoint extends ActiveBase {
  readonly phase: 'triggering'
}

/** Waiting for the acknowledgements of the tasks. */
export interface CollectingCheckpoint extends ActiveBase {
  readonly phase: 'collecting'
  readonly enumerators: readonly EnumeratorSnapshot[]
  /** By task. */
  readonly expected: ReadonlyMap<string, TaskAddress>
  readonly snapshots: GrowingMap<string, TaskSnapshot>
}

/** The manifest is being written. */
export interface PublishingCheckpoint extends ActiveBase {
  readonly phase: 'publishing'
  readonly contents: CheckpointContents
}

/** Writing the manifest failed, and it is not known yet whether it exists. */
export interface ResolvingCheckpoint extends ActiveBase {
  readonly phase: 'resolving'
  readonly contents: CheckpointContents
  readonly cause: EngineError
  readonly lookUps: number
}

type Periodic =
  | { readonly kind: 'off' }
  | { readonly kind: 'scheduled'; readonly atMs: number }
  /** Its time has come, but another checkpoint is in the way. */
  | { readonly kind: 'due'; readonly scheduledMs: number }

export interface CheckpointState {
  readonly settings: CheckpointSettings
  readonly lifecycle: Lifecycle
  /** Reserved for this leader and not used yet; each reservation is behind the one before. */
  readonly ids: readonly IdBlock[]
  readonly reservation: Reservation
  /** Ascending. */
  readonly active: readonly ActiveCheckpoint[]
  /** Requests that the next checkpoint will serve. */
  readonly waiting: readonly RequestId[]
  readonly periodic: Periodic
  /** Restorable and retained, ascending. */
  readonly completed: readonly CheckpointId[]
  readonly lastCompletionMs: number | undefined
  readonly failures: FailureStreak
  /** Given up lately: what still arrives for them is discarded, and counted if it tells of a failure. */
  readonly recentlyAborted: readonly RecentAbort[]
}

/** Of more ids: `asked` until the storage has answered, `retrying` until the timer fires. */
type Reservation = 'none' | 'asked' | 'retrying'

export interface RecentAbort {
  readonly checkpoint: CheckpointId
  /** What a decline means that comes after the end: the news of a failure may overtake its cause. */
  readonly lateCause: 'counts' | 'ignored'
}

interface FailureStreak {
  readonly count: number
  /** The newest checkpoint that failed; 0 for none. */
  readonly newest: number
}

interface LifecycleEventFields {
  /** All tasks of an attempt run. `fraction` in [0, 1) spreads the first checkpoints of jobs that share a storage. */
  readonly run: { readonly fraction: number }
  /** The attempt is over. */
  readonly suspend: object
  readonly stop: object
  readonly request: { readonly request: RequestId }
  readonly 'periodic-due': object
  readonly reserved: { readonly ids: IdBlock }
  readonly 'reserve-failed': object
  /** A higher epoch was claimed. */
  readonly 'reserve-refused': { readonly error: EngineError }
  readonly 'reserve-due': object
}

interface CheckpointEventFields {
  readonly snapshotted: { readonly enumerators: readonly EnumeratorSnapshot[]; readonly tasks: readonly TaskAddress[] }
  readonly 'snapshot-failed': { readonly error: EngineError }
  readonly ack: { readonly snapshot: TaskSnapshot }
  readonly decline: { readonly task: TaskAddress; readonly reason: DeclineReason; readonly error: EngineError }
  readonly 'timed-out': object
  readonly published: object
  /** The store had a manifest of this id already. */
  readonly exists: object
  /** Publishing failed, and the manifest may exist nevertheless. */
  readonly 'publish-unknown': { readonly error: EngineError }
  /** What the store has under this id. */
  readonly found: { readonly content: FoundManifest }
  readonly 'look-up-failed': { readonly error: EngineError }
  readonly 'look-up-due': object
}

export type LifecycleEventKind = keyof LifecycleEventFields
export type LifecycleEvent<Kind extends LifecycleEventKind = LifecycleEventKind> = {
  [K in Kind]: { readonly kind: K } & LifecycleEventFields[K]
}[Kind]

/** What happened to one checkpoint. */
export type CheckpointEventKind = keyof CheckpointEventFields
export type CheckpointEvent<Kind extends CheckpointEventKind = CheckpointEventKind> = {
  [K in Kind]: { readonly kind: K; readonly checkpoint: CheckpointId } & CheckpointEventFields[K]
}[Kind]

export type FoundManifest = 'ours' | 'foreign' | 'none'

export type MachineEvent = LifecycleEvent | CheckpointEvent

/** Events that come from timers. */
export type TimerEvent = LifecycleEvent<'periodic-due' | 'reserve-due'> | CheckpointEvent<'timed-out' | 'look-up-due'>

export type CheckpointEffect =
  /** Reserve the next ids in the storage. Answer `reserved`, `reserve-failed` or `reserve-refused`. */
  | { readonly kind: 'reserve-ids' }
  /** Take the states of all enumerators now and answer `snapshotted` or `snapshot-failed`, before any other event. */
  | { readonly kind: 'snapshot-enumerators'; readonly checkpoint: CheckpointId }
  /** To the source tasks, behind every split that was assigned before the enumerators were cut. */
  | { readonly kind: 'send-trigger'; readonly checkpoint: CheckpointId; readonly mode: CheckpointMode }
  /** Feed `fires` back at `atMs`; replaces a timer of the same name. */
  | { readonly kind: 'start-timer'; readonly name: string; readonly atMs: number; readonly fires: TimerEvent }
  | { readonly kind: 'cancel-timer'; readonly name: string }
  /** The decision point. Answer `published`, `exists` or `publish-unknown`. */
  | { readonly kind: 'publish'; readonly checkpoint: CheckpointId; readonly contents: CheckpointContents }
  /** Read whether the manifest exists. Answer `found` or `look-up-failed`. */
  | { readonly kind: 'look-up'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'notify-complete'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'notify-aborted'; readonly checkpoint: CheckpointId }
  /** Remove the data of a checkpoint that is not and will not be published. */
  | { readonly kind: 'discard'; readonly checkpoint: CheckpointId }
  /** Remove completed checkpoints beyond the retained ones. Nothing below `decidedBelow` is published then, and nothing will be. */
  | { readonly kind: 'subsume'; readonly checkpoints: readonly CheckpointId[]; readonly decidedBelow: CheckpointId }
  | { readonly kind: 'request-done'; readonly request: RequestId; readonly checkpoint: CheckpointId }
  | { readonly kind: 'request-failed'; readonly request: RequestId; readonly error: EngineError }
  /** Nothing is undecided any more and nothing will be triggered: what the store lists now is the truth. */
  | { readonly kind: 'quiesced' }
  | { readonly kind: 'fail-job'; readonly error: EngineError }
  | { readonly kind: 'report'; readonly report: CheckpointReport }

export type AbortReason =
  | 'declined'
  | 'timed-out'
  | 'snapshot-failed'
  | 'publish-failed'
  | 'unresolved'
  | 'subsumed'
  | 'cancelled'
  | 'suspended'
  | 'fenced'

/** For metrics and people. */
export type CheckpointReport =
  | { readonly kind: 'triggered'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'completed'; readonly summary: CheckpointSummary }
  | {
      readonly kind: 'failed'
      readonly checkpoint: CheckpointId
      readonly reason: AbortReason
      readonly error: EngineError
    }
  /** A periodic checkpoint came too soon after the last completion. */
  | { readonly kind: 'postponed'; readonly untilMs: number }
  /** A message that changed nothing. */
  | { readonly kind: 'ignored'; readonly what: IgnoredMessage; readonly checkpoint: CheckpointId }
  | { readonly kind: 'subsumed'; readonly checkpoints: readonly CheckpointId[] }

export type IgnoredMessage = 'duplicate ack' | 'late ack' | 'ack of an unknown task' | 'late decline'

export interface CheckpointSummary {
  readonly checkpoint: CheckpointId
  /** Trigger to decision. */
  readonly durationMs: number
  readonly stateBytes: number
  /** The longest of any task. */
  readonly alignmentMaxMs: number
  readonly syncMaxMs: number
  readonly asyncMaxMs: number
}
