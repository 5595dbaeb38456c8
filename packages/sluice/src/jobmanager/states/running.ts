/** All tasks run, checkpoints are taken. */
import { taskCount } from '../job-regions.ts'
import type { At, EventOf, PhaseTable, Step } from '../job-state.ts'
import { onRescaleCheckpoint, planRescale } from '../rescale.ts'
import { onFailure, onJobFailure, onSlotLost, onUnexpectedStop } from '../fail-over.ts'
import { closeNow, enterFinishing, go, ignored, impossible, noCommits, stay, suspend } from '../transitions.ts'

const notTriggered = impossible('neither a final checkpoint nor that of a stop was triggered')

export const running: PhaseTable<'running'> = {
  start: ignored('started already'),
  stop: onStop,
  cancel: (at) => closeNow(at, 'canceled'),
  suspend,
  'slots-max': (at, event) => planRescale({ ...at.core, slotsMax: event.slots }, at.phase.rescale, 'now'),
  capacity: (at, event) => planRescale({ ...at.core, available: event.slots }, at.phase.rescale, 'delayed'),
  waiting: ignored('the slots are there'),
  failure: onFailure,
  'job-failure': onJobFailure,
  'slot-lost': onSlotLost,
  deployed: impossible('all slots were deployed, each says so once'),
  'slot-stopped': onUnexpectedStop,
  drained: onDrained,
  finished: impossible('no task was told to finish'),
  committed: ignored('commits of periodic checkpoints are the business of the tasks'),
  acquired: impossible('acquired already'),
  restored: impossible('restored already'),
  'restore-widened': impossible('restored already'),
  'checkpoint-published': notTriggered,
  'checkpoint-failed': notTriggered,
  'rescale-checkpoint': onRescaleCheckpoint,
  timer: onTimer,
}

function onStop(at: At<'running'>): Step {
  if (at.core.facts.checkpointing === 'off') return closeNow(at, 'stopped')
  return go(at.core, { name: 'stopping', commits: noCommits() }, [{ kind: 'trigger-checkpoint', reason: 'stop' }])
}

function onDrained(at: At<'running'>, event: EventOf<'drained'>): Step {
  const core = { ...at.core, drained: at.core.drained.with(event.task, true) }
  if (core.drained.size < taskCount(core)) return go(core, at.phase)
  if (core.facts.checkpointing === 'off') return enterFinishing(core) // J4
  const phase = { name: 'draining', checkpoint: 'under-way', failedCount: 0, commits: noCommits() } as const
  return go(core, phase, [{ kind: 'trigger-checkpoint', reason: 'final' }])
}

function onTimer(at: At<'running'>, event: EventOf<'timer'>): Step {
  return event.timer === 'scale-up' ? planRescale(at.core, 'none', 'now') : stay(at)
}
