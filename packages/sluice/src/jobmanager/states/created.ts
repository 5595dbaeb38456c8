/** Nothing was started yet. */
import { allRegions } from '../job-regions.ts'
import type { PhaseTable } from '../job-state.ts'
import { end, enterAcquiring, ignored, impossible, noteCapacity, noteSlotsMax, suspend } from '../transitions.ts'

const nothingStarted = impossible('no effect was asked for that could give this event')

export const created: PhaseTable<'created'> = {
  start: (at) => enterAcquiring(at.core, allRegions(at.core)),
  stop: (at) => end(at.core, 'stopped'),
  cancel: (at) => end(at.core, 'canceled'),
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: ignored('the pool was not asked for slots'),
  failure: nothingStarted,
  'job-failure': nothingStarted,
  'slot-lost': nothingStarted,
  deployed: nothingStarted,
  'slot-stopped': nothingStarted,
  drained: nothingStarted,
  finished: nothingStarted,
  committed: nothingStarted,
  acquired: nothingStarted,
  restored: nothingStarted,
  'restore-widened': nothingStarted,
  'checkpoint-published': nothingStarted,
  'checkpoint-failed': nothingStarted,
  'rescale-checkpoint': nothingStarted,
  timer: nothingStarted,
}
