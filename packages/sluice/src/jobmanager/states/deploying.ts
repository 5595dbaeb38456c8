/** The slots build their tasks and read their state. */
import type { At, EventOf, PhaseTable, Step } from '../job-state.ts'
import {
  close,
  failOver,
  go,
  ignored,
  impossible,
  lossOf,
  unexpectedStop,
  withMember,
  without,
} from '../transitions.ts'

const notStarted = impossible('tasks were not started')

export const deploying: PhaseTable<'deploying'> = {
  start: ignored('started already'),
  stop: (at) => close(at.core, { outcome: 'stopped', live: at.core.facts.slots }),
  cancel: (at) => close(at.core, { outcome: 'canceled', live: at.core.facts.slots }),
  restored: impossible('restored already'),
  acquired: impossible('acquired already'),
  deployed: onDeployed,
  drained: notStarted,
  finished: notStarted,
  committed: ignored('a restored sink commits again when it opens'),
  'checkpoint-published': notStarted,
  'checkpoint-failed': notStarted,
  failure: (at, event) => failOver(at, event.failure, at.core.facts.slots),
  'slot-lost': (at, event) => failOver(at, lossOf(event), without(at.core.facts.slots, event.slot)),
  'slot-stopped': (at, event) =>
    failOver(at, unexpectedStop(at.phase.name, event.slot), without(at.core.facts.slots, event.slot)),
  timer: ignored('this phase has no timer'),
}

function onDeployed(at: At<'deploying'>, event: EventOf<'deployed'>): Step {
  const deployed = withMember(at.phase.deployed, event.slot)
  if (deployed.size < at.core.facts.slots.length) return go(at.core, { ...at.phase, deployed })
  return go(at.core, { name: 'running', drained: new Set() }, [
    { kind: 'start-tasks' },
    { kind: 'open-sources' },
    { kind: 'resume-checkpoints' }, // J7
  ])
}
