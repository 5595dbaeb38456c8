/**
 * The types of a TaskManager's way to a leader and back: phases, events, effects. docs/spec/control.md.
 *
 * Owns: names and data. Does not own: transitions (task-manager-machine.ts), what performs effects (task-manager.ts).
 */
import type { NetworkAddress } from '../base/env.ts'
import type { ErrorData } from '../base/errors.ts'
import type { LeaderEpoch } from '../base/ids.ts'
import type { FromTaskManager, StorageMarker, ToTaskManager } from '../control/cluster-messages.ts'
import type { Lease } from '../control/lease.ts'
import type { TaskManagerEvent } from './task-manager-events.ts'

/** Milliseconds. */
export interface ConnectionLimits {
  readonly connectTimeoutMs: number
  /** From the connection to the end of the handshake. */
  readonly handshakeTimeoutMs: number
  /** From `register` to `registered`. */
  readonly registerTimeoutMs: number
  /** For reading the storage marker. */
  readonly markerTimeoutMs: number
  /** For all slots to end; longer than a launcher takes to say that one is stuck. */
  readonly slotsEndTimeoutMs: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
}

/** What outlives a phase. */
export interface TaskManagerCore {
  /** At least one. */
  readonly jobManagers: readonly NetworkAddress[]
  readonly limits: ConnectionLimits
  /** The highest that ever welcomed it (U2, W3). */
  readonly knownEpoch: LeaderEpoch | undefined
  /** Number of the newest connection: what is told about another one is dropped. */
  readonly connection: number
  readonly round: Round
  /** Rounds without success, one after the other. */
  readonly failedRounds: number
  /** Refusals that were told since it was registered last. */
  readonly told: ReadonlySet<string>
  readonly staleEventCount: number
}

/** One try of every address. */
export interface Round {
  /** Into `jobManagers`. */
  readonly index: number
  /** The first refusal that would be repeated for ever. */
  readonly final: ErrorData | undefined
  /** Failures that may pass. */
  readonly passingCount: number
  /** Each address is tried once: one that does not answer would take its time again. */
  readonly tried: readonly NetworkAddress[]
}

/** Where a connection goes; `hint`: named by a JobManager that does not lead. */
export interface Target {
  readonly address: NetworkAddress
  readonly from: 'list' | 'hint'
}

type Created = { readonly name: 'created' }
/** Between two rounds. */
type Waiting = { readonly name: 'waiting' }
type Connecting = { readonly name: 'connecting'; readonly target: Target }
type Handshaking = { readonly name: 'handshaking'; readonly target: Target }
type Registering = {
  readonly name: 'registering'
  readonly target: Target
  readonly epoch: LeaderEpoch
  readonly sentMs: number
}
interface Leased {
  readonly target: Target
  readonly epoch: LeaderEpoch
  readonly lease: Lease
  readonly heartbeatIntervalMs: number
}
/** The storage marker is being read; messages wait. */
type Checking = { readonly name: 'checking'; readonly held: readonly ServedMessage[] } & Leased
type Serving = { readonly name: 'serving' } & Leased
/** The leader is gone; slots are being ended. */
type Clearing = { readonly name: 'clearing' }
/** It ends: on purpose, or because of an error. */
type Leaving = { readonly name: 'leaving'; readonly error: ErrorData | undefined }
type Ended = { readonly name: 'ended'; readonly error: ErrorData | undefined }

export type TaskManagerPhase =
  | Created
  | Waiting
  | Connecting
  | Handshaking
  | Registering
  | Checking
  | Serving
  | Clearing
  | Leaving
  | Ended

export type PhaseName = TaskManagerPhase['name']
type PhaseOf<Name extends PhaseName> = Extract<TaskManagerPhase, { readonly name: Name }>

export interface TaskManagerState {
  readonly core: TaskManagerCore
  readonly phase: TaskManagerPhase
}

export type ServedMessage = Exclude<ToTaskManager, { kind: 'registered' | 'heartbeat-ack' }>

/** `retry` ends a back-off, `limit` ends a wait, `heartbeat` and `lease` as named. */
export type TimerName = 'retry' | 'limit' | 'heartbeat' | 'lease'

interface OfConnection {
  readonly connection: number
}

export type MachineEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'timer'; readonly timer: TimerName }
  | ({ readonly kind: 'connected' } & OfConnection)
  | ({ readonly kind: 'welcomed'; readonly epoch: LeaderEpoch } & OfConnection)
  /** The connection or the handshake failed; `leader`: who leads, as the other side says. */
  | ({
      readonly kind: 'refused'
      readonly error: ErrorData
      readonly leader: NetworkAddress | undefined
    } & OfConnection)
  | ({ readonly kind: 'message'; readonly message: ToTaskManager } & OfConnection)
  | ({ readonly kind: 'closed'; readonly error: ErrorData } & OfConnection)
  /** The error is undefined when the storage is the leader's. */
  | ({ readonly kind: 'marker-checked'; readonly error: ErrorData | undefined } & OfConnection)
  /** After `end-slots`: none lives. */
  | { readonly kind: 'cleared' }
  /** A slot cannot be ended. */
  | { readonly kind: 'stuck'; readonly error: ErrorData }

type EventKind = MachineEvent['kind']
export type EventOf<Kind extends EventKind> = Extract<MachineEvent, { readonly kind: Kind }>

export type Effect =
  | {
      readonly kind: 'connect'
      readonly connection: number
      readonly address: NetworkAddress
      readonly timeoutMs: number
    }
  | { readonly kind: 'handshake'; readonly knownEpoch: LeaderEpoch | undefined; readonly timeoutMs: number }
  | { readonly kind: 'register' }
  | { readonly kind: 'send'; readonly message: FromTaskManager }
  | { readonly kind: 'heartbeat'; readonly seq: number }
  | { readonly kind: 'check-marker'; readonly marker: StorageMarker; readonly jobManager: NetworkAddress }
  /** To the slots, the artifacts, or who answers questions. */
  | { readonly kind: 'serve'; readonly message: ServedMessage; readonly epoch: LeaderEpoch }
  | { readonly kind: 'lease-until'; readonly untilMs: number }
  /** The lease does not hold any more; all slots end, `cleared` or `stuck` follows. `lost`: the leader that is told as lost. */
  | { readonly kind: 'end-slots'; readonly error: ErrorData; readonly lost: NetworkAddress | undefined }
  /** Sends what is queued, then closes. */
  | { readonly kind: 'close' }
  /** Closes at once. */
  | { readonly kind: 'destroy' }
  | { readonly kind: 'set-timer'; readonly timer: TimerName; readonly delayMs: number }
  | { readonly kind: 'cancel-timers' }
  | { readonly kind: 'tell'; readonly event: TaskManagerEvent }
  /** The last. */
  | { readonly kind: 'end'; readonly error: ErrorData | undefined }

/** `fraction`: a random number in [0, 1). */
export interface Moment {
  readonly nowMs: number
  readonly fraction: number
}

export interface Step {
  readonly state: TaskManagerState
  readonly effects: readonly Effect[]
}

export interface At<Name extends PhaseName> {
  readonly core: TaskManagerCore
  readonly phase: PhaseOf<Name>
  readonly moment: Moment
}

type Cell<Name extends PhaseName, Kind extends EventKind> = (at: At<Name>, event: EventOf<Kind>) => Step

export type PhaseTable<Name extends PhaseName> = { readonly [Kind in EventKind]: Cell<Name, Kind> }
