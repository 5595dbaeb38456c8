/**
 * The types of the job's life: phases, events, effects, and the shape of a transition table.
 *
 * Owns: names and data. Does not own: transitions (states/*.ts), the dispatch (job-machine.ts).
 */
import type { Random } from '../base/env.ts'
import type { GrowingMap } from '../base/growing-map.ts'
import type { ErrorData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, SlotIndex } from '../base/ids.ts'
import type { TaskAddress } from '../checkpoint/handles.ts'
import type { FailureRecord, JobEvent, JobFailure, JobOutcome } from './job-events.ts'
import type { RestartState, RestartStrategy } from './restart-strategy.ts'

/** What does not change while the job lives. */
export interface JobFacts {
  readonly jobName: string
  /** Slots that the job runs in when it gets what it asks for. */
  readonly slotsWanted: number
  /** Numbers of slots that it can use, ascending, `slotsWanted` last (graph/slot-groups.ts). Undefined: every one from 1 on. */
  readonly slotSteps?: readonly number[] | undefined
  /** Failover regions (graph/regions.ts): parts that share no edge. */
  readonly regionCount: number
  readonly checkpointing: 'on' | 'off'
  readonly restart: RestartStrategy
  readonly limits: JobLimits
}

/** How long the job waits for what; docs/spec/job-lifecycle.md, "Waits and their limits". */
export interface JobLimits {
  readonly acquireTimeoutMs: number
  /** For building tasks and reading their state. */
  readonly deployTimeoutMs: number
  readonly cancellationTimeoutMs: number
  readonly killGraceMs: number
  readonly commitTimeoutMs: number
  readonly finalRetryMs: number
  readonly finalAttemptsMax: number
  /** How long more slots must have been there before the job restarts to use them. */
  readonly scaleUpDelayMs: number
}

/** Which of the regions, from 0. */
export type RegionIndex = number

/** What runs where, at one number of slots. */
export interface Scale {
  readonly slotCount: number
  readonly regions: readonly RegionScale[]
}

interface RegionScale {
  readonly tasks: readonly TaskKey[]
  /** Those that run tasks of the region. */
  readonly slots: readonly SlotIndex[]
}

/** A deployment of one region. */
export interface RegionAttempt {
  readonly region: RegionIndex
  readonly attempt: AttemptNumber
}

/** The tasks of one attempt in one slot: they are deployed, cancelled and lost together. */
export interface SlotTasks {
  readonly attempt: AttemptNumber
  readonly slot: SlotIndex
}

/** `vertex/subtask`. */
export type TaskKey = string

/** For tables of `SlotTasks`. */
export function slotTasksKey({ attempt, slot }: SlotTasks): string {
  return `${attempt}/${slot}`
}

export function taskKey(task: TaskAddress): TaskKey {
  return `${task.vertex}/${task.subtask}`
}

/** What outlives a phase. */
export interface JobCore {
  readonly facts: JobFacts
  /** The newest one; what concerns the whole job goes under it. */
  readonly attempt: AttemptNumber
  /** Of each region: the one that is deployed, or is about to be. */
  readonly attempts: readonly AttemptNumber[]
  /** Undefined until slots were acquired for the first time. */
  readonly scale: Scale | undefined
  /** Slots that the pool is known to have for the job. */
  readonly available: number
  /** What somebody outside allows. */
  readonly slotsMax: number
  /** Tasks that have handled their whole input, in the attempts of now. */
  readonly drained: GrowingMap<TaskKey, true>
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
/** Regions that are being restarted; the others go on meanwhile. */
type OfRegions = { readonly regions: ReadonlySet<RegionIndex> }
type Acquiring = { readonly name: 'acquiring' } & OfRegions
type Restoring = { readonly name: 'restoring' } & OfRegions
/** Deployed: by `attempt/slot`. */
type Deploying = { readonly name: 'deploying'; readonly deployed: GrowingMap<string, SlotTasks> } & OfRegions
type Running = {
  readonly name: 'running'
  /** On the way to another number of slots: waiting whether more slots stay, or for the checkpoint to restart from. */
  readonly rescale: 'none' | 'delayed' | 'checkpointing'
}
type Draining = {
  readonly name: 'draining'
  /** The final checkpoint: triggered and not failed, or to be triggered again. */
  readonly checkpoint: 'under-way' | 'waiting'
  readonly failedCount: number
  readonly commits: CommitProgress
}
/** Tasks that were told to end, and those of their slots that were killed for not doing so. */
type Ending = { readonly waiting: readonly SlotTasks[]; readonly killed: ReadonlySet<SlotIndex> }
type Finishing = {
  readonly name: 'finishing'
  readonly waiting: readonly SlotTasks[]
  readonly finished: GrowingMap<TaskKey, true>
  readonly onFailure: 'restart' | 'stop'
}
type Stopping = { readonly name: 'stopping'; readonly commits: CommitProgress }
type Restarting = { readonly name: 'restarting'; readonly backoff: 'running' | 'over' } & OfRegions & Ending
type Closing = {
  readonly name: 'closing'
  readonly outcome: JobOutcome
  readonly error: ErrorData | undefined
} & Ending
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
  readonly committed: GrowingMap<TaskKey, CheckpointId>
  /** Tasks that have committed the published one. */
  readonly doneCount: number
}

export type TimerName =
  | 'acquire'
  | 'deploy'
  | 'backoff'
  | 'cancellation'
  | 'kill-grace'
  | 'commits'
  | 'final-retry'
  | 'scale-up'

interface OfAttempt {
  readonly attempt: AttemptNumber
}

export type MachineEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'cancel' }
  /** Another process leads from now on, or may. */
  | { readonly kind: 'suspend' }
  | { readonly kind: 'slots-max'; readonly slots: number }
  /** How many slots the pool has for the job now. */
  | { readonly kind: 'capacity'; readonly slots: number }
  /** The pool waits for slots, within limits of its own. */
  | { readonly kind: 'waiting'; readonly message: string }
  /** Of one region, or of what was asked for on its way to running. */
  | ({ readonly kind: 'failure'; readonly failure: JobFailure } & OfAttempt)
  /** Of no region in particular. */
  | { readonly kind: 'job-failure'; readonly failure: JobFailure }
  | { readonly kind: 'slot-lost'; readonly slot: SlotIndex; readonly error: ErrorData }
  /** Of a region: they carry its attempt. */
  | ({ readonly kind: 'deployed'; readonly slot: SlotIndex } & OfAttempt)
  | ({ readonly kind: 'slot-stopped'; readonly slot: SlotIndex } & OfAttempt)
  | ({ readonly kind: 'drained'; readonly task: TaskKey } & OfAttempt)
  | ({ readonly kind: 'finished'; readonly task: TaskKey } & OfAttempt)
  | ({ readonly kind: 'committed'; readonly task: TaskKey; readonly checkpoint: CheckpointId } & OfAttempt)
  /** Of the job: they carry its newest attempt. */
  | ({ readonly kind: 'acquired'; readonly scale: Scale; readonly available: number } & OfAttempt)
  | ({ readonly kind: 'restored'; readonly restored: RestoredFrom | undefined } & OfAttempt)
  /** The newest checkpoint cannot be restored, and regions that go on cannot go back to an older one. */
  | ({ readonly kind: 'restore-widened' } & OfAttempt)
  | ({ readonly kind: 'checkpoint-published'; readonly checkpoint: CheckpointId } & OfAttempt)
  | ({ readonly kind: 'checkpoint-failed'; readonly error: ErrorData } & OfAttempt)
  | ({ readonly kind: 'rescale-checkpoint'; readonly outcome: 'published' | 'failed' } & OfAttempt)
  | ({ readonly kind: 'timer'; readonly timer: TimerName } & OfAttempt)

export interface RestoredFrom {
  readonly checkpoint: CheckpointId
  readonly ageMs: number
}

export type Effect =
  /** Gives `acquired` or `failure`. */
  | { readonly kind: 'acquire-slots' }
  /** Choose and verify a checkpoint, make enumerators, prepare sinks; gives `restored`, `restore-widened` or `failure`. */
  | { readonly kind: 'restore'; readonly regions: readonly RegionAttempt[] }
  | { readonly kind: 'deploy'; readonly regions: readonly RegionAttempt[] }
  | { readonly kind: 'start-tasks'; readonly regions: readonly RegionAttempt[] }
  /** Sends the splits that were assigned so far, and later ones as they come. */
  | { readonly kind: 'open-sources'; readonly regions: readonly RegionAttempt[] }
  | { readonly kind: 'close-sources'; readonly regions: readonly RegionAttempt[] }
  | { readonly kind: 'resume-checkpoints' }
  | { readonly kind: 'suspend-checkpoints' }
  /** Nothing is written or removed by this process any more. */
  | { readonly kind: 'abandon-checkpoints' }
  /** `rescale` gives `rescale-checkpoint`, the others `checkpoint-published` or `checkpoint-failed`. */
  | { readonly kind: 'trigger-checkpoint'; readonly reason: CheckpointReason }
  | { readonly kind: 'finish-tasks'; readonly regions: readonly RegionAttempt[] }
  | { readonly kind: 'cancel-tasks'; readonly tasks: readonly SlotTasks[] }
  | { readonly kind: 'kill-slots'; readonly slots: readonly SlotIndex[] }
  | { readonly kind: 'start-timer'; readonly timer: TimerName; readonly delayMs: number }
  | { readonly kind: 'cancel-timer'; readonly timer: TimerName }
  | { readonly kind: 'cancel-timers' }
  /** Ends all threads. */
  | { readonly kind: 'release-slots' }
  | { readonly kind: 'report'; readonly event: JobEvent }
  /** The last effect of a job. */
  | { readonly kind: 'end'; readonly outcome: JobOutcome; readonly error: ErrorData | undefined }

export type CheckpointReason = 'final' | 'stop' | 'rescale'

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
type EventKind = MachineEvent['kind']
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
