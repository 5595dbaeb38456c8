/** Events of a JobManager and of a TaskManager as lines of a log: sentences for people, fields for programs. docs/guide/observability.md. */
import { type ErrorData, formatError } from '../base/errors.ts'
import type { JobId } from '../base/ids.ts'
import type { Log, LogFields, LogLevel } from '../base/log.ts'
import type { ClusterEvent } from '../jobmanager/cluster-events.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { RestEvent } from '../rest/app.ts'
import { taskManagerEventText, type TaskManagerEvent } from '../taskmanager/task-manager-events.ts'
import { eventLines } from './event-text.ts'
import { bytesText, durationText } from './format.ts'

interface LogLine {
  readonly level: LogLevel
  readonly text: string
  readonly fields?: LogFields
}

/**
 * Logs what a JobManager tells. Remembers the names of jobs that have not ended, so that every line about one has it. Strangers at its port do
 * not fill the log: of many refused connections only the first are told one by one.
 */
export function clusterEventLog(log: Log, monotonicMs = () => performance.now()): (event: ClusterEvent) => void {
  const names = new Map<JobId, string>()
  const refusals = new RefusalLimit(monotonicMs)
  return (event) => {
    if (event.kind === 'connection-refused') {
      const { isTold, untoldBefore } = refusals.next()
      if (untoldBefore > 0)
        log.write('warn', `${untoldBefore} more connections were refused; GET /metrics counts all of them`)
      if (!isTold) return
    }
    if ('name' in event) names.set(event.job, event.name)
    for (const { level, text, fields } of clusterLines(event))
      log.write(level, text, { ...jobFields(event, names), ...fields })
    if (event.kind === 'job-ended') names.delete(event.job)
    if (event.kind === 'leadership-lost') names.clear()
  }
}

const REFUSALS_TOLD_MAX = 20
const REFUSAL_WINDOW_MS = 60_000

class RefusalLimit {
  readonly #monotonicMs: () => number
  #fromMs: number
  #count = 0

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
    this.#fromMs = monotonicMs()
  }

  /** `untoldBefore`: of the window that has just ended. */
  next(): { readonly isTold: boolean; readonly untoldBefore: number } {
    const nowMs = this.#monotonicMs()
    let untoldBefore = 0
    if (nowMs - this.#fromMs >= REFUSAL_WINDOW_MS) {
      untoldBefore = Math.max(0, this.#count - REFUSALS_TOLD_MAX)
      this.#fromMs = nowMs
      this.#count = 0
    }
    return { isTold: ++this.#count <= REFUSALS_TOLD_MAX, untoldBefore }
  }
}

function jobFields(event: ClusterEvent, names: ReadonlyMap<JobId, string>): LogFields {
  return 'job' in event ? { job: event.job, jobName: names.get(event.job) } : {}
}

function clusterLines(event: ClusterEvent): readonly LogLine[] {
  return event.kind === 'job-event' ? jobLines(event.event) : [clusterLine(event)]
}

/** Where an error belongs, as far as it is known. */
function errorFields({ code, context }: ErrorData): LogFields {
  const { operator, vertex, subtask, attempt, checkpoint } = context
  return { code, operator, vertex, subtask, attempt, checkpoint }
}

function clusterLine(event: Exclude<ClusterEvent, { readonly kind: 'job-event' }>): LogLine {
  switch (event.kind) {
    case 'standby':
      return {
        level: 'info',
        text: `this JobManager stands by; ${event.leader === undefined ? 'there is no leader yet' : `the leader is ${event.leader}`}`,
      }
    case 'leading':
      return { level: 'info', text: 'this JobManager leads the cluster', fields: { epoch: event.epoch } }
    case 'leadership-lost':
      return {
        level: 'warn',
        text: `this JobManager does not lead any more: ${event.reason}. Its jobs go on under the next leader`,
        fields: { epoch: event.epoch },
      }
    case 'leading-failed':
      return {
        level: 'error',
        text: `this JobManager cannot lead: ${formatError(event.error)}`,
        fields: { epoch: event.epoch, ...errorFields(event.error) },
      }
    case 'job-submitted':
      return { level: 'info', text: `job "${event.name}" was submitted` }
    case 'job-recovered':
      return { level: 'info', text: `job "${event.name}" is taken over` }
    case 'job-start-failed':
      return {
        level: 'warn',
        text: `the job could not be started; again in ${durationText(event.inMs)}: ${formatError(event.error)}`,
        fields: errorFields(event.error),
      }
    case 'job-ended':
      return endedLine(event)
    case 'job-unsettled':
      return {
        level: 'warn',
        text: `the end of the job could not be written down; again in ${durationText(event.inMs)}: ${formatError(event.error)}`,
        fields: errorFields(event.error),
      }
    case 'registry-damaged':
      return { level: 'error', text: formatError(event.error), fields: errorFields(event.error) }
    case 'task-manager':
      return taskManagerLine(event)
    case 'connection-refused':
      return {
        level: 'warn',
        text: `a connection from ${event.remote} was refused: ${formatError(event.error)}`,
        fields: errorFields(event.error),
      }
  }
}

function taskManagerLine(event: Extract<ClusterEvent, { readonly kind: 'task-manager' }>): LogLine {
  const { id, host, what, error, concern } = event
  const text = `TaskManager ${id} on ${host}: ${what}`
  if (error === undefined)
    return { level: concern === true ? 'warn' : 'info', text, fields: { taskManager: id, taskManagerHost: host } }
  return {
    level: 'warn',
    text: `${text} ${formatError(error)}`,
    fields: { taskManager: id, taskManagerHost: host, ...errorFields(error) },
  }
}

function endedLine({ name, state, error }: Extract<ClusterEvent, { readonly kind: 'job-ended' }>): LogLine {
  const text = `job "${name}" has ended: ${state}${error === undefined ? '' : `: ${formatError(error)}`}`
  return { level: state === 'FAILED' ? 'error' : 'info', text, fields: error === undefined ? {} : errorFields(error) }
}

function jobLines(event: JobEvent): readonly LogLine[] {
  if (event.kind === 'state-changed')
    return [{ level: 'info', text: `the job is ${event.state}`, fields: { attempt: event.attempt } }]
  if (event.kind === 'checkpoint-completed') {
    const text = `checkpoint ${event.checkpoint} completed in ${durationText(event.durationMs)} (${bytesText(event.stateBytes)})`
    const fields = {
      checkpoint: event.checkpoint,
      durationMs: Math.round(event.durationMs),
      stateBytes: event.stateBytes,
    }
    return [{ level: 'debug', text, fields }]
  }
  if (event.kind === 'failed') return [failedLine(event)]
  const error = 'error' in event ? event.error : event.kind === 'failure-merged' ? event.failure.error : undefined
  const fields = {
    ...('checkpoint' in event ? { checkpoint: event.checkpoint } : {}),
    ...(error === undefined ? {} : errorFields(error)),
  }
  return eventLines(event).map((text) => ({ level: error === undefined ? 'info' : 'warn', text, fields }))
}

function failedLine({ failure }: Extract<JobEvent, { readonly kind: 'failed' }>): LogLine {
  const { error, vertex, subtask, slot, attempt } = failure
  return { level: 'warn', text: formatError(error), fields: { ...errorFields(error), vertex, subtask, slot, attempt } }
}

export function logTaskManagerEvent(log: Log, event: TaskManagerEvent): void {
  const error = 'error' in event ? event.error : undefined
  const slot: LogFields =
    'allocation' in event ? { jobName: event.job, slot: event.slot, allocation: event.allocation } : {}
  const fields = { ...slot, ...(error === undefined ? {} : errorFields(error)) }
  log.write(taskManagerLevel(event), taskManagerEventText(event), fields)
}

function taskManagerLevel(event: TaskManagerEvent): LogLevel {
  if (event.kind === 'dropped') return 'debug'
  if (!('error' in event) || event.error === undefined) return 'info'
  return event.kind === 'ended' ? 'debug' : 'warn' // the process ends with the same error, and says it
}

export function logRestEvent(log: Log, event: RestEvent): void {
  if (event.kind === 'changed') log.write('info', `REST: ${event.operation} ${event.path}`, { status: event.status })
  else log.write('error', `REST: ${event.path} broke: ${formatError(event.error)}`, errorFields(event.error))
}
