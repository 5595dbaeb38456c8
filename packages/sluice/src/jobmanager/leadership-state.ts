/** States, events and effects of the leadership machine: plain data. The rules are in leadership-machine.ts. */
import type { NetworkAddress } from '../base/env.ts'
import type { EngineError } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'

/** Who takes part: how others reach it. */
export interface LeaderCandidate {
  /** Unique for ever: a restarted process has another one. */
  readonly id: string
  readonly control: NetworkAddress
  readonly restUrl: string
}

export interface LeaderInfo extends LeaderCandidate {
  readonly epoch: LeaderEpoch
}

export interface LeadershipSettings {
  /** Between two renewals of a leader, and between two looks of a standby. */
  readonly renewIntervalMs: number
  /** How long a renewal keeps leadership, counted from its start. */
  readonly leaseMs: number
  /** How long a standby sees no renewal before it claims; more than `leaseMs`. */
  readonly leaseTimeoutMs: number
}

/** Why leadership is over. `claim-gone`: somebody removed the claim from the storage. */
export type LostReason = 'lease-over' | 'superseded' | 'claim-gone'

/** What is on the storage. */
export interface Look {
  readonly startedMs: number
  /** The highest claimed; 0 for none. */
  readonly epoch: LeaderEpoch
  /** Content of its newest renewal; '' for none. */
  readonly mark: string
  readonly state: 'held' | 'released'
  /** Undefined when the claim says nothing that can be read, or was released. */
  readonly leader: LeaderInfo | undefined
}

/** The newest renewal that was seen, and when first. */
export interface Seen {
  readonly epoch: LeaderEpoch
  readonly mark: string
  readonly sinceMs: number
}

interface PhaseFields {
  readonly idle: object
  /** A standby that reads the storage, or waits for its next look. */
  readonly looking: { readonly seen: Seen }
  readonly waiting: { readonly seen: Seen }
  readonly claiming: { readonly seen: Seen; readonly epoch: LeaderEpoch }
  /** The leader, between two renewals. */
  readonly holding: Held
  readonly renewing: Held
  /** Not held any more; what is on its way to the storage has to arrive before the release. */
  readonly stopping: { readonly epoch: LeaderEpoch }
  readonly releasing: object
  readonly stopped: object
}

export interface Held {
  readonly epoch: LeaderEpoch
  readonly heldUntilMs: number
  /** Of the newest renewal. */
  readonly counter: number
}

export type PhaseName = keyof PhaseFields
export type LeadershipPhase<Name extends PhaseName = PhaseName> = {
  [N in Name]: { readonly name: N } & PhaseFields[N]
}[Name]

export interface LeadershipState {
  readonly settings: LeadershipSettings
  /** Number of the operation on the storage that is, or was last, waited for. */
  readonly operation: number
  readonly phase: LeadershipPhase
}

interface AnswerFields {
  readonly looked: { readonly look: Look }
  readonly 'look-failed': { readonly error: EngineError }
  readonly claimed: { readonly startedMs: number; readonly outcome: 'claimed' | 'taken' }
  readonly 'claim-failed': { readonly error: EngineError }
  readonly renewed: { readonly startedMs: number; readonly newestEpoch: LeaderEpoch }
  readonly 'renew-failed': { readonly error: EngineError }
  /** Or not: nobody depends on it. */
  readonly released: object
}

/** `next`: the next look or renewal; `lease`: the lease is over; `limit`: a stop has waited long enough. */
export type TimerName = 'next' | 'lease' | 'limit'
type CommandKind = 'start' | 'stop' | TimerName
type AnswerKind = keyof AnswerFields
type EventKind = CommandKind | AnswerKind

export type EventOf<Kind extends EventKind> = {
  [K in Kind]: K extends AnswerKind
    ? { readonly kind: K; readonly operation: number } & AnswerFields[K]
    : { readonly kind: K }
}[Kind]
export type LeadershipEvent = EventOf<EventKind>

export type LeadershipEffect =
  | { readonly kind: 'look'; readonly operation: number }
  | { readonly kind: 'claim'; readonly operation: number; readonly epoch: LeaderEpoch }
  | { readonly kind: 'renew'; readonly operation: number; readonly epoch: LeaderEpoch; readonly counter: number }
  | { readonly kind: 'release'; readonly operation: number; readonly epoch: LeaderEpoch }
  /** Replaces a timer of the same name. */
  | { readonly kind: 'start-timer'; readonly timer: TimerName; readonly atMs: number }
  | { readonly kind: 'cancel-timer'; readonly timer: TimerName }
  | { readonly kind: 'gained'; readonly epoch: LeaderEpoch }
  | { readonly kind: 'lost'; readonly epoch: LeaderEpoch; readonly reason: LostReason }
  /** Who leads, seen by a standby. */
  | { readonly kind: 'leader'; readonly leader: LeaderInfo | undefined }
  | { readonly kind: 'trouble'; readonly error: EngineError }
  | { readonly kind: 'stopped' }

export interface LeadershipStep {
  readonly state: LeadershipState
  readonly effects: readonly LeadershipEffect[]
}

export interface At<Name extends PhaseName = PhaseName> {
  readonly state: LeadershipState
  readonly phase: LeadershipPhase<Name>
  readonly nowMs: number
}

type Cell<Name extends PhaseName, Kind extends EventKind> = (at: At<Name>, event: EventOf<Kind>) => LeadershipStep

export type PhaseTable<Name extends PhaseName> = { readonly [Kind in EventKind]: Cell<Name, Kind> }
