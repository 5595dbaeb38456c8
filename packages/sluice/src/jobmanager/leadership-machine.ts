/**
 * Who leads, as a pure machine over what was read from and written to the shared storage. docs/spec/leadership.md.
 *
 * Owns: when to look, to claim, to renew, when leadership is over. Does not own: clocks, files (leader-files.ts), what a leader does
 * (job-manager.ts). `nowMs` is monotonic and this process's own: moments of two processes are never compared.
 *
 * L1 Leadership is held from the answer of a claim until the start of the last successful renewal (or of the claim) plus `leaseMs`, never longer,
 *    and an epoch that was lost is never held again.
 * L2 The next epoch is claimed only when there was none, the newest was released, or a look that began `leaseTimeoutMs` or more after its newest
 *    renewal was first seen still finds that renewal. With `leaseMs < leaseTimeoutMs` its holder has lost it by then.
 * L3 An answer is heard only while it is waited for; a late one changes nothing.
 * L4 Nothing waits for the storage in order to lose leadership.
 */
import { unreachable } from '../base/assert.ts'
import type { EngineError } from '../base/errors.ts'
import { type LeaderEpoch, leaderEpoch } from '../base/ids.ts'
import { cellOf } from '../base/transition-table.ts'
import type {
  At,
  EventOf,
  Held,
  LeadershipEffect,
  LeadershipEvent,
  LeadershipPhase,
  LeadershipSettings,
  LeadershipState,
  LeadershipStep,
  LostReason,
  PhaseName,
  PhaseTable,
  Seen,
  TimerName,
} from './leadership-state.ts'

/** A failed renewal is tried again after this part of the interval. */
const RETRY_SHARE = 0.25

const NOBODY_SEEN: Seen = { epoch: leaderEpoch(0), mark: '', sinceMs: 0 }

export function createLeadershipState(settings: LeadershipSettings): LeadershipState {
  return { settings, operation: 0, phase: { name: 'idle' } }
}

export function stepLeadership(state: LeadershipState, event: LeadershipEvent, nowMs: number): LeadershipStep {
  if ('operation' in event && event.operation !== state.operation) return { state, effects: [] } // L3
  const cell: AnyCell = cellOf(TABLE, state.phase.name, event.kind)
  return cell({ state, phase: state.phase, nowMs }, event)
}

/** Undefined when this process does not lead. Whether the lease holds is a question of the moment. */
export function heldBy({ phase }: LeadershipState): Held | undefined {
  return phase.name === 'holding' || phase.name === 'renewing' ? phase : undefined
}

type AnyCell = (at: At, event: LeadershipEvent) => LeadershipStep

const impossible = (why: string) => (): never => unreachable(why)
const stay = ({ state }: At): LeadershipStep => ({ state, effects: [] })

const UNASKED = 'nothing of the kind was asked for'
const NO_TIMER = 'no such timer runs in this phase'

const NO_ANSWERS = {
  start: impossible('it was started already'),
  looked: impossible(UNASKED),
  'look-failed': impossible(UNASKED),
  claimed: impossible(UNASKED),
  'claim-failed': impossible(UNASKED),
  renewed: impossible(UNASKED),
  'renew-failed': impossible(UNASKED),
  released: impossible(UNASKED),
}
const NO_TIMERS = { next: impossible(NO_TIMER), lease: impossible(NO_TIMER), limit: impossible(NO_TIMER) }

/** Total: docs/spec/leadership.md, "Phases". */
const TABLE: { readonly [Name in PhaseName]: PhaseTable<Name> } = {
  idle: { ...NO_ANSWERS, ...NO_TIMERS, start: (at) => look(at, NOBODY_SEEN), stop: (at) => stopped(at, []) },
  looking: {
    ...NO_ANSWERS,
    ...NO_TIMERS,
    stop: (at) => stopped(at, []),
    looked: onLooked,
    'look-failed': (at, { error }) => wait(at, at.phase.seen, [{ kind: 'trouble', error }]),
  },
  waiting: {
    ...NO_ANSWERS,
    ...NO_TIMERS,
    stop: (at) => stopped(at, [cancel('next')]),
    next: (at) => look(at, at.phase.seen),
  },
  claiming: {
    ...NO_ANSWERS,
    ...NO_TIMERS,
    stop: (at) => awaitAnswer(at, at.phase.epoch, []),
    claimed: onClaimed,
    // it may be ours all the same: nobody holds it, and it runs out like any other
    'claim-failed': (at, { error }) => wait(at, at.phase.seen, [{ kind: 'trouble', error }]),
  },
  holding: {
    ...NO_ANSWERS,
    ...NO_TIMERS,
    stop: (at) => release(at, at.phase.epoch, [cancel('next'), cancel('lease')]),
    next: (at) => renew(at, at.phase, []),
    lease: (at) => lose(at, 'lease-over'), // L4
  },
  renewing: {
    ...NO_ANSWERS,
    ...NO_TIMERS,
    stop: (at) => awaitAnswer(at, at.phase.epoch, [cancel('lease')]),
    renewed: onRenewed,
    'renew-failed': (at, { error }) => retryRenewal(at, error),
    lease: (at) => lose(at, 'lease-over'), // L4
  },
  // The released mark must not be overtaken by the renewal before it.
  stopping: {
    ...NO_ANSWERS,
    ...NO_TIMERS,
    stop: stay,
    claimed: (at, { outcome }) =>
      outcome === 'claimed' ? release(at, at.phase.epoch, []) : stopped(at, [cancel('limit')]),
    'claim-failed': (at) => stopped(at, [cancel('limit')]),
    renewed: (at) => release(at, at.phase.epoch, []),
    'renew-failed': (at) => release(at, at.phase.epoch, []),
    limit: (at) => stopped(at, []),
  },
  releasing: {
    ...NO_ANSWERS,
    ...NO_TIMERS,
    stop: stay,
    released: (at) => stopped(at, [cancel('limit')]),
    limit: (at) => stopped(at, []),
  },
  // a start that comes behind the stop is late, and no bug
  stopped: { ...NO_ANSWERS, ...NO_TIMERS, start: stay, stop: stay },
}

function onLooked(at: At<'looking'>, { look: found }: EventOf<'looked'>): LeadershipStep {
  const { seen } = at.phase
  const isSame = found.epoch === seen.epoch && found.mark === seen.mark
  const now: Seen = { epoch: found.epoch, mark: found.mark, sinceMs: isSame ? seen.sinceMs : at.nowMs }
  const isOver = isSame && found.startedMs - seen.sinceMs >= at.state.settings.leaseTimeoutMs
  if (found.epoch === 0 || found.state === 'released' || isOver) return claim(at, now) // L2
  return wait(at, now, [{ kind: 'leader', leader: found.leader }])
}

function onClaimed(at: At<'claiming'>, { outcome, startedMs }: EventOf<'claimed'>): LeadershipStep {
  const { epoch, seen } = at.phase
  if (outcome === 'taken') return look(at, seen, [])
  const heldUntilMs = startedMs + at.state.settings.leaseMs
  if (at.nowMs >= heldUntilMs) return look(at, { epoch, mark: '', sinceMs: at.nowMs }, []) // L1
  return renew(at, { epoch, heldUntilMs, counter: 0 }, [startTimer('lease', heldUntilMs), { kind: 'gained', epoch }])
}

function onRenewed(at: At<'renewing'>, { startedMs, newestEpoch }: EventOf<'renewed'>): LeadershipStep {
  const { epoch, heldUntilMs, counter } = at.phase
  if (newestEpoch !== epoch) return lose(at, newestEpoch > epoch ? 'superseded' : 'claim-gone')
  if (at.nowMs >= heldUntilMs) return lose(at, 'lease-over') // L1
  const { leaseMs, renewIntervalMs } = at.state.settings
  const held = { epoch, counter, heldUntilMs: startedMs + leaseMs }
  const timers = [startTimer('lease', held.heldUntilMs), startTimer('next', startedMs + renewIntervalMs)]
  return enter(at, { name: 'holding', ...held }, timers)
}

/** The lease goes on to run from the renewal before. */
function retryRenewal(at: At<'renewing'>, error: EngineError): LeadershipStep {
  const { epoch, counter, heldUntilMs } = at.phase
  const next = startTimer('next', at.nowMs + at.state.settings.renewIntervalMs * RETRY_SHARE)
  return enter(at, { name: 'holding', epoch, counter, heldUntilMs }, [{ kind: 'trouble', error }, next])
}

function enter(at: At, phase: LeadershipPhase, effects: readonly LeadershipEffect[]): LeadershipStep {
  return { state: { ...at.state, phase }, effects }
}

/** Enters a phase that waits for an answer of the storage. */
function ask(
  at: At,
  phase: LeadershipPhase,
  effectsOf: (operation: number) => readonly LeadershipEffect[],
): LeadershipStep {
  const operation = at.state.operation + 1
  return { state: { ...at.state, operation, phase }, effects: effectsOf(operation) }
}

function look(at: At, seen: Seen, before: readonly LeadershipEffect[] = []): LeadershipStep {
  return ask(at, { name: 'looking', seen }, (operation) => [...before, { kind: 'look', operation }])
}

function wait(at: At, seen: Seen, before: readonly LeadershipEffect[]): LeadershipStep {
  const next = startTimer('next', at.nowMs + at.state.settings.renewIntervalMs)
  return enter(at, { name: 'waiting', seen }, [...before, next])
}

function claim(at: At, seen: Seen): LeadershipStep {
  const epoch = leaderEpoch(seen.epoch + 1)
  return ask(at, { name: 'claiming', seen, epoch }, (operation) => [
    { kind: 'leader', leader: undefined },
    { kind: 'claim', operation, epoch },
  ])
}

function renew(at: At, { epoch, heldUntilMs, counter }: Held, before: readonly LeadershipEffect[]): LeadershipStep {
  const next = counter + 1
  return ask(at, { name: 'renewing', epoch, heldUntilMs, counter: next }, (operation) => [
    ...before,
    { kind: 'renew', operation, epoch, counter: next },
  ])
}

/** From here on a standby, which begins to look at once: who leads now is worth knowing. */
function lose(at: At<'holding' | 'renewing'>, reason: LostReason): LeadershipStep {
  const { epoch } = at.phase
  const seen = { epoch, mark: '', sinceMs: at.nowMs }
  return look(at, seen, [cancel('next'), cancel('lease'), { kind: 'lost', epoch, reason }])
}

/** Not held from here on. What is on its way to the storage is waited for, but not for ever. */
function awaitAnswer(at: At, epoch: LeaderEpoch, before: readonly LeadershipEffect[]): LeadershipStep {
  const limit = startTimer('limit', at.nowMs + at.state.settings.leaseMs)
  return enter(at, { name: 'stopping', epoch }, [...before, limit])
}

function release(at: At, epoch: LeaderEpoch, before: readonly LeadershipEffect[]): LeadershipStep {
  const limit = startTimer('limit', at.nowMs + at.state.settings.leaseMs)
  return ask(at, { name: 'releasing' }, (operation) => [...before, limit, { kind: 'release', operation, epoch }])
}

/** An answer that is still on its way is not waited for any more. */
function stopped(at: At, before: readonly LeadershipEffect[]): LeadershipStep {
  return ask(at, { name: 'stopped' }, () => [...before, { kind: 'stopped' }])
}

function startTimer(timer: TimerName, atMs: number): LeadershipEffect {
  return { kind: 'start-timer', timer, atMs }
}

function cancel(timer: TimerName): LeadershipEffect {
  return { kind: 'cancel-timer', timer }
}
