/** Which tasks of which regions are alive, by what the machine knows. Pure. */
import { present } from '../base/assert.ts'
import { GrowingMap } from '../base/growing-map.ts'
import { type AttemptNumber, type SlotIndex, attemptNumber } from '../base/ids.ts'
import type { JobCore, Phase, RegionAttempt, RegionIndex, Scale, SlotTasks, TaskKey } from './job-state.ts'

type AtAny = { readonly core: JobCore; readonly phase: Phase }

const NONE: ReadonlySet<RegionIndex> = new Set()

export function allRegions({ facts }: JobCore): ReadonlySet<RegionIndex> {
  return new Set(Array.from({ length: facts.regionCount }, (_, region) => region))
}

/** Regions of the phase that are on their way to running. */
export function regionsUnderWay({ phase }: Pick<AtAny, 'phase'>): ReadonlySet<RegionIndex> {
  switch (phase.name) {
    case 'restarting':
    case 'acquiring':
    case 'restoring':
    case 'deploying':
      return phase.regions
    default:
      return NONE
  }
}

/** All regions but these: they go on. */
export function otherRegions(core: JobCore, regions: ReadonlySet<RegionIndex>): ReadonlySet<RegionIndex> {
  return minus(allRegions(core), regions)
}

/** Undefined for an attempt that is over. */
export function regionOf({ attempts }: JobCore, attempt: AttemptNumber): RegionIndex | undefined {
  const region = attempts.indexOf(attempt)
  return region < 0 ? undefined : region
}

/** Regions with tasks in a slot. */
export function regionsIn(core: JobCore, slot: SlotIndex): ReadonlySet<RegionIndex> {
  const rows = core.scale?.regions ?? []
  return new Set(rows.flatMap(({ slots }, region) => (slots.includes(slot) ? [region] : [])))
}

/** For a record of what happened to a slot: the first that ran there, else the newest. */
export function attemptIn(core: JobCore, slot: SlotIndex): AttemptNumber {
  const [region] = regionsIn(core, slot)
  return region === undefined ? core.attempt : attemptOf(core, region)
}

export function attemptsOf(core: JobCore, regions: Iterable<RegionIndex>): readonly RegionAttempt[] {
  return [...regions].map((region) => ({ region, attempt: attemptOf(core, region) }))
}

export function attemptOf({ attempts }: JobCore, region: RegionIndex): AttemptNumber {
  return present(attempts[region], `the attempt of region ${region}`)
}

/** All tasks of these regions, as if all were deployed. */
export function tasksIn(core: JobCore, regions: Iterable<RegionIndex>): readonly SlotTasks[] {
  return [...regions].flatMap((region) => {
    const attempt = attemptOf(core, region)
    return scaleOf(core).regions[region]?.slots.map((slot) => ({ attempt, slot })) ?? []
  })
}

/** Every task of the job that is alive now. */
export function aliveNow({ core, phase }: AtAny): readonly SlotTasks[] {
  switch (phase.name) {
    case 'created':
    case 'ended':
      return []
    case 'acquiring':
    case 'restoring':
      return tasksIn(core, otherRegions(core, phase.regions))
    case 'restarting':
      return [...phase.waiting, ...tasksIn(core, otherRegions(core, phase.regions))]
    case 'deploying':
    case 'running':
    case 'draining':
    case 'stopping':
      return tasksIn(core, allRegions(core))
    case 'finishing':
    case 'closing':
      return phase.waiting
  }
}

export function withoutSlot(tasks: readonly SlotTasks[], slot: SlotIndex): readonly SlotTasks[] {
  return tasks.filter((other) => other.slot !== slot)
}

export function withoutTasks(tasks: readonly SlotTasks[], gone: SlotTasks): readonly SlotTasks[] {
  return tasks.filter(({ attempt, slot }) => attempt !== gone.attempt || slot !== gone.slot)
}

export function slotsOf(tasks: readonly SlotTasks[]): readonly SlotIndex[] {
  return [...new Set(tasks.map(({ slot }) => slot))]
}

/** Tasks of all regions at the scale of now. */
export function taskCount(core: JobCore): number {
  return scaleOf(core).regions.reduce((sum, { tasks }) => sum + tasks.length, 0)
}

/** How many `tasksIn` would give. */
export function slotTasksCount(core: JobCore, regions: Iterable<RegionIndex>): number {
  return [...regions].reduce((sum, region) => sum + (scaleOf(core).regions[region]?.slots.length ?? 0), 0)
}

/** Of all regions at the scale of now. */
export function allTasks(core: JobCore): readonly TaskKey[] {
  return scaleOf(core).regions.flatMap(({ tasks }) => tasks)
}

export function scaleOf({ scale }: JobCore): Scale {
  return present(scale, 'the scale of the job')
}

/** New numbers for these regions; what their tasks had done is forgotten. */
export function renumber(core: JobCore, regions: ReadonlySet<RegionIndex>): JobCore {
  let newest: number = core.attempt
  const attempts = core.attempts.map((attempt, region) => (regions.has(region) ? attemptNumber(++newest) : attempt))
  const forgotten = new Set((core.scale?.regions ?? []).flatMap(({ tasks }, at) => (regions.has(at) ? tasks : [])))
  const drained = GrowingMap.of([...core.drained.entries()].filter(([task]) => !forgotten.has(task)))
  return { ...core, attempt: attemptNumber(newest), attempts, drained }
}

export function minus<T>(set: ReadonlySet<T>, other: ReadonlySet<T>): ReadonlySet<T> {
  return new Set([...set].filter((member) => !other.has(member)))
}

export function union<T>(set: ReadonlySet<T>, other: ReadonlySet<T>): ReadonlySet<T> {
  return new Set([...set, ...other])
}
