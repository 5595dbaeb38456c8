/**
 * The ways out of serving a leader, and the steps that all parts of the machine are made of (task-manager-machine.ts).
 *
 * Owns: in which order a connection, timers and slots end.
 */
import type { ErrorData } from '../base/errors.ts'
import { taskManagerStops } from './task-manager-errors.ts'
import type { At, Effect, Step, TaskManagerCore, TaskManagerPhase } from './task-manager-state.ts'

export type Leased = At<'checking'> | At<'serving'>

/** T1. One that is lost before it could be served counts as a failure: a pause follows that grows. */
export function loseLeader(core: TaskManagerCore, { name, target }: Leased['phase'], error: ErrorData): Step {
  const failedRounds = name === 'serving' ? core.failedRounds : core.failedRounds + 1
  return go({ ...core, failedRounds }, { name: 'clearing' }, [
    { kind: 'destroy' },
    { kind: 'cancel-timers' },
    { kind: 'end-slots', error, lost: target.address },
    { kind: 'set-timer', timer: 'limit', delayMs: core.limits.slotsEndTimeoutMs },
  ])
}

/** Says so, ends the slots, then itself. */
export function leave(core: TaskManagerCore, error: ErrorData | undefined): Step {
  const reason = error ?? taskManagerStops()
  return go(core, { name: 'leaving', error }, [
    { kind: 'cancel-timers' },
    { kind: 'send', message: { kind: 'leaving', reason: reason.message } },
    { kind: 'end-slots', error: reason, lost: undefined },
    { kind: 'set-timer', timer: 'limit', delayMs: core.limits.slotsEndTimeoutMs },
  ])
}

export function end(core: TaskManagerCore, error: ErrorData | undefined): Step {
  return go(core, { name: 'ended', error }, [
    { kind: 'cancel-timers' },
    { kind: 'close' },
    { kind: 'tell', event: { kind: 'ended', error } },
    { kind: 'end', error },
  ])
}

export function go(core: TaskManagerCore, phase: TaskManagerPhase, effects: readonly Effect[] = []): Step {
  return { state: { core, phase }, effects }
}

export function stay(at: { readonly core: TaskManagerCore; readonly phase: TaskManagerPhase }): Step {
  return go(at.core, at.phase)
}

export function behind(effects: readonly Effect[], next: Step): Step {
  return { state: next.state, effects: [...effects, ...next.effects] }
}
