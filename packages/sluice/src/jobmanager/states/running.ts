/** Tasks run, checkpoints are taken. */
import type { At, EventOf, PhaseTable, Step } from '../job-state.ts'
import {
  NO_COMMITS,
  close,
  enterFinishing,
  failOver,
  go,
  ignored,
  impossible,
  lossOf,
  unexpectedStop,
  withMember,
  without,
} from '../transitions.ts'

const notTriggered = impossible('neither a final checkpoint nor that of a stop was triggered')

export const running: PhaseTable<'running'> = {
  start: ignored('started already'),
  stop: onStop,
  cancel: (at) => close(at.core, { outcome: 'canceled', live: at.core.facts.slots }),
  restored: impossible('restored already'),
  acquired: impossible('acquired already'),
  deployed: impossible('all slots were deployed, each says so once'),
  drained: onDrained,
  finished: impossible('no task was told to finish'),
  committed: ignored('commits of periodic checkpoints are the business of the tasks'),
  'checkpoint-published': notTriggered,
  'checkpoint-failed': notTriggered,
  failure: (at, event) => failOver(at, event.failure, at.core.facts.slots),
  'slot-lost': (at, event) => failOver(at, lossOf(event), without(at.core.facts.slots, event.slot)),
  'slot-stopped': (at, event) =>
    failOver(at, unexpectedStop(at.phase.name, event.slot), without(at.core.facts.slots, event.slot)),
  timer: ignored('this phase has no timer'),
}

function onStop(at: At<'running'>): Step {
  const { facts } = at.core
  if (facts.checkpointing === 'off') return close(at.core, { outcome: 'stopped', live: facts.slots })
  return go(at.core, { name: 'stopping', commits: NO_COMMITS }, [{ kind: 'trigger-checkpoint', reason: 'stop' }])
}

function onDrained(at: At<'running'>, event: EventOf<'drained'>): Step {
  const drained = withMember(at.phase.drained, event.task)
  if (drained.size < at.core.facts.tasks.length) return go(at.core, { ...at.phase, drained })
  if (at.core.facts.checkpointing === 'off') return enterFinishing(at.core) // J4
  const phase = { name: 'draining', checkpoint: 'under-way', failedCount: 0, commits: NO_COMMITS } as const
  return go(at.core, phase, [{ kind: 'trigger-checkpoint', reason: 'final' }])
}
