/**
 * Steps that several phases share: entering a phase with its effects, closing, small notes.
 *
 * Owns: the order of effects when a job ends. Does not own: restarts (fail-over.ts).
 */
import { unreachable } from '../base/assert.ts'
import type { ErrorData } from '../base/errors.ts'
import { GrowingMap } from '../base/growing-map.ts'
import type { CheckpointId, SlotIndex } from '../base/ids.ts'
import { usableSlots } from '../graph/slot-groups.ts'
import type { JobFailure, JobOutcome } from './job-events.ts'
import { aliveNow, allRegions, allTasks, attemptsOf, otherRegions, taskCount, tasksIn } from './job-regions.ts'
import type {
  At,
  CommitProgress,
  Effect,
  EventOf,
  JobCore,
  Phase,
  PhaseName,
  RegionIndex,
  SlotTasks,
  Step,
} from './job-state.ts'

type AtAny = { readonly core: JobCore; readonly phase: Phase }

export function go(core: JobCore, phase: Phase, effects: readonly Effect[] = []): Step {
  return { state: { core, phase }, effects }
}

export function stay(at: AtAny): Step {
  return go(at.core, at.phase)
}

/** A cell that rightly does nothing; `why` is for the reader. */
export function ignored(_why: string): (at: AtAny) => Step {
  return stay
}

/** A cell that no order of events can reach. */
export function impossible(why: string): (at: AtAny) => Step {
  return (at) => unreachable(`${at.phase.name}: ${why}`)
}

/** From here the regions have new attempts; those that go on are not touched. */
export function enterAcquiring(core: JobCore, regions: ReadonlySet<RegionIndex>): Step {
  return go({ ...core, restoredCheckpoint: undefined }, { name: 'acquiring', regions }, [
    { kind: 'acquire-slots' },
    { kind: 'start-timer', timer: 'acquire', delayMs: core.facts.limits.acquireTimeoutMs },
  ])
}

export function enterFinishing(core: JobCore): Step {
  const regions = allRegions(core)
  const phase: Phase = {
    name: 'finishing',
    waiting: tasksIn(core, regions),
    finished: GrowingMap.of(),
    onFailure: 'restart',
  }
  return go(core, phase, [
    { kind: 'cancel-timers' },
    { kind: 'suspend-checkpoints' },
    { kind: 'finish-tasks', regions: attemptsOf(core, regions) },
  ])
}

/** Where everything that is bound to the attempts of these regions is let go, whatever comes next. */
export function letGo(core: JobCore, regions: Iterable<RegionIndex>): readonly Effect[] {
  return [
    { kind: 'cancel-timers' },
    { kind: 'suspend-checkpoints' },
    { kind: 'close-sources', regions: attemptsOf(core, regions) },
  ]
}

export function end(core: JobCore, outcome: JobOutcome, error?: ErrorData): Step {
  const report: Effect = {
    kind: 'report',
    event: { kind: 'ended', outcome, ...(error === undefined ? {} : { error }) },
  }
  return go(core, { name: 'ended', outcome, error }, [
    ...letGo(core, allRegions(core)),
    { kind: 'release-slots' },
    report,
    { kind: 'end', outcome, error },
  ])
}

/** J9: nothing is written from here on, and nobody is waited for but the threads. */
export function suspend(at: AtAny): Step {
  const next = end(at.core, 'suspended')
  return { state: next.state, effects: [{ kind: 'abandon-checkpoints' }, ...next.effects] }
}

export interface JobEnding {
  readonly outcome: JobOutcome
  readonly error?: ErrorData
  /** Tasks that still run. */
  readonly alive: readonly SlotTasks[]
}

/** Ends all tasks that are alive; the outcome is decided. */
export function close(core: JobCore, { outcome, error, alive }: JobEnding): Step {
  if (alive.length === 0) return end(core, outcome, error)
  const phase: Phase = { name: 'closing', waiting: alive, killed: new Set(), outcome, error }
  return go(core, phase, [...letGo(core, allRegions(core)), ...cancelTasks(core, alive)])
}

/** The same, with all that is alive now. */
export function closeNow(at: AtAny, outcome: JobOutcome): Step {
  return close(at.core, { outcome, alive: aliveNow(at) })
}

/** Tasks of some regions are being ended already: the others follow, and the back-off no longer matters. */
export function closeInstead(at: At<'restarting'>, outcome: JobOutcome, error?: ErrorData): Step {
  const { core, phase } = at
  const others = otherRegions(core, phase.regions)
  const alive = aliveNow(at)
  if (alive.length === 0) return end(core, outcome, error)
  const next: Phase = { name: 'closing', waiting: alive, killed: phase.killed, outcome, error }
  return go(core, next, endRegions(core, others))
}

export function cancelTasks(core: JobCore, tasks: readonly SlotTasks[]): readonly Effect[] {
  if (tasks.length === 0) return []
  return [
    { kind: 'cancel-tasks', tasks },
    { kind: 'start-timer', timer: 'cancellation', delayMs: core.facts.limits.cancellationTimeoutMs },
  ]
}

/** Regions that went on join those that are being ended. */
export function endRegions(core: JobCore, regions: ReadonlySet<RegionIndex>, lost?: SlotIndex): readonly Effect[] {
  if (regions.size === 0) return []
  const alive = tasksIn(core, regions).filter(({ slot }) => slot !== lost)
  return [{ kind: 'close-sources', regions: attemptsOf(core, regions) }, ...cancelTasks(core, alive)]
}

/** Slots that the job would use if it restarted now. */
export function targetSlotsOf({ available, slotsMax, facts }: JobCore): number {
  return usableSlots(facts.slotSteps, Math.min(available, slotsMax, facts.slotsWanted))
}

export function noteCapacity(at: AtAny, { slots }: EventOf<'capacity'>): Step {
  return go({ ...at.core, available: slots }, at.phase)
}

export function noteSlotsMax(at: AtAny, { slots }: EventOf<'slots-max'>): Step {
  return go({ ...at.core, slotsMax: slots }, at.phase)
}

/** A region that goes on while others restart. */
export function noteDrained(at: AtAny, { task }: EventOf<'drained'>): Step {
  return go({ ...at.core, drained: at.core.drained.with(task, true) }, at.phase)
}

export function noCommits(): CommitProgress {
  return { published: undefined, committed: GrowingMap.of(), doneCount: 0 }
}

/** Whether every task has committed the published checkpoint. */
export function isCommitted(core: JobCore, { published, doneCount }: CommitProgress): boolean {
  return published !== undefined && doneCount >= taskCount(core)
}

export function withPublished({ committed }: CommitProgress, published: CheckpointId): CommitProgress {
  const doneCount = [...committed.values()].filter((checkpoint) => checkpoint >= published).length
  return { published, committed, doneCount }
}

export function withCommitted(
  commits: CommitProgress,
  { task, checkpoint }: { task: string; checkpoint: CheckpointId },
): CommitProgress {
  const { published, committed, doneCount } = commits
  const known = committed.get(task)
  if (known !== undefined && known >= checkpoint) return commits
  const isDone = published !== undefined && checkpoint >= published && (known ?? -1) < published
  return { published, committed: committed.with(task, checkpoint), doneCount: doneCount + (isDone ? 1 : 0) }
}

/** The failure that a lost slot stands for. */
export function lossOf(event: { readonly slot: SlotIndex; readonly error: ErrorData }): JobFailure {
  return { error: event.error, slot: event.slot }
}

/** The failure of a slot that ended its tasks without having been told, and without saying why. */
export function unexpectedStop(phase: PhaseName, slot: SlotIndex): JobFailure {
  const message = `slot ${slot} closed its tasks while the job was ${phase}, without a failure. This is a bug in Sluice: the job restarts from its last checkpoint. Please report it with this message.`
  return { error: { code: 'INT1001', message, context: { subtask: slot } }, slot }
}

/** Tasks that neither commit nor fail. */
export function commitsTimeout(at: At<'draining'> | At<'stopping'>): JobFailure {
  const { facts } = at.core
  const tasks = allTasks(at.core)
  const open = tasks.filter((task) => (at.phase.commits.committed.get(task) ?? -1) < (at.phase.commits.published ?? 0))
  return timeoutFailure(
    `${open.length} of ${tasks.length} tasks (${open.slice(0, 3).join(', ')}) did not commit checkpoint ${at.phase.commits.published ?? 0} within ${facts.limits.commitTimeoutMs} ms. The checkpoint is kept and its commits are issued again when it is restored. Look at what their sinks wait for.`,
  )
}

export function timeoutFailure(message: string): JobFailure {
  return { error: { code: 'TSK1004', message, context: {} } }
}
