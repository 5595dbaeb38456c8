/** What an event means for one checkpoint, by the phase it is in. Total: docs/spec/checkpoint.md, "Phases". */
import { unreachable } from '../base/assert.ts'
import { GrowingMap } from '../base/growing-map.ts'
import { type CheckpointDraft, lookUpTimer, timeoutTimer } from './checkpoint-draft.ts'
import { abort, complete, countLateDecline, discardLateAck, fence, leaveUnresolved } from './checkpoint-endings.ts'
import { declined, enumeratorsFailed, missingTasks, notPublished, timedOut } from './checkpoint-errors.ts'
import type {
  ActiveCheckpoint,
  CheckpointEvent,
  CheckpointEventKind,
  CollectingCheckpoint,
  FoundManifest,
  IgnoredMessage,
  PublishingCheckpoint,
  ResolvingCheckpoint,
  TriggeringCheckpoint,
} from './checkpoint-protocol.ts'
import type { DeclineReason } from './handles.ts'
import { taskKey } from './task-snapshots.ts'

/** Look-ups of a publication in doubt before the job fails over (P6). */
const LOOK_UPS_MAX = 5
/** Time between two of them. */
const LOOK_UP_PAUSE_MS = 1_000

type Row<Active> = {
  readonly [Kind in CheckpointEventKind]: (draft: CheckpointDraft, active: Active, event: CheckpointEvent<Kind>) => void
}

type Phase = ActiveCheckpoint['phase']
type PhaseTable = { readonly [P in Phase]: Row<Extract<ActiveCheckpoint, { phase: P }>> } & {
  readonly absent: Row<undefined>
}

export function applyCheckpointEvent(draft: CheckpointDraft, event: CheckpointEvent): void {
  const active = draft.find(event.checkpoint)
  if (active === undefined) return run(PHASES.absent, draft, undefined, event)
  switch (active.phase) {
    case 'triggering':
      return run(PHASES.triggering, draft, active, event)
    case 'collecting':
      return run(PHASES.collecting, draft, active, event)
    case 'publishing':
      return run(PHASES.publishing, draft, active, event)
    case 'resolving':
      return run(PHASES.resolving, draft, active, event)
  }
}

const impossible = (why: string) => (): never => unreachable(why)
const ignored =
  (what: IgnoredMessage) =>
  (draft: CheckpointDraft, _active: unknown, { checkpoint }: CheckpointEvent): void =>
    draft.emit({ kind: 'report', report: { kind: 'ignored', what, checkpoint } })

const NOT_SENT = 'no task has heard of the checkpoint'
const CUT_ONCE = 'enumerators are cut once'
const NOT_PUBLISHING = 'the manifest is not being written'
const NOT_IN_DOUBT = 'the publication is not in doubt'
const TIMER_CANCELLED = 'the timer is cancelled when all tasks have acknowledged'
const WRITE_ENDED = 'writing the manifest has ended'
const STAYS_UNTIL_DECIDED = 'a checkpoint that is being published stays until it is decided'

const PHASES: PhaseTable = {
  triggering: {
    snapshotted: onSnapshotted,
    'snapshot-failed': (draft, active, { checkpoint, error }) =>
      abort(draft, active, 'snapshot-failed', enumeratorsFailed(draft.state, checkpoint, error)),
    ack: impossible(NOT_SENT),
    decline: impossible(NOT_SENT),
    'timed-out': impossible('the enumerators answer before any other event'),
    published: impossible(NOT_PUBLISHING),
    exists: impossible(NOT_PUBLISHING),
    'publish-unknown': impossible(NOT_PUBLISHING),
    found: impossible(NOT_IN_DOUBT),
    'look-up-failed': impossible(NOT_IN_DOUBT),
    'look-up-due': impossible(NOT_IN_DOUBT),
  },
  collecting: {
    snapshotted: impossible(CUT_ONCE),
    'snapshot-failed': impossible(CUT_ONCE),
    ack: onAck,
    decline: (draft, active, event) => DECLINES[event.reason](draft, active, event),
    'timed-out': (draft, active, { checkpoint }) =>
      abort(draft, active, 'timed-out', timedOut(draft.state, checkpoint, missingTasks(active))),
    published: impossible(NOT_PUBLISHING),
    exists: impossible(NOT_PUBLISHING),
    'publish-unknown': impossible(NOT_PUBLISHING),
    found: impossible(NOT_IN_DOUBT),
    'look-up-failed': impossible(NOT_IN_DOUBT),
    'look-up-due': impossible(NOT_IN_DOUBT),
  },
  publishing: {
    snapshotted: impossible(CUT_ONCE),
    'snapshot-failed': impossible(CUT_ONCE),
    ack: ignored('duplicate ack'),
    decline: ignored('late decline'),
    'timed-out': impossible(TIMER_CANCELLED),
    published: complete,
    exists: fence,
    'publish-unknown': startResolving,
    found: impossible(NOT_IN_DOUBT),
    'look-up-failed': impossible(NOT_IN_DOUBT),
    'look-up-due': impossible(NOT_IN_DOUBT),
  },
  resolving: {
    snapshotted: impossible(CUT_ONCE),
    'snapshot-failed': impossible(CUT_ONCE),
    ack: ignored('duplicate ack'),
    decline: ignored('late decline'),
    'timed-out': impossible(TIMER_CANCELLED),
    published: impossible(WRITE_ENDED),
    exists: impossible(WRITE_ENDED),
    'publish-unknown': impossible(WRITE_ENDED),
    found: (draft, active, { content }) => FINDINGS[content](draft, active),
    'look-up-failed': onLookUpFailed,
    'look-up-due': (draft, _active, { checkpoint }) => draft.emit({ kind: 'look-up', checkpoint }),
  },
  absent: {
    snapshotted: impossible('the enumerators answer before any other event'),
    'snapshot-failed': impossible('the enumerators answer before any other event'),
    ack: onLateAck,
    decline: onLateDecline,
    'timed-out': impossible('the timer is cancelled when the checkpoint ends'),
    published: impossible(STAYS_UNTIL_DECIDED),
    exists: impossible(STAYS_UNTIL_DECIDED),
    'publish-unknown': impossible(STAYS_UNTIL_DECIDED),
    found: impossible(STAYS_UNTIL_DECIDED),
    'look-up-failed': impossible(STAYS_UNTIL_DECIDED),
    'look-up-due': impossible(STAYS_UNTIL_DECIDED),
  },
}

type DeclineHandler = (draft: CheckpointDraft, active: CollectingCheckpoint, event: CheckpointEvent<'decline'>) => void

const DECLINES: Readonly<Record<DeclineReason, DeclineHandler>> = {
  failed: (draft, active, event) => abort(draft, active, 'declined', declined(draft.state, event)),
  subsumed: (draft, active, { error }) => abort(draft, active, 'subsumed', error),
  // the task that gave it up declines by itself, with the cause that counts
  'cancelled-upstream': (draft, active, { error }) => abort(draft, active, 'cancelled', error),
}

const FINDINGS: Readonly<Record<FoundManifest, (draft: CheckpointDraft, active: ResolvingCheckpoint) => void>> = {
  ours: complete,
  foreign: fence,
  none: (draft, active) =>
    abort(draft, active, 'publish-failed', notPublished(draft.state, active.checkpoint, active.cause)),
}

/** P3 */
function onSnapshotted(
  draft: CheckpointDraft,
  active: TriggeringCheckpoint,
  event: CheckpointEvent<'snapshotted'>,
): void {
  const { checkpoint, enumerators, tasks } = event
  const collecting: CollectingCheckpoint = {
    ...active,
    phase: 'collecting',
    enumerators,
    expected: new Map(tasks.map((task) => [taskKey(task), task])),
    snapshots: GrowingMap.of(),
  }
  draft.put(collecting)
  draft.emit({ kind: 'send-trigger', checkpoint, mode: draft.state.settings.mode })
  publishIfComplete(draft, collecting)
}

function onAck(draft: CheckpointDraft, active: CollectingCheckpoint, event: CheckpointEvent<'ack'>): void {
  const { snapshot } = event
  const key = taskKey(snapshot)
  if (!active.expected.has(key)) return ignored('ack of an unknown task')(draft, active, event)
  if (active.snapshots.has(key)) return ignored('duplicate ack')(draft, active, event)
  const collecting = { ...active, snapshots: active.snapshots.with(key, snapshot) }
  draft.put(collecting)
  publishIfComplete(draft, collecting)
}

/** P4 */
function publishIfComplete(draft: CheckpointDraft, active: CollectingCheckpoint): void {
  if (active.snapshots.size < active.expected.size) return
  const { checkpoint, triggeredAtMs, requests, enumerators, snapshots } = active
  const contents = { enumerators, snapshots: [...snapshots.values()], triggeredAtMs }
  draft.put({ phase: 'publishing', checkpoint, triggeredAtMs, requests, contents })
  draft.emit({ kind: 'cancel-timer', name: timeoutTimer(checkpoint) }, { kind: 'publish', checkpoint, contents })
}

/** The write failed, but the name may be there: look before anything is removed (P5). */
function startResolving(
  draft: CheckpointDraft,
  active: PublishingCheckpoint,
  event: CheckpointEvent<'publish-unknown'>,
): void {
  draft.put({ ...active, phase: 'resolving', cause: event.error, lookUps: 1 })
  draft.emit({ kind: 'look-up', checkpoint: active.checkpoint })
}

/** P6 */
function onLookUpFailed(
  draft: CheckpointDraft,
  active: ResolvingCheckpoint,
  event: CheckpointEvent<'look-up-failed'>,
): void {
  const { checkpoint, lookUps } = active
  if (lookUps >= LOOK_UPS_MAX) return leaveUnresolved(draft, active, event.error)
  draft.put({ ...active, lookUps: lookUps + 1 })
  draft.emit({
    kind: 'start-timer',
    name: lookUpTimer(checkpoint),
    atMs: draft.nowMs + LOOK_UP_PAUSE_MS,
    fires: { kind: 'look-up-due', checkpoint },
  })
}

function onLateAck(draft: CheckpointDraft, active: undefined, event: CheckpointEvent<'ack'>): void {
  ignored('late ack')(draft, active, event)
  discardLateAck(draft, event)
}

function onLateDecline(draft: CheckpointDraft, active: undefined, event: CheckpointEvent<'decline'>): void {
  ignored('late decline')(draft, active, event)
  countLateDecline(draft, event)
}

function run<Active, Kind extends CheckpointEventKind>(
  row: Row<Active>,
  draft: CheckpointDraft,
  active: Active,
  event: CheckpointEvent<Kind>,
): void {
  row[event.kind](draft, active, event)
}
