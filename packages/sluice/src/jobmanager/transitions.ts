/**
 * Steps that several phases share: entering a phase with its effects, failing over, closing.
 *
 * Owns: the order of effects when an attempt ends (docs/spec/job-lifecycle.md, "Failing over").
 */
import { unreachable } from '../base/assert.ts'
import type { ErrorData } from '../base/errors.ts'
import { type SlotIndex, attemptNumber } from '../base/ids.ts'
import { type GiveUpReason, crashLoopOf, giveUpError, isBeyondRestart, noteFailure, noteMerged } from './failure.ts'
import type { FailureRecord, JobFailure, JobOutcome } from './job-events.ts'
import type { At, CommitProgress, Effect, JobCore, Moment, Phase, PhaseName, Step } from './job-state.ts'
import { type RestartVerdict, decide } from './restart-strategy.ts'

type AtAny = { readonly core: JobCore; readonly phase: Phase; readonly moment: Moment }

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

export function enterRestoring(core: JobCore): Step {
  return go(core, { name: 'restoring' }, [{ kind: 'restore' }])
}

export function enterFinishing(core: JobCore): Step {
  const phase: Phase = {
    name: 'finishing',
    waiting: new Set(core.facts.slots),
    finished: new Set(),
    onFailure: 'restart',
  }
  return go(core, phase, [{ kind: 'cancel-timers' }, { kind: 'suspend-checkpoints' }, { kind: 'finish-tasks' }])
}

/** Where every attempt-bound thing is let go, whatever comes next. */
const LET_GO: readonly Effect[] = [
  { kind: 'cancel-timers' },
  { kind: 'suspend-checkpoints' },
  { kind: 'close-sources' },
]

export function end(core: JobCore, outcome: JobOutcome, error?: ErrorData): Step {
  const report: Effect = {
    kind: 'report',
    event: { kind: 'ended', outcome, ...(error === undefined ? {} : { error }) },
  }
  return go(core, { name: 'ended', outcome, error }, [
    ...LET_GO,
    { kind: 'release-slots' },
    report,
    { kind: 'end', outcome, error },
  ])
}

export interface Ending {
  readonly outcome: JobOutcome
  readonly error?: ErrorData
  /** Slots that still run tasks. */
  readonly live: Iterable<SlotIndex>
}

/** Ends all tasks that are alive; the outcome is decided. */
export function close(core: JobCore, ending: Ending): Step {
  const waiting = new Set(ending.live)
  if (waiting.size === 0) return end(core, ending.outcome, ending.error)
  const phase: Phase = { name: 'closing', waiting, outcome: ending.outcome, error: ending.error }
  return go(core, phase, [...LET_GO, ...cancelTasks(core, waiting)])
}

/** The tasks are being ended already: only the outcome changes, and the back-off no longer matters. */
export function closeInstead(core: JobCore, ending: Ending): Step {
  const waiting = new Set(ending.live)
  if (waiting.size === 0) return end(core, ending.outcome, ending.error)
  return go(core, { name: 'closing', waiting, outcome: ending.outcome, error: ending.error })
}

/** From here the attempt is over: it restarts, or the job fails. */
export function failOver(at: AtAny, failure: JobFailure, live: Iterable<SlotIndex>): Step {
  const record = recordOf(at, failure)
  const core = noteFailure(at.core, record)
  const report: Effect = { kind: 'report', event: { kind: 'failed', failure: record } }
  const next = isBeyondRestart(failure.error)
    ? close(core, { outcome: 'failed', error: giveUpError(core, beyondRestart(at)), live })
    : restartOrGiveUp(core, at.moment, live)
  return { state: next.state, effects: [report, ...next.effects] }
}

/** Before the first deployment the error needs no explanation of what becomes of the job. */
function beyondRestart(at: AtAny): GiveUpReason {
  const isStarting = at.phase.name === 'restoring' || at.phase.name === 'acquiring'
  return isStarting && at.core.restartCount === 0 ? 'not-started' : 'no-repair'
}

function recordOf(at: AtAny, failure: JobFailure): FailureRecord {
  const { attempt, restoredCheckpoint } = at.core
  return { ...failure, attempt, restoredCheckpoint, wallMs: at.moment.wallMs, mergedCount: 0 }
}

function restartOrGiveUp(core: JobCore, moment: Moment, live: Iterable<SlotIndex>): Step {
  const decision = decide(core.facts.restart, core.restart, moment)
  const noted = { ...core, restart: decision.state }
  if (decision.verdict.kind === 'give-up') {
    return close(noted, { outcome: 'failed', error: giveUpError(noted, 'budget'), live })
  }
  return restart(noted, delayMsOf(decision.verdict, moment), live)
}

/** A restart that is merged but due already still lets time pass, so that failing at once never turns into a busy loop. */
function delayMsOf(verdict: Exclude<RestartVerdict, { kind: 'give-up' }>, moment: Moment): number {
  const delayMs = Math.max(0, verdict.restartAtMs - moment.nowMs)
  return verdict.kind === 'merged' ? Math.max(1, delayMs) : delayMs
}

function restart(core: JobCore, delayMs: number, live: Iterable<SlotIndex>): Step {
  const waiting = new Set(live)
  const restartCount = core.restartCount + 1
  const crashLoop = crashLoopOf(core.failures)
  const report = {
    kind: 'restarting',
    inMs: delayMs,
    restartCount,
    ...(crashLoop === undefined ? {} : { crashLoop }),
  } as const
  return go({ ...core, restartCount }, { name: 'restarting', waiting, backoff: 'running' }, [
    ...LET_GO,
    ...cancelTasks(core, waiting),
    { kind: 'start-timer', timer: 'backoff', delayMs },
    { kind: 'report', event: report },
  ])
}

function cancelTasks(core: JobCore, waiting: ReadonlySet<SlotIndex>): readonly Effect[] {
  if (waiting.size === 0) return []
  return [
    { kind: 'cancel-tasks', slots: [...waiting] },
    { kind: 'start-timer', timer: 'cancellation', delayMs: core.facts.limits.cancellationTimeoutMs },
  ]
}

/** The cancelled slots did not stop in time. */
export function killWaiting(at: At<'restarting'> | At<'closing'>): Step {
  const slots = [...at.phase.waiting]
  if (slots.length === 0) return stay(at)
  return go(at.core, at.phase, [
    { kind: 'kill-slots', slots },
    { kind: 'report', event: { kind: 'slots-killed', slots } },
    { kind: 'start-timer', timer: 'kill-grace', delayMs: at.core.facts.limits.killGraceMs },
  ])
}

/** A failure of an attempt that is ending already. */
export function mergeFailure(at: At<'restarting'>, failure: JobFailure): Step {
  const report: Effect = { kind: 'report', event: { kind: 'failure-merged', failure } }
  if (!isBeyondRestart(failure.error)) return go(noteMerged(at.core), at.phase, [report])
  const core = noteFailure(at.core, recordOf(at, failure))
  const next = closeInstead(core, { outcome: 'failed', error: giveUpError(core, 'no-repair'), live: at.phase.waiting })
  return { state: next.state, effects: [report, ...next.effects] }
}

/** Both conditions of a restart: old tasks gone (J1), back-off over. */
export function restartIfReady(core: JobCore, phase: At<'restarting'>['phase']): Step {
  if (phase.waiting.size > 0 || phase.backoff === 'running') return go(core, phase)
  const next = enterRestoring({ ...core, attempt: attemptNumber(core.attempt + 1), restoredCheckpoint: undefined })
  return { state: next.state, effects: [{ kind: 'cancel-timers' }, ...next.effects] }
}

export function without<T>(set: Iterable<T>, member: T): ReadonlySet<T> {
  const next = new Set(set)
  next.delete(member)
  return next
}

export function withMember<T>(set: Iterable<T>, member: T): ReadonlySet<T> {
  return new Set(set).add(member)
}

export const NO_COMMITS: CommitProgress = { published: undefined, committed: new Map() }

/** Whether every task has committed the published checkpoint. */
export function isCommitted(core: JobCore, commits: CommitProgress): boolean {
  const { published, committed } = commits
  return published !== undefined && core.facts.tasks.every((task) => (committed.get(task) ?? -1) >= published)
}

export function withCommitted(
  commits: CommitProgress,
  event: { task: string; checkpoint: CommitProgress['published'] & {} },
): CommitProgress {
  const known = commits.committed.get(event.task)
  if (known !== undefined && known >= event.checkpoint) return commits
  return { ...commits, committed: new Map(commits.committed).set(event.task, event.checkpoint) }
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
  const open = facts.tasks.filter(
    (task) => (at.phase.commits.committed.get(task) ?? -1) < (at.phase.commits.published ?? 0),
  )
  return timeoutFailure(
    `${open.length} of ${facts.tasks.length} tasks (${open.slice(0, 3).join(', ')}) did not commit checkpoint ${at.phase.commits.published ?? 0} within ${facts.limits.commitTimeoutMs} ms. The checkpoint is kept and its commits are issued again when it is restored. Look at what their sinks wait for.`,
  )
}

export function timeoutFailure(message: string): JobFailure {
  return { error: { code: 'TSK1004', message, context: {} } }
}
