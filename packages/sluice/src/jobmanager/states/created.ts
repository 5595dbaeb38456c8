/** Nothing was started yet. */
import type { PhaseTable } from '../job-state.ts'
import { end, enterRestoring, impossible } from '../transitions.ts'

const nothingStarted = impossible('no effect was asked for that could give this event')

export const created: PhaseTable<'created'> = {
  start: (at) => enterRestoring(at.core),
  stop: (at) => end(at.core, 'stopped'),
  cancel: (at) => end(at.core, 'canceled'),
  restored: nothingStarted,
  acquired: nothingStarted,
  deployed: nothingStarted,
  drained: nothingStarted,
  finished: nothingStarted,
  committed: nothingStarted,
  'checkpoint-published': nothingStarted,
  'checkpoint-failed': nothingStarted,
  failure: nothingStarted,
  'slot-lost': nothingStarted,
  'slot-stopped': nothingStarted,
  timer: nothingStarted,
}
