/** The outcome is known; the tasks that are still alive are being ended. */
import type { SlotIndex } from '../../base/ids.ts'
import type { At, EventOf, PhaseTable, Step } from '../job-state.ts'
import { end, go, ignored, killWaiting, stay, without } from '../transitions.ts'

const overtaken = ignored('the attempt is over; this was on its way')
const decided = ignored('the outcome is decided')

export const closing: PhaseTable<'closing'> = {
  start: ignored('started already'),
  stop: decided,
  cancel: decided,
  restored: overtaken,
  acquired: overtaken,
  deployed: overtaken,
  drained: overtaken,
  finished: overtaken,
  committed: overtaken,
  'checkpoint-published': overtaken,
  'checkpoint-failed': overtaken,
  failure: ignored('tasks that are cancelled may fail; nothing depends on them any more'),
  'slot-lost': onSlotGone,
  'slot-stopped': onSlotGone,
  timer: onTimer,
}

function onSlotGone(at: At<'closing'>, event: EventOf<'slot-lost'> | EventOf<'slot-stopped'>): Step {
  return endIfGone(at, without(at.phase.waiting, event.slot))
}

function onTimer(at: At<'closing'>, event: EventOf<'timer'>): Step {
  if (event.timer === 'cancellation') return killWaiting(at)
  if (event.timer === 'kill-grace') return endIfGone(at, new Set())
  return stay(at)
}

function endIfGone(at: At<'closing'>, waiting: ReadonlySet<SlotIndex>): Step {
  const { outcome, error } = at.phase
  return waiting.size === 0 ? end(at.core, outcome, error) : go(at.core, { ...at.phase, waiting })
}
