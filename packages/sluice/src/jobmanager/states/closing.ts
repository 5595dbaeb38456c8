/** The outcome is known; the tasks that are still alive are being ended. */
import { ERROR_CODES } from '../../base/error-codes.ts'
import { withoutSlot, withoutTasks } from '../job-regions.ts'
import type { At, EventOf, PhaseTable, SlotTasks, Step } from '../job-state.ts'
import { killWaiting, withoutKilled } from '../fail-over.ts'
import { end, go, ignored, noteCapacity, noteSlotsMax, stay, suspend } from '../transitions.ts'

const overtaken = ignored('the attempt is over; this was on its way')
const decided = ignored('the outcome is decided')

export const closing: PhaseTable<'closing'> = {
  start: ignored('started already'),
  stop: decided,
  cancel: decided,
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: decided,
  restored: overtaken,
  'restore-widened': overtaken,
  acquired: overtaken,
  deployed: overtaken,
  drained: overtaken,
  finished: overtaken,
  committed: overtaken,
  'checkpoint-published': overtaken,
  'checkpoint-failed': overtaken,
  'rescale-checkpoint': overtaken,
  failure: onFailure,
  'job-failure': decided,
  'slot-lost': (at, event) => endIfGone(at, withoutSlot(at.phase.waiting, event.slot)),
  'slot-stopped': (at, event) => endIfGone(at, withoutTasks(at.phase.waiting, event)),
  timer: onTimer,
}

/** Nothing depends on tasks that end, and cancelled ones may fail in many ways; but what a function of the user's own did wrong in its `close` is told. */
function onFailure(at: At<'closing'>, { failure }: EventOf<'failure'>): Step {
  if (ERROR_CODES[failure.error.code].domain !== 'user') return stay(at)
  return go(at.core, at.phase, [{ kind: 'report', event: { kind: 'failure-merged', failure } }])
}

function onTimer(at: At<'closing'>, event: EventOf<'timer'>): Step {
  if (event.timer === 'cancellation') return killWaiting(at)
  if (event.timer === 'kill-grace') return endIfGone(at, withoutKilled(at.phase))
  return stay(at)
}

function endIfGone(at: At<'closing'>, waiting: readonly SlotTasks[]): Step {
  const { outcome, error } = at.phase
  return waiting.length === 0 ? end(at.core, outcome, error) : go(at.core, { ...at.phase, waiting })
}
