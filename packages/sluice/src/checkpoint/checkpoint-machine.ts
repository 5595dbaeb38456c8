/**
 * The life cycle of all checkpoints of a job, as a pure step function. Spec with the tables: docs/spec/checkpoint.md.
 *
 * Owns: when a checkpoint is triggered, what it waits for, whether it is complete, what is given up, discarded, retained, and when the job
 * fails because of it. Does not own: clocks, timers, storage, tasks – jobmanager/checkpoint-driver.ts performs the effects in the order
 * given and feeds the results back. `nowMs` is monotonic.
 *
 * P1 Ids grow and are never reused: only ids that were reserved in the storage are used, and more are reserved ahead of the need.
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
import { announceQuiescence, fenceAll, giveUpAll } from './checkpoint-endings.ts'
import { addIds, forgetReservation, reserveAhead, retryReservation } from './checkpoint-ids.ts'
import { applyCheckpointEvent } from './checkpoint-phases.ts'
import type {
  CheckpointEffect,
  CheckpointEvent,
  CheckpointSettings,
  CheckpointState,
  Lifecycle,
  LifecycleEvent,
  LifecycleEventKind,
  MachineEvent,
} from './checkpoint-protocol.ts'
import type { IdBlock } from './checkpoint-store.ts'
import {
  enqueueRequest,
  markPeriodicDue,
  rejectRequest,
  resumeSchedule,
  startSchedule,
  triggerNext,
} from './checkpoint-schedule.ts'

export interface CheckpointStep {
  readonly state: CheckpointState
  readonly effects: readonly CheckpointEffect[]
}

export interface CheckpointStart {
  readonly settings: CheckpointSettings
  /** Reserved for this leader: greater than every id that was ever used. */
  readonly ids: IdBlock
  /** Ids in the store, ascending. */
  readonly completed: readonly CheckpointId[]
}

export function initialCheckpointState(start: CheckpointStart): CheckpointState {
  return {
    settings: start.settings,
    lifecycle: 'created',
    ids: [start.ids],
    reservation: 'none',
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
  if (isCheckpointEvent(event)) applyCheckpointEvent(draft, event)
  else applyLifecycleEvent(draft, event)
  triggerNext(draft)
  reserveAhead(draft)
  announceQuiescence(draft, state)
  return { state: draft.state, effects: draft.effects }
}

type LifecycleRow = {
  readonly [Kind in LifecycleEventKind]: (draft: CheckpointDraft, event: LifecycleEvent<Kind>) => void
}

const suspend = (draft: CheckpointDraft): void => giveUpAll(draft, 'suspended')
const stop = (draft: CheckpointDraft): void => giveUpAll(draft, 'stopped')
const stay = (): void => {}
const impossible = (why: string) => (): never => unreachable(why)

const refused = (draft: CheckpointDraft, { error }: LifecycleEvent<'reserve-refused'>): void => fenceAll(draft, error)

/** The storage answers when it does, whatever happened meanwhile. */
const LATE_ANSWERS = {
  reserved: addIds,
  'reserve-failed': forgetReservation,
  'reserve-refused': refused,
  'reserve-due': impossible('the timer of the reservation is cancelled with the others'),
}

const unasked = impossible('ids are reserved only while checkpoints run')

/** Total: every event in every state, docs/spec/checkpoint.md "Life cycle". */
const LIFECYCLE_TABLE: Readonly<Record<Lifecycle, LifecycleRow>> = {
  created: {
    run: startSchedule,
    suspend,
    stop,
    request: rejectRequest,
    'periodic-due': impossible('no timer runs before the start'),
    reserved: unasked,
    'reserve-failed': unasked,
    'reserve-refused': unasked,
    'reserve-due': unasked,
  },
  running: {
    run: impossible('an attempt starts only after the one before was suspended'),
    suspend,
    stop,
    request: enqueueRequest,
    'periodic-due': markPeriodicDue,
    reserved: addIds,
    'reserve-failed': retryReservation,
    'reserve-refused': refused,
    'reserve-due': forgetReservation,
  },
  suspended: {
    run: resumeSchedule,
    suspend: stay,
    stop,
    request: rejectRequest,
    'periodic-due': impossible('the periodic timer is cancelled on suspension'),
    ...LATE_ANSWERS,
  },
  stopped: {
    run: impossible('checkpoints that were stopped never run again'),
    suspend: stay,
    stop: stay,
    request: rejectRequest,
    'periodic-due': impossible('the periodic timer is cancelled on stopping'),
    ...LATE_ANSWERS,
  },
  // the job is failing for good: what it still calls is harmless
  fenced: {
    run: stay,
    suspend: stay,
    stop: stay,
    request: rejectRequest,
    'periodic-due': impossible('the periodic timer is cancelled on fencing'),
    reserved: stay,
    'reserve-failed': stay,
    'reserve-refused': stay,
    'reserve-due': impossible('the timer of the reservation is cancelled with the others'),
  },
}

function applyLifecycleEvent<Kind extends LifecycleEventKind>(
  draft: CheckpointDraft,
  event: LifecycleEvent<Kind>,
): void {
  const row: LifecycleRow = LIFECYCLE_TABLE[draft.state.lifecycle]
  row[event.kind](draft, event)
}

function isCheckpointEvent(event: MachineEvent): event is CheckpointEvent {
  return 'checkpoint' in event
}
