/**
 * The life cycle of all checkpoints of a job, as a pure step function. Spec with the tables: docs/spec/checkpoint.md.
 *
 * Owns: when a checkpoint is triggered, what it waits for, whether it is complete, what is given up, discarded, retained, and when the job
 * fails because of it. Does not own: clocks, timers, storage, tasks – jobmanager/checkpoint-driver.ts performs the effects in the order
 * given and feeds the results back. `nowMs` is monotonic.
 *
 * P1 Ids grow and are never reused.
 * P2 At most `concurrentMax` checkpoints are active; at most one is `triggering`.
 * P3 Enumerators are cut before any task hears of the checkpoint.
 * P4 A manifest is published at most once per id, and only when every expected task acknowledged.
 * P5 Nothing that is published, or may be, is discarded before a newer checkpoint is restorable.
 * P6 Every checkpoint ends: by its timeout while it waits for tasks, by a bounded number of look-ups when its publication is in doubt.
 * P7 More than `failuresMax` consecutive counted failures fail the job; a completion of a newer checkpoint starts the count anew.
 * P8 `quiesced` is said only when no publication is undecided.
 */
import { unreachable } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import { CheckpointDraft } from './checkpoint-draft.ts'
import { CHECKPOINT_TABLE, type PhaseOrAbsent } from './checkpoint-phases.ts'
import type {
  CheckpointEffect,
  CheckpointEvent,
  CheckpointSettings,
  CheckpointState,
  Lifecycle,
  LifecycleEvent,
  MachineEvent,
} from './checkpoint-protocol.ts'

export interface CheckpointStep {
  readonly state: CheckpointState
  readonly effects: readonly CheckpointEffect[]
}

export interface CheckpointStart {
  readonly settings: CheckpointSettings
  /** Greater than every id that was ever used. */
  readonly firstId: CheckpointId
  /** Ids in the store, ascending. */
  readonly completed: readonly CheckpointId[]
}

export function initialCheckpointState(start: CheckpointStart): CheckpointState {
  return {
    settings: start.settings,
    lifecycle: 'created',
    nextId: start.firstId,
    active: [],
    waiting: [],
    periodic: { kind: 'off' },
    completed: start.completed,
    lastCompletionMs: undefined,
    failures: { count: 0, newest: 0 },
    recentlyAborted: [],
  }
}

export function stepCheckpoints(state: CheckpointState, event: MachineEvent, nowMs: number): CheckpointStep {
  const draft = new CheckpointDraft(state, nowMs)
  if (isCheckpointEvent(event)) applyToCheckpoint(draft, event)
  else applyToLifecycle(draft, event)
  draft.triggerNext()
  draft.announceQuiescence(event.kind)
  return { state: draft.state, effects: draft.effects }
}

type LifecycleHandler<Kind extends LifecycleEvent['kind']> = (
  draft: CheckpointDraft,
  event: Extract<LifecycleEvent, { kind: Kind }>,
) => void

type LifecycleRow = { readonly [Kind in LifecycleEvent['kind']]: LifecycleHandler<Kind> }

const reject: LifecycleHandler<'request'> = (draft, event) => draft.rejectRequest(event.request)
const suspend = (draft: CheckpointDraft): void => draft.suspend('suspended')
const stop = (draft: CheckpointDraft): void => draft.suspend('stopped')
const stay = (): void => {}
const impossible = (why: string) => (): never => unreachable(why)

const LIFECYCLE_TABLE: Readonly<Record<Lifecycle, LifecycleRow>> = {
  created: {
    start: (draft, event) => draft.start(event.fraction),
    suspend,
    resume: impossible('checkpoints resume only after a suspension'),
    stop,
    request: reject,
    'periodic-due': impossible('no timer runs before the start'),
  },
  running: {
    start: impossible('checkpoints start once, then they are resumed'),
    suspend,
    resume: impossible('checkpoints that run cannot resume'),
    stop,
    request: (draft, event) => draft.enqueueRequest(event.request),
    'periodic-due': (draft) => draft.markPeriodicDue(),
  },
  suspended: {
    start: impossible('checkpoints that were suspended resume instead of starting'),
    suspend: stay,
    resume: (draft) => draft.resume(),
    stop,
    request: reject,
    'periodic-due': impossible('the periodic timer is cancelled on suspension'),
  },
  stopped: {
    start: impossible('checkpoints that were stopped never start again'),
    suspend: stay,
    resume: impossible('checkpoints that were stopped never resume'),
    stop: stay,
    request: reject,
    'periodic-due': impossible('the periodic timer is cancelled on stopping'),
  },
  // the job is failing for good; its last calls are harmless
  fenced: {
    start: stay,
    suspend: stay,
    resume: stay,
    stop: stay,
    request: reject,
    'periodic-due': impossible('the periodic timer is cancelled on fencing'),
  },
}

function applyToLifecycle(draft: CheckpointDraft, event: LifecycleEvent): void {
  const row = LIFECYCLE_TABLE[draft.state.lifecycle]
  switch (event.kind) {
    case 'start':
      return row.start(draft, event)
    case 'suspend':
      return row.suspend(draft, event)
    case 'resume':
      return row.resume(draft, event)
    case 'stop':
      return row.stop(draft, event)
    case 'request':
      return row.request(draft, event)
    case 'periodic-due':
      return row['periodic-due'](draft, event)
  }
}

function applyToCheckpoint(draft: CheckpointDraft, event: CheckpointEvent): void {
  const active = draft.find(event.checkpoint)
  const phase: PhaseOrAbsent = active?.phase ?? 'absent'
  CHECKPOINT_TABLE.apply(phase, draft, event)
}

function isCheckpointEvent(event: MachineEvent): event is CheckpointEvent {
  return 'checkpoint' in event
}
