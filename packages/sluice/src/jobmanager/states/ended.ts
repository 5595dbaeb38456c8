/** Nothing is alive any more; whatever still arrives was on its way. */
import type { PhaseTable } from '../job-state.ts'
import { ignored } from '../transitions.ts'

const over = ignored('the job is over')

export const ended: PhaseTable<'ended'> = {
  start: over,
  stop: over,
  cancel: over,
  suspend: over,
  'slots-max': over,
  capacity: over,
  waiting: over,
  restored: over,
  'restore-widened': over,
  acquired: over,
  deployed: over,
  drained: over,
  finished: over,
  committed: over,
  'checkpoint-published': over,
  'checkpoint-failed': over,
  'rescale-checkpoint': over,
  failure: over,
  'job-failure': over,
  'slot-lost': over,
  'slot-stopped': over,
  timer: over,
}
