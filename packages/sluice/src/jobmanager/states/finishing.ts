/** Everything is committed (or, without checkpoints, about to be): tasks were told to end. */
import { allRegions, attemptIn, taskCount, withoutSlot, withoutTasks } from '../job-regions.ts'
import type { At, EventOf, PhaseTable, Step } from '../job-state.ts'
import { type Loss, failOver } from '../fail-over.ts'
import {
  close,
  closeNow,
  end,
  go,
  ignored,
  impossible,
  lossOf,
  noteCapacity,
  noteSlotsMax,
  stay,
  suspend,
} from '../transitions.ts'

export const finishing: PhaseTable<'finishing'> = {
  start: ignored('started already'),
  stop: (at) => go(at.core, { ...at.phase, onFailure: 'stop' }), // J6
  cancel: (at) => closeNow(at, 'canceled'),
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: ignored('the slots are there'),
  restored: impossible('restored already'),
  'restore-widened': impossible('restored already'),
  acquired: impossible('acquired already'),
  deployed: impossible('all slots were deployed, each says so once'),
  drained: ignored('all tasks have drained'),
  finished: onFinished,
  committed: ignored('what had to be committed is'),
  'checkpoint-published': ignored('a checkpoint is not needed any more'),
  'checkpoint-failed': ignored('a checkpoint is not needed any more'),
  'rescale-checkpoint': ignored('a checkpoint is not needed any more'),
  failure: (at, event) => fail(at, { ...event, alive: at.phase.waiting }),
  'job-failure': (at, { failure }) => fail(at, { failure, attempt: at.core.attempt, alive: at.phase.waiting }),
  'slot-lost': onSlotLost,
  'slot-stopped': onSlotStopped,
  timer: ignored('this phase has no timer'),
}

/** From here the job has done what it was started for; what is left are threads. */
function onFinished(at: At<'finishing'>, event: EventOf<'finished'>): Step {
  const finished = at.phase.finished.with(event.task, true)
  if (finished.size < taskCount(at.core)) return go(at.core, { ...at.phase, finished })
  return closeNow(at, 'finished')
}

function onSlotStopped(at: At<'finishing'>, event: EventOf<'slot-stopped'>): Step {
  const waiting = withoutTasks(at.phase.waiting, event)
  return waiting.length === 0 ? end(at.core, 'finished') : go(at.core, { ...at.phase, waiting })
}

function onSlotLost(at: At<'finishing'>, event: EventOf<'slot-lost'>): Step {
  const alive = withoutSlot(at.phase.waiting, event.slot)
  if (alive.length === at.phase.waiting.length) return stay(at)
  return fail(at, { failure: lossOf(event), attempt: attemptIn(at.core, event.slot), alive })
}

function fail(at: At<'finishing'>, loss: Omit<Loss, 'regions'>): Step {
  if (at.phase.onFailure === 'stop') return close(at.core, { outcome: 'stopped', alive: loss.alive })
  return failOver(at, { ...loss, regions: allRegions(at.core) })
}
