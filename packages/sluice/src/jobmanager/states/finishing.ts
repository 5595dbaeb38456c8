/** Everything is committed (or, without checkpoints, about to be): tasks were told to end. */
import type { SlotIndex } from '../../base/ids.ts'
import type { JobFailure } from '../job-events.ts'
import type { At, EventOf, PhaseTable, Step } from '../job-state.ts'
import { close, end, failOver, go, ignored, impossible, lossOf, stay, withMember, without } from '../transitions.ts'

export const finishing: PhaseTable<'finishing'> = {
  start: ignored('started already'),
  stop: (at) => go(at.core, { ...at.phase, onFailure: 'stop' }), // J6
  cancel: (at) => close(at.core, { outcome: 'canceled', live: at.phase.waiting }),
  restored: impossible('restored already'),
  acquired: impossible('acquired already'),
  deployed: impossible('all slots were deployed, each says so once'),
  drained: ignored('all tasks have drained'),
  finished: onFinished,
  committed: ignored('what had to be committed is'),
  'checkpoint-published': ignored('a checkpoint is not needed any more'),
  'checkpoint-failed': ignored('a checkpoint is not needed any more'),
  failure: (at, event) => fail(at, event.failure, at.phase.waiting),
  'slot-lost': onSlotLost,
  'slot-stopped': onSlotStopped,
  timer: ignored('this phase has no timer'),
}

/** From here the job has done what it was started for; what is left are threads. */
function onFinished(at: At<'finishing'>, event: EventOf<'finished'>): Step {
  const finished = withMember(at.phase.finished, event.task)
  if (finished.size < at.core.facts.tasks.length) return go(at.core, { ...at.phase, finished })
  return close(at.core, { outcome: 'finished', live: at.phase.waiting })
}

function onSlotStopped(at: At<'finishing'>, event: EventOf<'slot-stopped'>): Step {
  const waiting = without(at.phase.waiting, event.slot)
  return waiting.size === 0 ? end(at.core, 'finished') : go(at.core, { ...at.phase, waiting })
}

function onSlotLost(at: At<'finishing'>, event: EventOf<'slot-lost'>): Step {
  if (!at.phase.waiting.has(event.slot)) return stay(at)
  return fail(at, lossOf(event), without(at.phase.waiting, event.slot))
}

function fail(at: At<'finishing'>, failure: JobFailure, live: Iterable<SlotIndex>): Step {
  if (at.phase.onFailure === 'stop') return close(at.core, { outcome: 'stopped', live })
  return failOver(at, failure, live)
}
