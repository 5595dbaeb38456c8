/** The slots' threads are starting. No task of the regions that are on their way exists. */
import { GrowingMap } from '../../base/growing-map.ts'
import { allRegions, attemptsOf, otherRegions } from '../job-regions.ts'
import type { At, Effect, EventOf, JobCore, PhaseTable, SlotTasks, Step, TaskKey } from '../job-state.ts'
import { slotIndex } from '../../base/ids.ts'
import { failOver, onFailure, onJobFailure, onSlotLost, onUnexpectedStop, restartAll } from '../fail-over.ts'
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
  timeoutFailure,
} from '../transitions.ts'

const noTasks = impossible('no task of these regions was deployed')
const suspended = ignored('checkpoints were suspended; this was on its way')

export const acquiring: PhaseTable<'acquiring'> = {
  start: ignored('started already'),
  stop: (at) => closeNow(at, 'stopped'),
  cancel: (at) => closeNow(at, 'canceled'),
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: onWaiting,
  failure: onFailure,
  'job-failure': onJobFailure,
  'slot-lost': onSlotLost,
  deployed: noTasks,
  'slot-stopped': onSlotStopped,
  drained: noteDrained,
  finished: noTasks,
  committed: ignored('commits of periodic checkpoints are the business of the tasks'),
  acquired: onAcquired,
  restored: impossible('nothing was asked of the storage yet'),
  'restore-widened': impossible('nothing was asked of the storage yet'),
  'checkpoint-published': suspended,
  'checkpoint-failed': suspended,
  'rescale-checkpoint': suspended,
  timer: onTimer,
}

/** The pool has limits of its own while it waits for what is not there yet. */
function onWaiting(at: At<'acquiring'>, { message }: EventOf<'waiting'>): Step {
  return go(at.core, at.phase, [
    { kind: 'cancel-timers' },
    { kind: 'report', event: { kind: 'waiting-for-slots', message } },
  ])
}

function onAcquired(at: At<'acquiring'>, { scale, available }: EventOf<'acquired'>): Step {
  const { regions } = at.phase
  const before = at.core.scale?.slotCount
  const isSame = before === scale.slotCount
  const core = { ...at.core, scale, available, drained: isSame ? at.core.drained : GrowingMap.of<TaskKey, true>() }
  const reports = rescaleReports(before ?? at.core.facts.slotsWanted, scale.slotCount)
  const others = otherRegions(core, regions)
  if (others.size > 0 && !isSame) return widen(core, reports)
  return go(core, { name: 'restoring', regions }, [
    { kind: 'cancel-timers' },
    ...reports,
    { kind: 'restore', regions: attemptsOf(core, regions) },
  ])

  /** Slots may have other numbers now: whoever goes on is told to end wherever it is. */
  function widen(scaled: JobCore, effects: readonly Effect[]): Step {
    const slots = Array.from({ length: scale.slotCount }, (_, index) => slotIndex(index))
    const alive = attemptsOf(scaled, others).flatMap(({ attempt }): SlotTasks[] =>
      slots.map((slot) => ({ attempt, slot })),
    )
    const next = restartAll(scaled, alive)
    return { state: next.state, effects: [...effects, ...next.effects] }
  }
}

/** At another scale there are other tasks. */

function rescaleReports(from: number, to: number): readonly Effect[] {
  return from === to ? [] : [{ kind: 'report', event: { kind: 'rescaled', from, to } }]
}

function onSlotStopped(at: At<'acquiring'>, event: EventOf<'slot-stopped'>): Step {
  const isOther = attemptsOf(at.core, otherRegions(at.core, at.phase.regions)).some(
    ({ attempt }) => attempt === event.attempt,
  )
  return isOther ? onUnexpectedStop(at, event) : stay(at) // no task of this attempt exists
}

/** The slots are given up, and with them all tasks that went on in them. */
function onTimer(at: At<'acquiring'>, event: EventOf<'timer'>): Step {
  if (event.timer !== 'acquire') return stay(at)
  const failure = timeoutFailure(timeoutWords(at))
  const next = failOver(at, { failure, attempt: at.core.attempt, regions: allRegions(at.core), alive: [] })
  return { state: next.state, effects: [{ kind: 'release-slots' }, ...next.effects] }
}

function timeoutWords(at: At<'acquiring'>): string {
  const { facts, scale } = at.core
  return `${scale?.slotCount ?? facts.slotsWanted} slots of job "${facts.jobName}" were not ready within ${facts.limits.acquireTimeoutMs} ms. Their threads are ended and the job restarts. Look for code at the top level of the job module that waits or runs for long.`
}
