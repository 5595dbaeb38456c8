/**
 * How attempts end that did not end by themselves: failing over, restarting on purpose, and what happens while tasks are being ended.
 *
 * Owns: the order of effects of a restart, and which regions are part of it (docs/spec/job-lifecycle.md, "Failing over"; docs/spec/regions.md).
 */
import { present } from '../base/assert.ts'
import type { AttemptNumber, SlotIndex } from '../base/ids.ts'
import { type GiveUpReason, giveUpError, isBeyondRestart, noteFailure, noteMerged } from './failure.ts'
import type { FailureRecord, JobFailure } from './job-events.ts'
import {
  aliveNow,
  allRegions,
  attemptIn,
  attemptsOf,
  minus,
  regionOf,
  regionsIn,
  regionsUnderWay,
  renumber,
  slotsOf,
  tasksIn,
  union,
  withoutSlot,
  withoutTasks,
} from './job-regions.ts'
import type { At, Effect, EventOf, JobCore, Moment, Phase, RegionIndex, SlotTasks, Step } from './job-state.ts'
import { type RestartVerdict, decide } from './restart-strategy.ts'
import {
  go,
  stay,
  enterAcquiring,
  letGo,
  close,
  closeInstead,
  cancelTasks,
  endRegions,
  lossOf,
  unexpectedStop,
} from './transitions.ts'

type AtAny = { readonly core: JobCore; readonly phase: Phase; readonly moment: Moment }

/** What failed, and what is left. */
export interface Loss {
  readonly failure: JobFailure
  /** Of the failure; the newest where it is of no region. */
  readonly attempt: AttemptNumber
  /** Regions that cannot go on. */
  readonly regions: ReadonlySet<RegionIndex>
  /** All tasks of the job that are still alive. */
  readonly alive: readonly SlotTasks[]
}

/** From here the attempts of these regions are over: they restart, or the job fails. */
export function failOver(at: AtAny, loss: Loss): Step {
  const core = noteFailure(at.core, recordOf(at, loss.failure, loss.attempt))
  const failure = present(core.failures.at(-1), 'the failure that was noted')
  const report: Effect = { kind: 'report', event: { kind: 'failed', failure } }
  const next = isBeyondRestart(loss.failure.error)
    ? close(core, { outcome: 'failed', error: giveUpError(core, beyondRestart(at)), alive: loss.alive })
    : restartOrGiveUp(core, at.moment, loss)
  return { state: next.state, effects: [report, ...next.effects] }
}

/** A failure of the region with this attempt, while others may be on their way already. */
export function onFailure(at: AtAny, { failure, attempt }: EventOf<'failure'>): Step {
  const failed = regionOf(at.core, attempt)
  const regions = new Set(regionsUnderWay(at))
  if (failed !== undefined) regions.add(failed)
  return failOver(at, { failure, attempt, regions, alive: aliveNow(at) })
}

/** A failure where all regions go together. */
export function onJobFailure(at: AtAny, { failure }: { readonly failure: JobFailure }): Step {
  return failOver(at, { failure, attempt: at.core.attempt, regions: allRegions(at.core), alive: aliveNow(at) })
}

/** Regions with tasks in the slot fail. */
export function onSlotLost(at: AtAny, event: EventOf<'slot-lost'>): Step {
  const regions = union(regionsUnderWay(at), regionsIn(at.core, event.slot))
  if (regions.size === 0) return stay(at) // nothing ran in it
  const alive = withoutSlot(aliveNow(at), event.slot)
  return failOver(at, { failure: lossOf(event), attempt: attemptIn(at.core, event.slot), regions, alive })
}

/** The same where all regions go together. */
export function onSlotLostAll(at: AtAny, event: EventOf<'slot-lost'>): Step {
  const alive = withoutSlot(aliveNow(at), event.slot)
  return failOver(at, {
    failure: lossOf(event),
    attempt: attemptIn(at.core, event.slot),
    regions: allRegions(at.core),
    alive,
  })
}

export function onUnexpectedStop(at: AtAny, event: EventOf<'slot-stopped'>): Step {
  const loss = unexpectedLoss(at, event)
  const stopped = regionOf(at.core, event.attempt)
  const regions = new Set(regionsUnderWay(at))
  if (stopped !== undefined) regions.add(stopped)
  return failOver(at, { ...loss, regions })
}

export function onUnexpectedStopAll(at: AtAny, event: EventOf<'slot-stopped'>): Step {
  return failOver(at, { ...unexpectedLoss(at, event), regions: allRegions(at.core) })
}

function unexpectedLoss(at: AtAny, event: EventOf<'slot-stopped'>): Omit<Loss, 'regions'> {
  const failure = unexpectedStop(at.phase.name, event.slot)
  return { failure, attempt: event.attempt, alive: withoutTasks(aliveNow(at), event) }
}

/** Before the first deployment the error needs no explanation of what becomes of the job. */
function beyondRestart(at: AtAny): GiveUpReason {
  const isStarting = at.phase.name === 'restoring' || at.phase.name === 'acquiring'
  return isStarting && at.core.restartCount === 0 ? 'not-started' : 'no-repair'
}

function recordOf(at: AtAny, failure: JobFailure, attempt: AttemptNumber): FailureRecord {
  const { restoredCheckpoint } = at.core
  return { ...failure, attempt, restoredCheckpoint, wallMs: at.moment.wallMs, mergedCount: 0 }
}

function restartOrGiveUp(core: JobCore, moment: Moment, loss: Loss): Step {
  const decision = decide(core.facts.restart, core.restart, moment)
  const noted = { ...core, restart: decision.state }
  if (decision.verdict.kind === 'give-up') {
    return close(noted, { outcome: 'failed', error: giveUpError(noted, 'budget'), alive: loss.alive })
  }
  return restart(noted, delayMsOf(decision.verdict, moment), loss)
}

/** A restart that is merged but due already still lets time pass, so that failing at once never turns into a busy loop. */
function delayMsOf(verdict: Exclude<RestartVerdict, { kind: 'give-up' }>, moment: Moment): number {
  const delayMs = Math.max(0, verdict.restartAtMs - moment.nowMs)
  return verdict.kind === 'merged' ? Math.max(1, delayMs) : delayMs
}

function restart(core: JobCore, delayMs: number, { regions, alive }: Loss): Step {
  const waiting = tasksOfRegions(core, alive, regions)
  const restartCount = core.restartCount + 1
  const crashLoop = core.failures.at(-1)?.crashLoop
  const report = {
    kind: 'restarting',
    inMs: delayMs,
    restartCount,
    ...(crashLoop === undefined ? {} : { crashLoop }),
  } as const
  const phase: Phase = { name: 'restarting', regions, waiting, killed: new Set(), backoff: 'running' }
  return go({ ...core, restartCount }, phase, [
    ...letGo(core, regions),
    ...cancelTasks(core, waiting),
    { kind: 'start-timer', timer: 'backoff', delayMs },
    { kind: 'report', event: report },
  ])
}

/** All regions anew, at once and without a failure: `alive` are the tasks that have to end first. */
export function restartAll(core: JobCore, alive: readonly SlotTasks[]): Step {
  const regions = allRegions(core)
  const phase = { name: 'restarting', regions, waiting: alive, killed: new Set<SlotIndex>(), backoff: 'over' } as const
  if (alive.length > 0) return go(core, phase, [...letGo(core, regions), ...cancelTasks(core, alive)])
  const next = restartIfReady(core, phase)
  return { state: next.state, effects: [...letGo(core, regions), ...next.effects] }
}

function tasksOfRegions(
  core: JobCore,
  tasks: readonly SlotTasks[],
  regions: ReadonlySet<RegionIndex>,
): readonly SlotTasks[] {
  const attempts = new Set(attemptsOf(core, regions).map(({ attempt }) => attempt))
  return tasks.filter(({ attempt }) => attempts.has(attempt))
}

/** The cancelled slots did not stop in time. Regions that go on lose what they have in them. */
export function killWaiting(at: At<'restarting'> | At<'closing'>): Step {
  const slots = slotsOf(at.phase.waiting)
  if (slots.length === 0) return stay(at)
  const kill: readonly Effect[] = [
    { kind: 'kill-slots', slots },
    { kind: 'report', event: { kind: 'slots-killed', slots } },
    { kind: 'start-timer', timer: 'kill-grace', delayMs: at.core.facts.limits.killGraceMs },
  ]
  const killed = new Set(slots)
  if (at.phase.name === 'closing') return go(at.core, { ...at.phase, killed }, kill)
  const hit = new Set(slots.flatMap((slot) => [...regionsIn(at.core, slot)]))
  const { phase, effects } = join({ ...at.phase, killed }, at.core, hit)
  return go(at.core, phase, [...kill, ...effects])
}

/** The loss of the killed slots was waited for long enough. */
export function withoutKilled({ waiting, killed }: At<'restarting' | 'closing'>['phase']): readonly SlotTasks[] {
  return waiting.filter(({ slot }) => !killed.has(slot))
}

/** These regions restart with those that do already; `lost` is a slot of theirs that is gone. */
function join(
  phase: At<'restarting'>['phase'],
  core: JobCore,
  joining: ReadonlySet<RegionIndex>,
  lost?: SlotIndex,
): { readonly phase: At<'restarting'>['phase']; readonly effects: readonly Effect[] } {
  const fresh = minus(joining, phase.regions)
  if (fresh.size === 0) return { phase, effects: [] }
  const waiting = [...phase.waiting, ...tasksIn(core, fresh).filter(({ slot }) => slot !== lost)]
  return { phase: { ...phase, regions: union(phase.regions, fresh), waiting }, effects: endRegions(core, fresh, lost) }
}

/** A further failure while regions are being ended already: it is part of the same restart. */
export function mergeFailure(
  at: At<'restarting'>,
  { failure, attempt, regions }: Omit<Loss, 'alive'>,
  lost?: SlotIndex,
): Step {
  const report: Effect = { kind: 'report', event: { kind: 'failure-merged', failure } }
  if (!isBeyondRestart(failure.error)) {
    const { phase, effects } = join(at.phase, at.core, regions, lost)
    const next = restartIfReady(noteMerged(at.core), phase)
    return { state: next.state, effects: [report, ...effects, ...next.effects] }
  }
  const core = noteFailure(at.core, recordOf(at, failure, attempt))
  const next = closeInstead({ ...at, core }, 'failed', giveUpError(core, 'no-repair'))
  return { state: next.state, effects: [report, ...next.effects] }
}

/** Both conditions of a restart: old tasks gone (J1), back-off over. */
export function restartIfReady(core: JobCore, phase: At<'restarting'>['phase']): Step {
  if (phase.waiting.length > 0 || phase.backoff === 'running') return go(core, phase)
  const next = enterAcquiring(renumber(core, phase.regions), phase.regions)
  return { state: next.state, effects: [{ kind: 'cancel-timers' }, ...next.effects] }
}
