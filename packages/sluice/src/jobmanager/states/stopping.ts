/** The checkpoint of a stop is on its way to being committed by all tasks; then they are cancelled. */
import type { ErrorData } from '../../base/errors.ts'
import { aliveNow, withoutSlot, withoutTasks } from '../job-regions.ts'
import type { At, CommitProgress, Effect, EventOf, PhaseTable, SlotTasks, Step } from '../job-state.ts'
import {
  close,
  closeNow,
  commitsTimeout,
  go,
  ignored,
  impossible,
  isCommitted,
  noteCapacity,
  noteSlotsMax,
  stay,
  suspend,
  unexpectedStop,
  withCommitted,
  withPublished,
} from '../transitions.ts'

export const stopping: PhaseTable<'stopping'> = {
  start: ignored('started already'),
  stop: ignored('stopping already'),
  cancel: (at) => closeNow(at, 'canceled'),
  suspend,
  'slots-max': noteSlotsMax,
  capacity: noteCapacity,
  waiting: ignored('the slots are there'),
  restored: impossible('restored already'),
  'restore-widened': impossible('restored already'),
  acquired: impossible('acquired already'),
  deployed: impossible('all slots were deployed, each says so once'),
  drained: ignored('the job is stopped all the same'),
  finished: impossible('no task was told to finish'),
  committed: (at, event) => proceed(at, withCommitted(at.phase.commits, event), []),
  'checkpoint-published': onPublished,
  'checkpoint-failed': (at, event) => giveUpStop(at, event.error, aliveNow(at)),
  'rescale-checkpoint': ignored('the job is stopped all the same'),
  failure: (at, event) => giveUpStop(at, event.failure.error, aliveNow(at)),
  'job-failure': (at, event) => giveUpStop(at, event.failure.error, aliveNow(at)),
  'slot-lost': (at, event) => giveUpStop(at, event.error, withoutSlot(aliveNow(at), event.slot)),
  'slot-stopped': (at, event) =>
    giveUpStop(at, unexpectedStop(at.phase.name, event.slot).error, withoutTasks(aliveNow(at), event)),
  timer: onTimer,
}

function onPublished(at: At<'stopping'>, event: EventOf<'checkpoint-published'>): Step {
  const delayMs = at.core.facts.limits.commitTimeoutMs
  const commits = withPublished(at.phase.commits, event.checkpoint)
  return proceed(at, commits, [{ kind: 'start-timer', timer: 'commits', delayMs }])
}

function proceed(at: At<'stopping'>, commits: CommitProgress, effects: readonly Effect[]): Step {
  if (isCommitted(at.core, commits)) return closeNow(at, 'stopped')
  return go(at.core, { ...at.phase, commits }, effects)
}

function onTimer(at: At<'stopping'>, event: EventOf<'timer'>): Step {
  if (event.timer !== 'commits') return stay(at)
  return giveUpStop(at, commitsTimeout(at).error, aliveNow(at))
}

/** J6: the job stops without the checkpoint or without the last commits; both are made good when it resumes. */
function giveUpStop(at: At<'stopping'>, error: ErrorData, alive: readonly SlotTasks[]): Step {
  const report: Effect = { kind: 'report', event: { kind: 'stop-checkpoint-failed', error } }
  const next = close(at.core, { outcome: 'stopped', alive })
  return { state: next.state, effects: [report, ...next.effects] }
}
