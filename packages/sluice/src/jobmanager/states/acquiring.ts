/** No task exists; the slots' threads are starting. */
import type { At, EventOf, PhaseTable, Step } from '../job-state.ts'
import { close, failOver, go, ignored, impossible, lossOf, stay, timeoutFailure } from '../transitions.ts'

const noTasks = impossible('nothing was deployed')

export const acquiring: PhaseTable<'acquiring'> = {
  start: ignored('started already'),
  stop: (at) => close(at.core, { outcome: 'stopped', live: [] }),
  cancel: (at) => close(at.core, { outcome: 'canceled', live: [] }),
  restored: impossible('restored already'),
  acquired: (at) =>
    go(at.core, { name: 'deploying', deployed: new Set() }, [{ kind: 'cancel-timers' }, { kind: 'deploy' }]),
  deployed: noTasks,
  drained: noTasks,
  finished: noTasks,
  committed: noTasks,
  'checkpoint-published': noTasks,
  'checkpoint-failed': noTasks,
  failure: (at, event) => failOver(at, event.failure, []),
  'slot-lost': (at, event) => failOver(at, lossOf(event), []),
  'slot-stopped': ignored('no task of this attempt exists'),
  timer: onTimer,
}

function onTimer(at: At<'acquiring'>, event: EventOf<'timer'>): Step {
  if (event.timer !== 'acquire') return stay(at)
  const next = failOver(at, timeoutFailure(timeoutWords(at)), [])
  return { state: next.state, effects: [{ kind: 'release-slots' }, ...next.effects] }
}

function timeoutWords(at: At<'acquiring'>): string {
  const { facts } = at.core
  return `${facts.slots.length} slots of job "${facts.jobName}" were not ready within ${facts.limits.acquireTimeoutMs} ms. Their threads are ended and the job restarts. Look for code at the top level of the job module that waits or runs for long.`
}
