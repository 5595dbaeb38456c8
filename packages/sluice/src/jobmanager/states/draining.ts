/** Every task has handled its whole input; the final checkpoint is on its way to being committed by all of them. */
import type { At, CommitProgress, Effect, EventOf, PhaseTable, Step } from '../job-state.ts'
import { onJobFailure, onSlotLostAll, onUnexpectedStopAll } from '../fail-over.ts'
import {
  closeNow,
  commitsTimeout,
  enterFinishing,
  go,
  ignored,
  impossible,
  isCommitted,
  noteCapacity,
  noteSlotsMax,
  stay,
  suspend,
  withCommitted,
  withPublished,
} from '../transitions.ts'

export const draining: PhaseTable<'draining'> = {
  start: ignored('started already'),
  stop: onStop,
  cancel: (at) => closeNow(at, 'canceled'),
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: ignored('the slots are there'),
  restored: impossible('restored already'),
  'restore-widened': impossible('restored already'),
  acquired: impossible('acquired already'),
  deployed: impossible('all slots were deployed, each says so once'),
  drained: ignored('all tasks have drained'),
  finished: impossible('no task was told to finish'),
  committed: (at, event) => proceed(at, withCommitted(at.phase.commits, event), []),
  'checkpoint-published': onPublished,
  'checkpoint-failed': onCheckpointFailed,
  'rescale-checkpoint': ignored('the job is about to finish'),
  failure: onJobFailure, // all regions wait for the same checkpoint
  'job-failure': onJobFailure,
  'slot-lost': onSlotLostAll,
  'slot-stopped': onUnexpectedStopAll,
  timer: onTimer,
}

/** The checkpoint under way serves the stop as well; between two tries a new one is needed. */
function onStop(at: At<'draining'>): Step {
  const phase = { name: 'stopping', commits: at.phase.commits } as const
  if (at.phase.checkpoint === 'under-way') return go(at.core, phase)
  return go(at.core, phase, [{ kind: 'cancel-timers' }, { kind: 'trigger-checkpoint', reason: 'stop' }])
}

function onPublished(at: At<'draining'>, event: EventOf<'checkpoint-published'>): Step {
  const delayMs = at.core.facts.limits.commitTimeoutMs
  const commits = withPublished(at.phase.commits, event.checkpoint)
  return proceed(at, commits, [{ kind: 'start-timer', timer: 'commits', delayMs }])
}

function proceed(at: At<'draining'>, commits: CommitProgress, effects: readonly Effect[]): Step {
  if (isCommitted(at.core, commits)) return enterFinishing(at.core) // J4
  return go(at.core, { ...at.phase, commits }, effects)
}

function onCheckpointFailed(at: At<'draining'>, event: EventOf<'checkpoint-failed'>): Step {
  const { facts } = at.core
  const failedCount = at.phase.failedCount + 1
  if (failedCount >= facts.limits.finalAttemptsMax) return onJobFailure(at, { failure: { error: event.error } })
  return go(at.core, { ...at.phase, checkpoint: 'waiting', failedCount }, [
    { kind: 'start-timer', timer: 'final-retry', delayMs: facts.limits.finalRetryMs },
  ])
}

function onTimer(at: At<'draining'>, event: EventOf<'timer'>): Step {
  if (event.timer === 'commits') return onJobFailure(at, { failure: commitsTimeout(at) })
  if (event.timer !== 'final-retry') return stay(at)
  return go(at.core, { ...at.phase, checkpoint: 'under-way' }, [{ kind: 'trigger-checkpoint', reason: 'final' }])
}
