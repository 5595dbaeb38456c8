/**
 * The types of the job's life: phases, events, effects, and the shape of a transition table.
 *
 * Owns: names and data. Does not own: transitions (states/*.ts), the dispatch (job-machine.ts).
 */
import type { Random } from '../base/env.ts'
import type { ErrorData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, SlotIndex } from '../base/ids.ts'
import type { TaskAddress } from '../checkpoint/handles.ts'
import type { FailureRecord, JobEvent, JobFailure, JobOutcome } from './job-events.ts'
import type { RestartState, RestartStrategy } from './restart-strategy.ts'

/** What does not change while the job lives. */
export interface JobFacts {
  readonly jobName: string
  readonly slots: readonly SlotIndex[]
  readonly tasks: readonly TaskKey[]
  readonly checkpointing: 'on' | 'off'
  readonly restart: RestartStrategy
  readonly limits: JobLimits
}

/** How long the job waits for what; docs/spec/job-lifecycle.md, "Waits and their limits". */
export interface JobLimits {
  readonly acquireTimeoutMs: number
  readonly cancellationTimeoutMs: number
  readonly killGraceMs: number
  readonly commitTimeoutMs: number
  readonly finalRetryMs: number
  readonly finalAttemptsMax: number
}

/** `vertex/subtask`. */
export type TaskKey = string

export function taskKey(task: TaskAddress): TaskKey {
  return `${task.vertex}/${task.subtask}`
}

/** What outlives a phase. */
export interface JobCore {
  readonly facts: JobFacts
  readonly attempt: AttemptNumber
  readonly restart: RestartState
  readonly restartCount: number
  /** Newest last, bounded. */
  readonly failures: readonly FailureRecord[]
  /** What the current attempt started from. */
  readonly restoredCheckpoint: CheckpointId | undefined
  /** Events of other attempts that were dropped (J2). */
  readonly staleEventCount: number
}

type Created = { readonly name: 'created' }
type Restoring = { readonly name: 'restoring' }
type Acquiring = { readonly name: 'acquiring' }
type Deploying = { readonly name: 'deploying'; readonly deployed: ReadonlySet<SlotIndex> }
type Running = { readonly name: 'running'; readonly drained: ReadonlySet<TaskKey> }
type Draining = {
  readonly name: 'draining'
  /** The final checkpoint: triggered and not failed, or to be triggered again. */
  readonly checkpoint: 'under-way' | 'waiting'
  readonly failedCount: number
  readonly commits: CommitProgress
}
type Finishing = {
  readonly name: 'finishing'
  readonly waiting: ReadonlySet<SlotIndex>
  readonly finished: ReadonlySet<TaskKey>
  readonly onFailure: 'restart' | 'stop'
}
type Stopping = { readonly name: 'stopping'; readonly commits: CommitProgress }
type Restarting = {
  readonly name: 'restarting'
  readonly waiting: ReadonlySet<SlotIndex>
  readonly backoff: 'running' | 'over'
}
type Closing = {
  readonly name: 'closing'
  readonly waiting: ReadonlySet<SlotIndex>
  readonly outcome: JobOutcome
  readonly error: ErrorData | undefined
}
type Ended = { readonly name: 'ended'; readonly outcome: JobOutcome; readonly error: ErrorData | undefined }

export type Phase =
  | Created
  | Restoring
  | Acquiring
  | Deploying
  | Running
  | Draining
  | Finishing
  | Stopping
  | Restarting
  | Closing
  | Ended

/** How far one checkpoint is from being committed by every task. */
export interface CommitProgress {
  /** Undefined until it is published. */
  readonly published: CheckpointId | undefined
  /** Highest committed checkpoint per task. */
  readonly committed: ReadonlyMap<TaskKey, CheckpointId>
}

export type TimerName = 'acquire' | 'backoff' | 'cancellation' | 'kill-grace' | 'commits' | 'final-retry'

interface OfAttempt {
  readonly attempt: AttemptNumber
}

export type MachineEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'cancel' }
  | ({ readonly kind: 'restored'; readonly restored: RestoredFrom | undefined } & OfAttempt)
  | ({ readonly kind: 'acquired' } & OfAttempt)
  | ({ readonly kind: 'deployed'; readonly slot: SlotIndex } & OfAttempt)
  | ({ readonly kind: 'drained'; readonly task: TaskKey } & OfAttempt)
  | ({ readonly kind: 'finished'; readonly task: TaskKey } & OfAttempt)
  | ({ readonly kind: 'committed'; readonly task: TaskKey; readonly checkpoint: CheckpointId } & OfAttempt)
  | ({ readonly kind: 'checkpoint-published'; readonly checkpoint: CheckpointId } & OfAttempt)
  | ({ readonly kind: 'checkpoint-failed'; readonly error: ErrorData } & OfAttempt)
  | ({ readonly kind: 'failure'; readonly failure: JobFailure } & OfAttempt)
  | ({ readonly kind: 'slot-lost'; readonly slot: SlotIndex; readonly error: ErrorData } & OfAttempt)
  | ({ readonly kind: 'slot-stopped'; readonly slot: SlotIndex } & OfAttempt)
  | ({ readonly kind: 'timer'; readonly timer: TimerName } & OfAttempt)

export interface RestoredFrom {
  readonly checkpoint: CheckpointId
  readonly ageMs: number
}

export type Effect =
  /** Choose and verify a checkpoint, make enumerators, prepare sinks; gives `restored` or `failure`. */
  | { readonly kind: 'restore' }
  /** Gives `acquired` or `failure`. */
  | { readonly kind: 'acquire-slots' }
  | { readonly kind: 'deploy' }
  | { readonly kind: 'start-tasks' }
  /** Sends the splits that were assigned so far, and later ones as they come. */
  | { readonly kind: 'open-sources' }
  | { readonly kind: 'close-sources' }
  | { readonly kind: 'resume-checkpoints' }
  | { readonly kind: 'suspend-checkpoints' }
  /** Gives `checkpoint-published` or `checkpoint-failed`. */
  | { readonly kind: 'trigger-checkpoint'; readonly reason: 'final' | 'stop' }
  | { readonly kind: 'finish-tasks' }
  | { readonly kind: 'cancel-tasks'; readonly slots: readonly SlotIndex[] }
  | { readonly kind: 'kill-slots'; readonly slots: readonly SlotIndex[] }
  | { readonly kind: 'start-timer'; readonly timer: TimerName; readonly delayMs: number }
  | { readonly kind: 'cancel-timers' }
  /** Ends all threads. */
  | { readonly kind: 'release-slots' }
  | { readonly kind: 'report'; readonly event: JobEvent }
  /** The last effect of a job. */
  | { readonly kind: 'end'; readonly outcome: JobOutcome; readonly error: ErrorData | undefined }

export interface JobState {
  readonly core: JobCore
  readonly phase: Phase
}

export interface Step {
  readonly state: JobState
  readonly effects: readonly Effect[]
}

/** What a step may know about the world. */
export interface Moment {
  /** Monotonic milliseconds. */
  readonly nowMs: number
  readonly wallMs: number
  readonly random: Random
}

export type PhaseName = Phase['name']
export type EventKind = MachineEvent['kind']
type PhaseOf<Name extends PhaseName> = Extract<Phase, { readonly name: Name }>
export type EventOf<Kind extends EventKind> = Extract<MachineEvent, { readonly kind: Kind }>

/** Where a step starts. */
export interface At<Name extends PhaseName> {
  readonly core: JobCore
  readonly phase: PhaseOf<Name>
  readonly moment: Moment
}

type Cell<Name extends PhaseName, Kind extends EventKind> = (at: At<Name>, event: EventOf<Kind>) => Step

/** All transitions of one phase: total. */
export type PhaseTable<Name extends PhaseName> = { readonly [Kind in EventKind]: Cell<Name, Kind> }
