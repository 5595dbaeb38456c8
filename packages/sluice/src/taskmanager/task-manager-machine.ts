/**
 * A TaskManager's way to a leader, its lease, and its end, as a pure machine: `step(state, event, moment) → { state, effects }`.
 * docs/spec/control.md has the table.
 *
 * Owns: whom to connect to and when, when to register, when slots must end. Does not own: sockets, clocks, slots, files: they are reached by
 * effects, whose results come back as events (task-manager.ts).
 *
 * T1 Whatever happens with slots alive and no lease ends them: a closed connection, a lease that is over, a stop (U2, U5).
 * T2 No connection is made before all slots of the one before have ended.
 * T3 Every event of a served connection is looked at only while the lease holds: what comes after a pause of this process comes too late.
 * T4 An epoch lower than one that was served is never served (W3).
 * T5 Every phase but `created`, `serving` and `ended` has a timer.
 */
import { assert, unreachable } from '../base/assert.ts'
import type { NetworkAddress } from '../base/env.ts'
import type { ErrorData } from '../base/errors.ts'
import { cellOf } from '../base/transition-table.ts'
import { acknowledgeHeartbeat, isLeaseOver, sendHeartbeat, startLease } from '../control/lease.ts'
import { behind, end, go, leave, loseLeader, stay, type Leased } from './task-manager-endings.ts'
import { leaseOver, outOfTurn, slotsRemain, storageUnread } from './task-manager-errors.ts'
import {
  NEW_ROUND,
  attemptFailed,
  backOff,
  beginRound,
  onConnected,
  onLimit,
  onRefused,
  onWelcomed,
} from './task-manager-search.ts'
import type {
  At,
  ConnectionLimits,
  Effect,
  EventOf,
  MachineEvent,
  Moment,
  PhaseName,
  PhaseTable,
  ServedMessage,
  Step,
  TaskManagerCore,
  TaskManagerPhase,
  TaskManagerState,
} from './task-manager-state.ts'

/** Messages that may wait for the storage marker; a leader sends a few for each slot. */
const HELD_MESSAGES_MAX = 1000

export function createTaskManagerState(
  jobManagers: readonly NetworkAddress[],
  limits: ConnectionLimits,
): TaskManagerState {
  assert(jobManagers.length > 0, 'a TaskManager was given no JobManager')
  const core: TaskManagerCore = {
    jobManagers,
    limits,
    knownEpoch: undefined,
    connection: 0,
    round: NEW_ROUND,
    failedRounds: 0,
    told: new Set(),
    staleEventCount: 0,
  }
  return { core, phase: { name: 'created' } }
}

export function stepTaskManager(state: TaskManagerState, event: MachineEvent, moment: Moment): Step {
  const { core, phase } = state
  if ('connection' in event && event.connection !== core.connection) return dropStale(state)
  if ((phase.name === 'serving' || phase.name === 'checking') && event.kind !== 'stop') {
    if (isLeaseOver(phase.lease, moment.nowMs))
      return loseLeader(core, phase, leaseOver(phase.target.address, phase.lease.leaseMs)) // T3
  }
  const cell: AnyCell = cellOf(TABLE, phase.name, event.kind)
  return cell({ core, phase, moment }, event)
}

const ignored = (_why: string) => stay
const impossible = (why: string) => (): never => unreachable(why)
const noConnection = ignored('the connection it belongs to was given up')
const noSlots = ignored('no slot lives: the word of an end that was waited for')

const TABLE: { readonly [Name in PhaseName]: PhaseTable<Name> } = {
  created: {
    start: (at) => beginRound(at.core),
    stop: (at) => end(at.core, undefined),
    timer: impossible('no timer runs before the start'),
    connected: impossible('nothing was connected'),
    welcomed: impossible('nothing was connected'),
    refused: impossible('nothing was connected'),
    message: impossible('nothing was connected'),
    closed: impossible('nothing was connected'),
    'marker-checked': impossible('nothing was checked'),
    cleared: impossible('there is no slot'),
    stuck: impossible('there is no slot'),
  },
  waiting: {
    start: impossible('started already'),
    stop: (at) => end(at.core, undefined),
    timer: (at, { timer }) => (timer === 'retry' ? beginRound(at.core) : stay(at)),
    connected: noConnection,
    welcomed: noConnection,
    refused: noConnection,
    message: noConnection,
    closed: noConnection,
    'marker-checked': noConnection,
    cleared: noSlots,
    stuck: noSlots,
  },
  connecting: {
    start: impossible('started already'),
    stop: (at) => end(at.core, undefined),
    timer: (at) => onLimit(at, 'a connection', at.core.limits.connectTimeoutMs),
    connected: onConnected,
    welcomed: impossible('there was no handshake'),
    refused: onRefused,
    message: impossible('there was no handshake'),
    closed: (at, event) => attemptFailed(at, { error: event.error }),
    'marker-checked': noConnection,
    cleared: noSlots,
    stuck: noSlots,
  },
  handshaking: {
    start: impossible('started already'),
    stop: (at) => end(at.core, undefined),
    timer: (at) => onLimit(at, 'the handshake', at.core.limits.handshakeTimeoutMs),
    connected: impossible('connected already'),
    welcomed: onWelcomed,
    refused: onRefused,
    message: impossible('the handshake is not over'),
    closed: (at, event) => attemptFailed(at, { error: event.error }),
    'marker-checked': noConnection,
    cleared: noSlots,
    stuck: noSlots,
  },
  registering: {
    start: impossible('started already'),
    stop: (at) => end(at.core, undefined),
    timer: (at) => onLimit(at, 'the answer to the registration', at.core.limits.registerTimeoutMs),
    connected: impossible('connected already'),
    welcomed: impossible('welcomed already'),
    refused: onRefused,
    message: onFirstMessage,
    closed: (at, event) => attemptFailed(at, { error: event.error }),
    'marker-checked': noConnection,
    cleared: noSlots,
    stuck: noSlots,
  },
  checking: {
    start: impossible('started already'),
    stop: (at) => leave(at.core, undefined),
    timer: (at, { timer }) =>
      timer === 'limit' ? loseLeader(at.core, at.phase, storageLate(at)) : onServedTimer(at, timer),
    connected: impossible('connected already'),
    welcomed: impossible('welcomed already'),
    refused: impossible('registered already'),
    message: onMessage,
    closed: (at, event) => loseLeader(at.core, at.phase, event.error),
    'marker-checked': onMarker,
    cleared: noSlots,
    stuck: noSlots,
  },
  serving: {
    start: impossible('started already'),
    stop: (at) => leave(at.core, undefined),
    timer: (at, { timer }) => onServedTimer(at, timer),
    connected: impossible('connected already'),
    welcomed: impossible('welcomed already'),
    refused: impossible('registered already'),
    message: onMessage,
    closed: (at, event) => loseLeader(at.core, at.phase, event.error),
    'marker-checked': impossible('the marker was checked once'),
    cleared: impossible('not all slots were told to end'),
    stuck: (at, event) => leave(at.core, event.error),
  },
  clearing: {
    start: impossible('started already'),
    stop: (at) => go(at.core, { name: 'leaving', error: undefined }),
    timer: (at, { timer }) =>
      timer === 'limit' ? end(at.core, slotsRemain(at.core.limits.slotsEndTimeoutMs)) : stay(at),
    connected: noConnection,
    welcomed: noConnection,
    refused: noConnection,
    message: noConnection,
    closed: noConnection,
    'marker-checked': noConnection,
    cleared: (at) => backOff(at.core, at.moment),
    stuck: (at, event) => end(at.core, event.error),
  },
  leaving: {
    start: impossible('started already'),
    stop: ignored('it ends already'),
    timer: (at, { timer }) =>
      timer === 'limit' ? end(at.core, at.phase.error ?? slotsRemain(at.core.limits.slotsEndTimeoutMs)) : stay(at),
    connected: noConnection,
    welcomed: noConnection,
    refused: noConnection,
    message: ignored('it ends: its slots were declared lost'),
    closed: ignored('the leader need not hear the rest'),
    'marker-checked': noConnection,
    cleared: (at) => end(at.core, at.phase.error),
    stuck: (at, event) => end(at.core, at.phase.error ?? event.error),
  },
  ended: {
    start: ignored('it has ended'),
    stop: ignored('it has ended'),
    timer: ignored('it has ended'),
    connected: ignored('it has ended'),
    welcomed: ignored('it has ended'),
    refused: ignored('it has ended'),
    message: ignored('it has ended'),
    closed: ignored('it has ended'),
    'marker-checked': ignored('it has ended'),
    cleared: ignored('it has ended'),
    stuck: ignored('it has ended'),
  },
}

// --- serving one

function onFirstMessage(at: At<'registering'>, { message }: EventOf<'message'>): Step {
  const { core, phase, moment } = at
  const { target, epoch, sentMs } = phase
  if (message.kind !== 'registered') return attemptFailed(at, { error: outOfTurn(target.address, message.kind) })
  if (message.epoch !== epoch)
    return attemptFailed(at, { error: outOfTurn(target.address, `epoch ${message.epoch} after epoch ${epoch}`) })
  const { leaseMs, heartbeatIntervalMs, marker } = message
  const leased = { target, epoch, lease: startLease(leaseMs, sentMs), heartbeatIntervalMs }
  const ticks: readonly Effect[] = [
    { kind: 'cancel-timers' },
    { kind: 'lease-until', untilMs: leased.lease.untilMs },
    { kind: 'set-timer', timer: 'heartbeat', delayMs: heartbeatIntervalMs },
    { kind: 'set-timer', timer: 'lease', delayMs: leased.lease.untilMs - moment.nowMs },
  ]
  if (marker === undefined)
    return behind(ticks, serve({ core, phase: { name: 'checking', held: [], ...leased }, moment }))
  return go(core, { name: 'checking', held: [], ...leased }, [
    ...ticks,
    { kind: 'check-marker', marker, jobManager: target.address },
    { kind: 'set-timer', timer: 'limit', delayMs: core.limits.markerTimeoutMs },
  ])
}

function onMarker(at: At<'checking'>, { error }: EventOf<'marker-checked'>): Step {
  return error === undefined ? serve(at) : leave(at.core, error)
}

/** From here the JobManager's slots may run. */
function serve({ core, phase }: At<'checking'>): Step {
  const { target, epoch, lease, heartbeatIntervalMs, held } = phase
  const served = { ...core, round: NEW_ROUND, failedRounds: 0, told: new Set<string>() }
  const registered = { kind: 'registered', jobManager: target.address, epoch } as const
  return go(served, { name: 'serving', target, epoch, lease, heartbeatIntervalMs }, [
    { kind: 'tell', event: registered },
    ...held.map((message): Effect => ({ kind: 'serve', message, epoch })),
  ])
}

function onServedTimer(at: Leased, timer: 'retry' | 'limit' | 'heartbeat' | 'lease'): Step {
  const { core, phase, moment } = at
  switch (timer) {
    case 'heartbeat': {
      const lease = sendHeartbeat(phase.lease, moment.nowMs)
      return go(core, { ...phase, lease }, [
        { kind: 'heartbeat', seq: lease.seq },
        { kind: 'set-timer', timer: 'heartbeat', delayMs: phase.heartbeatIntervalMs },
      ])
    }
    case 'lease': // it was extended since the timer was set
      return go(core, phase, [{ kind: 'set-timer', timer: 'lease', delayMs: phase.lease.untilMs - moment.nowMs }])
    case 'retry':
    case 'limit':
      return stay(at)
  }
}

function onMessage(at: Leased, { message }: EventOf<'message'>): Step {
  const { core, phase, moment } = at
  if (message.kind === 'registered') return loseLeader(core, phase, outOfTurn(phase.target.address, 'registered again'))
  if (message.kind === 'heartbeat-ack') {
    const lease = acknowledgeHeartbeat(phase.lease, message.seq, moment.nowMs)
    return go(core, { ...phase, lease }, [{ kind: 'lease-until', untilMs: lease.untilMs }])
  }
  if (phase.name === 'serving') return go(core, phase, [{ kind: 'serve', message, epoch: phase.epoch }])
  return hold(core, phase, message)
}

function hold(core: TaskManagerCore, phase: At<'checking'>['phase'], message: ServedMessage): Step {
  if (phase.held.length >= HELD_MESSAGES_MAX)
    return loseLeader(core, phase, outOfTurn(phase.target.address, 'too many messages right after the registration'))
  return go(core, { ...phase, held: [...phase.held, message] })
}

function storageLate({ core, phase }: At<'checking'>): ErrorData {
  return storageUnread(phase.target.address, core.limits.markerTimeoutMs)
}

// --- the table by name

function dropStale({ core, phase }: TaskManagerState): Step {
  return go({ ...core, staleEventCount: core.staleEventCount + 1 }, phase)
}

type AnyCell = (
  at: { readonly core: TaskManagerCore; readonly phase: TaskManagerPhase; readonly moment: Moment },
  event: MachineEvent,
) => Step
