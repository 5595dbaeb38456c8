/** A checkpoint is being chosen, enumerators and sinks are prepared from it. No task of the regions that are on their way exists. */
import { GrowingMap } from '../../base/growing-map.ts'
import { attemptsOf, otherRegions, tasksIn } from '../job-regions.ts'
import type { At, Effect, EventOf, PhaseTable, Step } from '../job-state.ts'
import { onFailure, onJobFailure, onSlotLost, onUnexpectedStop, restartAll } from '../fail-over.ts'
import {
  closeNow,
  go,
  ignored,
  impossible,
  noteCapacity,
  noteDrained,
  noteSlotsMax,
  stay,
  suspend,
} from '../transitions.ts'

const noTasks = impossible('no task of these regions was deployed')
const suspended = ignored('checkpoints were suspended; this was on its way')

export const restoring: PhaseTable<'restoring'> = {
  start: ignored('started already'),
  stop: (at) => closeNow(at, 'stopped'),
  cancel: (at) => closeNow(at, 'canceled'),
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: ignored('the slots are there'),
  failure: onFailure,
  'job-failure': onJobFailure,
  'slot-lost': onSlotLost,
  deployed: noTasks,
  'slot-stopped': onSlotStopped,
  drained: noteDrained,
  finished: noTasks,
  committed: ignored('commits of periodic checkpoints are the business of the tasks'),
  acquired: impossible('acquired already'),
  restored: enterDeploying,
  'restore-widened': (at) => restartAll(at.core, tasksIn(at.core, otherRegions(at.core, at.phase.regions))),
  'checkpoint-published': suspended,
  'checkpoint-failed': suspended,
  'rescale-checkpoint': suspended,
  timer: ignored('timers of the phase before were cancelled'),
}

function enterDeploying(at: At<'restoring'>, event: EventOf<'restored'>): Step {
  const core = { ...at.core, restoredCheckpoint: event.restored?.checkpoint }
  const { regions } = at.phase
  return go(core, { name: 'deploying', regions, deployed: GrowingMap.of() }, [
    { kind: 'report', event: reportOf(at, event) },
    { kind: 'deploy', regions: attemptsOf(core, regions) },
    { kind: 'start-timer', timer: 'deploy', delayMs: core.facts.limits.deployTimeoutMs },
  ])
}

function onSlotStopped(at: At<'restoring'>, event: EventOf<'slot-stopped'>): Step {
  const isOther = attemptsOf(at.core, otherRegions(at.core, at.phase.regions)).some(
    ({ attempt }) => attempt === event.attempt,
  )
  return isOther ? onUnexpectedStop(at, event) : stay(at) // no task of this attempt exists
}

function reportOf(at: At<'restoring'>, event: EventOf<'restored'>): Extract<Effect, { kind: 'report' }>['event'] {
  if (event.restored === undefined) return { kind: 'started-fresh' }
  return { kind: 'restored', attempt: at.core.attempt, ...event.restored }
}
