/** The tasks of the failed attempt are being ended while the back-off runs. */
import { isBeyondRestart } from '../failure.ts'
import type { At, EventOf, PhaseTable, Step } from '../job-state.ts'
import {
  closeInstead,
  ignored,
  killWaiting,
  lossOf,
  mergeFailure,
  restartIfReady,
  stay,
  without,
} from '../transitions.ts'

const overtaken = ignored('the attempt is over; this was on its way')

export const restarting: PhaseTable<'restarting'> = {
  start: ignored('started already'),
  stop: (at) => closeInstead(at.core, { outcome: 'stopped', live: at.phase.waiting }), // J6
  cancel: (at) => closeInstead(at.core, { outcome: 'canceled', live: at.phase.waiting }),
  restored: overtaken,
  acquired: overtaken,
  deployed: overtaken,
  drained: overtaken,
  finished: overtaken,
  committed: overtaken,
  'checkpoint-published': overtaken,
  'checkpoint-failed': overtaken,
  failure: (at, event) => mergeFailure(at, event.failure),
  'slot-lost': onSlotLost,
  'slot-stopped': onSlotGone,
  timer: onTimer,
}

/** A thread that cannot be ended is one that nothing may be started beside (J1). */
function onSlotLost(at: At<'restarting'>, event: EventOf<'slot-lost'>): Step {
  if (!isBeyondRestart(event.error)) return onSlotGone(at, event)
  const phase = { ...at.phase, waiting: without(at.phase.waiting, event.slot) }
  return mergeFailure({ ...at, phase }, lossOf(event))
}

function onSlotGone(at: At<'restarting'>, event: EventOf<'slot-lost'> | EventOf<'slot-stopped'>): Step {
  return restartIfReady(at.core, { ...at.phase, waiting: without(at.phase.waiting, event.slot) })
}

function onTimer(at: At<'restarting'>, event: EventOf<'timer'>): Step {
  if (event.timer === 'backoff') return restartIfReady(at.core, { ...at.phase, backoff: 'over' })
  if (event.timer === 'cancellation') return killWaiting(at)
  if (event.timer === 'kill-grace') return restartIfReady(at.core, { ...at.phase, waiting: new Set() })
  return stay(at)
}
