/**
 * How a TaskManager finds a leader: rounds over the given addresses, hints, pauses (docs/spec/control.md, "Looking for a leader").
 *
 * Owns: whom to try next, what is told about it. Does not own: what comes after `registered` (task-manager-machine.ts).
 */
import { present } from '../base/assert.ts'
import type { NetworkAddress } from '../base/env.ts'
import { ERROR_CODES } from '../base/error-codes.ts'
import type { ErrorData } from '../base/errors.ts'
import { addressText } from '../base/network-address.ts'
import { behind, end, go } from './task-manager-endings.ts'
import { olderLeader, tookTooLong, type AwaitedStep } from './task-manager-errors.ts'
import type { At, Effect, EventOf, Moment, Round, Step, Target, TaskManagerCore } from './task-manager-state.ts'

export const NEW_ROUND: Round = { index: 0, final: undefined, passingCount: 0, tried: [] }

export function beginRound(core: TaskManagerCore): Step {
  return connectTo(core, { address: addressAt(core, 0), from: 'list' }, NEW_ROUND)
}

function connectTo(core: TaskManagerCore, target: Target, round: Round): Step {
  const { connectTimeoutMs } = core.limits
  const connection = core.connection + 1
  return go({ ...core, round, connection }, { name: 'connecting', target }, [
    { kind: 'connect', connection, address: target.address, timeoutMs: connectTimeoutMs },
    { kind: 'set-timer', timer: 'limit', delayMs: connectTimeoutMs },
  ])
}

export function onConnected({ core, phase }: At<'connecting'>): Step {
  return go(core, { name: 'handshaking', target: phase.target }, [
    { kind: 'handshake', knownEpoch: core.knownEpoch, timeoutMs: core.limits.handshakeTimeoutMs },
    { kind: 'set-timer', timer: 'limit', delayMs: core.limits.handshakeTimeoutMs },
  ])
}

export function onWelcomed({ core, phase, moment }: At<'handshaking'>, { epoch }: EventOf<'welcomed'>): Step {
  const { target } = phase
  const { knownEpoch, limits } = core
  if (knownEpoch !== undefined && epoch < knownEpoch)
    return attemptFailed({ core, phase, moment }, { error: olderLeader(target.address, epoch, knownEpoch) }) // T4
  return go({ ...core, knownEpoch: epoch }, { name: 'registering', target, epoch, sentMs: moment.nowMs }, [
    { kind: 'register' },
    { kind: 'set-timer', timer: 'limit', delayMs: limits.registerTimeoutMs },
  ])
}

type Searching = At<'connecting'> | At<'handshaking'> | At<'registering'>

interface FailedAttempt {
  readonly error: ErrorData
  readonly leader?: NetworkAddress | undefined
}

export function onLimit(at: Searching, what: AwaitedStep, timeoutMs: number): Step {
  return attemptFailed(at, { error: tookTooLong(at.phase.target.address, what, timeoutMs) })
}

export function onRefused(at: Searching, { error, leader }: EventOf<'refused'>): Step {
  return attemptFailed(at, { error, leader })
}

/** One hop from a JobManager that does not lead, else the next of the list, else a pause. */
export function attemptFailed({ core, phase, moment }: Searching, { error, leader }: FailedAttempt): Step {
  const { target } = phase
  const isFinal = ERROR_CODES[error.code].retry === 'never'
  const { round } = core
  const known: Round = {
    index: round.index,
    final: round.final ?? (isFinal ? error : undefined),
    passingCount: round.passingCount + (isFinal ? 0 : 1),
    tried: [...round.tried, target.address],
  }
  const [tellingCore, telling] = isFinal ? tellRefusal(core, target.address, error) : [core, []]
  const before: readonly Effect[] = [{ kind: 'destroy' }, { kind: 'cancel-timers' }, ...telling]
  return behind(before, nextAttempt({ core: tellingCore, target, moment }, { round: known, error, leader }))
}

interface AttemptPlace {
  readonly core: TaskManagerCore
  readonly target: Target
  readonly moment: Moment
}

function nextAttempt({ core, target, moment }: AttemptPlace, failed: FailedAttempt & { readonly round: Round }): Step {
  const { round, leader, error } = failed
  const isUntried = (address: NetworkAddress): boolean => !round.tried.some((tried) => isSame(tried, address))
  if (leader !== undefined && target.from === 'list' && isUntried(leader))
    return connectTo(core, { address: leader, from: 'hint' }, round)
  const index = core.jobManagers.findIndex((address, place) => place > round.index && isUntried(address))
  if (index >= 0) return connectTo(core, { address: addressAt(core, index), from: 'list' }, { ...round, index })
  if (round.final !== undefined && round.passingCount === 0) return end(core, round.final)
  const [tellingCore, telling] = tellWaiting(core, error)
  return behind(telling, backOff({ ...tellingCore, failedRounds: core.failedRounds + 1 }, moment))
}

/** Between half and all of a pause that doubles with each round that failed. */
export function backOff(core: TaskManagerCore, { fraction }: Moment): Step {
  const { backoffMinMs, backoffMaxMs } = core.limits
  const pauseMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.max(0, core.failedRounds - 1))
  return go(core, { name: 'waiting' }, [{ kind: 'set-timer', timer: 'retry', delayMs: (pauseMs * (1 + fraction)) / 2 }])
}

function tellWaiting(core: TaskManagerCore, error: ErrorData): readonly [TaskManagerCore, readonly Effect[]] {
  if (core.told.has(WAITING)) return [core, []]
  const event = { kind: 'waiting', jobManagers: core.jobManagers, error } as const
  return [{ ...core, told: new Set([...core.told, WAITING]) }, [{ kind: 'tell', event }]]
}

function tellRefusal(
  core: TaskManagerCore,
  jobManager: NetworkAddress,
  error: ErrorData,
): readonly [TaskManagerCore, readonly Effect[]] {
  const key = `${addressText(jobManager)} ${error.code}`
  if (core.told.has(key) || core.told.size >= TOLD_MAX) return [core, []]
  const event = { kind: 'refused', jobManager, error } as const
  return [{ ...core, told: new Set([...core.told, key]) }, [{ kind: 'tell', event }]]
}

/** What is not an address. */
const WAITING = 'waiting'
/** Refusals remembered as told. */
const TOLD_MAX = 100

function addressAt(core: TaskManagerCore, index: number): NetworkAddress {
  return present(core.jobManagers[index], 'the address of a JobManager')
}

function isSame(a: NetworkAddress, b: NetworkAddress): boolean {
  return a.host === b.host && a.port === b.port
}
