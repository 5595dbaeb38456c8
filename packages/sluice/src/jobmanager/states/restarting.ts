/** The tasks of the failed attempt are being ended while the back-off runs. */
import { isBeyondRestart } from '../failure.ts'
import {
  allRegions,
  attemptIn,
  minus,
  otherRegions,
  regionOf,
  regionsIn,
  withoutSlot,
  withoutTasks,
} from '../job-regions.ts'
import type { At, EventOf, PhaseTable, RegionIndex, Step } from '../job-state.ts'
import { killWaiting, mergeFailure, restartIfReady, withoutKilled } from '../fail-over.ts'
import {
  closeInstead,
  ignored,
  lossOf,
  noteCapacity,
  noteDrained,
  noteSlotsMax,
  stay,
  suspend,
  unexpectedStop,
} from '../transitions.ts'

const overtaken = ignored('the attempt is over; this was on its way')

export const restarting: PhaseTable<'restarting'> = {
  start: ignored('started already'),
  stop: (at) => closeInstead(at, 'stopped'), // J6
  cancel: (at) => closeInstead(at, 'canceled'),
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: overtaken,
  restored: overtaken,
  'restore-widened': overtaken,
  acquired: overtaken,
  deployed: overtaken,
  drained: onDrained,
  finished: overtaken,
  committed: overtaken,
  'checkpoint-published': overtaken,
  'checkpoint-failed': overtaken,
  'rescale-checkpoint': overtaken,
  failure: onFailure,
  'job-failure': onJobFailure,
  'slot-lost': onSlotLost,
  'slot-stopped': onSlotStopped,
  timer: onTimer,
}

/** Only of regions that go on is it news. */
function onDrained(at: At<'restarting'>, event: EventOf<'drained'>): Step {
  return isOther(at, regionOf(at.core, event.attempt)) ? noteDrained(at, event) : stay(at)
}

function onFailure(at: At<'restarting'>, { failure, attempt }: EventOf<'failure'>): Step {
  return mergeFailure(at, { failure, attempt, regions: setOf(regionOf(at.core, attempt)) })
}

function onJobFailure(at: At<'restarting'>, { failure }: EventOf<'job-failure'>): Step {
  return mergeFailure(at, { failure, attempt: at.core.attempt, regions: allRegions(at.core) })
}

/**
 * A thread that cannot be ended is one that nothing may be started beside (J1). The loss of slots that are being ended is what was waited
 * for; of what else ran in them it is a failure.
 */
function onSlotLost(at: At<'restarting'>, event: EventOf<'slot-lost'>): Step {
  const phase = { ...at.phase, waiting: withoutSlot(at.phase.waiting, event.slot) }
  const regions = regionsIn(at.core, event.slot)
  const isNews = isBeyondRestart(event.error) || minus(regions, at.phase.regions).size > 0
  if (!isNews) return restartIfReady(at.core, phase)
  return mergeFailure(
    { ...at, phase },
    { failure: lossOf(event), attempt: attemptIn(at.core, event.slot), regions },
    event.slot,
  )
}

function onSlotStopped(at: At<'restarting'>, event: EventOf<'slot-stopped'>): Step {
  const region = regionOf(at.core, event.attempt)
  if (!isOther(at, region))
    return restartIfReady(at.core, { ...at.phase, waiting: withoutTasks(at.phase.waiting, event) })
  const failure = unexpectedStop('running', event.slot)
  return mergeFailure(at, { failure, attempt: event.attempt, regions: setOf(region) })
}

/** Whether it is a region that goes on meanwhile. */
function isOther(at: At<'restarting'>, region: RegionIndex | undefined): boolean {
  return region !== undefined && otherRegions(at.core, at.phase.regions).has(region)
}

function setOf(region: RegionIndex | undefined): ReadonlySet<RegionIndex> {
  return new Set(region === undefined ? [] : [region])
}

function onTimer(at: At<'restarting'>, event: EventOf<'timer'>): Step {
  if (event.timer === 'backoff') return restartIfReady(at.core, { ...at.phase, backoff: 'over' })
  if (event.timer === 'cancellation') return killWaiting(at)
  if (event.timer === 'kill-grace') return restartIfReady(at.core, { ...at.phase, waiting: withoutKilled(at.phase) })
  return stay(at)
}
