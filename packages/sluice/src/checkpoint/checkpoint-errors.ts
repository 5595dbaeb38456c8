/** The errors of the checkpoint life cycle: what failed, what it means now, what to do. */
import { formatDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointEvent, CheckpointState, CollectingCheckpoint, Lifecycle } from './checkpoint-protocol.ts'
import type { TaskAddress } from './handles.ts'

/** Tasks named in one message. */
const TASKS_NAMED_MAX = 5

export function declined(state: CheckpointState, event: CheckpointEvent<'decline'>): EngineError {
  const { checkpoint, task, error } = event
  const { operator } = error.context
  const where = operator === undefined ? {} : { operator }
  return new EngineError(
    'CKP1004',
    `checkpoint ${checkpoint} was declined by ${describeTask(task)}: ${sentence(error.message)} ${newestRestorable(state)} Remove the cause; the next checkpoint tries again.`,
    { context: { ...where, vertex: task.vertex, subtask: task.subtask, checkpoint }, cause: error },
  )
}

export function enumeratorsFailed(state: CheckpointState, checkpoint: CheckpointId, cause: EngineError): EngineError {
  return new EngineError(
    'CKP1004',
    `checkpoint ${checkpoint} ended before it reached any task: the state of a split enumerator could not be taken: ${sentence(cause.message)} ${newestRestorable(state)} Look into the source it names.`,
    { context: { ...cause.context, checkpoint }, cause },
  )
}

export function timedOut(
  state: CheckpointState,
  checkpoint: CheckpointId,
  missing: readonly TaskAddress[],
): EngineError {
  const timeout = formatDuration(state.settings.timeoutMs)
  return new EngineError(
    'CKP1006',
    `checkpoint ${checkpoint} was not complete after ${timeout}: no acknowledgement from ${describeTasks(missing)}. It was given up. ${newestRestorable(state)} Look for back-pressure or slow storage at these tasks, or raise checkpoint.timeout.`,
    { context: { checkpoint } },
  )
}

export function notPublished(state: CheckpointState, checkpoint: CheckpointId, cause: EngineError): EngineError {
  return new EngineError(
    'CKP1001',
    `checkpoint ${checkpoint} was not published: ${sentence(cause.message)} ${newestRestorable(state)} The next checkpoint tries again.`,
    { context: { checkpoint }, cause },
  )
}

export function publicationUnresolved(checkpoint: CheckpointId, lookUps: number, cause: EngineError): EngineError {
  return new EngineError(
    'CKP1002',
    `writing the manifest of checkpoint ${checkpoint} failed, and ${lookUps} attempts to see whether it exists failed too: ${sentence(cause.message)} Its data is kept and the job restarts from what the storage lists then. See that the checkpoint storage can be read.`,
    { context: { checkpoint }, cause },
  )
}

export function publishedByAnother(checkpoint: CheckpointId): EngineError {
  return new EngineError(
    'CKP1007',
    `checkpoint ${checkpoint} was published by another process. This one is no longer the leader of the job and stops without touching the storage. Let one process at a time use this state directory.`,
    { context: { checkpoint } },
  )
}

export function tooManyFailures(state: CheckpointState, count: number, last: EngineError): EngineError {
  return new EngineError(
    'CKP1005',
    `${failuresText(count, state.settings.failuresMax)}: ${firstSentence(last.message)} The job fails over. ${newestRestorable(state)} Remove the cause, or raise checkpoint.failuresMax.`,
    { context: last.context, cause: last },
  )
}

function failuresText(count: number, failuresMax: number): string {
  if (failuresMax === 0) return 'a checkpoint failed, and none may'
  return `${count} checkpoints in a row failed, and ${failuresMax} may. The last one`
}

export function subsumed(checkpoint: CheckpointId, by: CheckpointId): EngineError {
  return new EngineError(
    'CKP1009',
    `checkpoint ${checkpoint} was overtaken by checkpoint ${by}. Nothing is lost: the newer one covers it. Set checkpoint.concurrentMax to 1 to have one at a time.`,
    { context: { checkpoint } },
  )
}

export function interrupted(checkpoint: CheckpointId): EngineError {
  return new EngineError(
    'CKP1009',
    `checkpoint ${checkpoint} was given up because the job stops or restarts. It cannot be restored; the newest completed one can. Ask again once the job runs.`,
    { context: { checkpoint } },
  )
}

const NOT_RUNNING_WORDS: Readonly<Record<Lifecycle, string>> = {
  created: 'the job has not started yet',
  running: 'the job stops or restarts now',
  suspended: 'the job is restarting',
  stopped: 'the job has stopped',
  fenced: 'another process has become the leader of the job',
}

export function notRunning(state: CheckpointState): EngineError {
  const why = NOT_RUNNING_WORDS[state.lifecycle]
  return new EngineError(
    'CKP1009',
    `no checkpoint can be taken: ${why}. ${newestRestorable(state)} Ask again once the job runs.`,
  )
}

/** The tasks that have not acknowledged. */
export function missingTasks({ expected, snapshots }: CollectingCheckpoint): readonly TaskAddress[] {
  return [...expected].flatMap(([key, task]) => (snapshots.has(key) ? [] : [task]))
}

function newestRestorable(state: CheckpointState): string {
  const newest = state.completed.at(-1)
  return newest === undefined ? 'No checkpoint can be restored yet.' : `The newest restorable checkpoint is ${newest}.`
}

function describeTasks(tasks: readonly TaskAddress[]): string {
  const named = tasks.slice(0, TASKS_NAMED_MAX).map(describeTask)
  const rest = tasks.length - named.length
  return rest > 0 ? `${named.join(', ')} and ${rest} more` : named.join(', ')
}

function describeTask({ vertex, subtask }: TaskAddress): string {
  return `${JSON.stringify(vertex)} subtask ${subtask}`
}

/** What failed, without what it means and what to do: the whole message was reported when it failed. */
function firstSentence(text: string): string {
  return /^.*?[.!?](?=\s+[A-Z]|$)/s.exec(text)?.[0] ?? sentence(text)
}

/** Messages of causes end as they like. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}
