/** No task exists; a checkpoint is being chosen, enumerators and sinks are prepared from it. */
import type { At, Effect, EventOf, PhaseTable, Step } from '../job-state.ts'
import { close, failOver, go, ignored, impossible } from '../transitions.ts'

const noTasks = impossible('no task of this attempt exists')

export const restoring: PhaseTable<'restoring'> = {
  start: ignored('started already'),
  stop: (at) => close(at.core, { outcome: 'stopped', live: [] }),
  cancel: (at) => close(at.core, { outcome: 'canceled', live: [] }),
  restored: enterAcquiring,
  acquired: impossible('slots were not asked for'),
  deployed: noTasks,
  drained: noTasks,
  finished: noTasks,
  committed: noTasks,
  'checkpoint-published': noTasks,
  'checkpoint-failed': noTasks,
  failure: (at, event) => failOver(at, event.failure, []),
  'slot-lost': ignored('acquiring starts it anew'),
  'slot-stopped': ignored('no task of this attempt exists'),
  timer: ignored('timers of the attempt before were cancelled'),
}

function enterAcquiring(at: At<'restoring'>, event: EventOf<'restored'>): Step {
  const core = { ...at.core, restoredCheckpoint: event.restored?.checkpoint }
  return go(core, { name: 'acquiring' }, [
    { kind: 'report', event: reportOf(at, event) },
    { kind: 'acquire-slots' },
    { kind: 'start-timer', timer: 'acquire', delayMs: core.facts.limits.acquireTimeoutMs },
  ])
}

function reportOf(at: At<'restoring'>, event: EventOf<'restored'>): Extract<Effect, { kind: 'report' }>['event'] {
  if (event.restored === undefined) return { kind: 'started-fresh' }
  return { kind: 'restored', attempt: at.core.attempt, ...event.restored }
}
