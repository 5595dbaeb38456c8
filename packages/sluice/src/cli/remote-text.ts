/** What the remote commands print for people. Pure: the time comes in. */
import type { CheckpointView, CheckpointsBody } from '../rest/checkpoint-types.ts'
import type { ExceptionEntry, JobDetails, JobSummary, TaskManagerSummary } from '../rest/rest-types.ts'
import { bytesText, countText, durationText, shareText } from './format.ts'
import { table } from './progress-text.ts'

export function jobListLines(jobs: readonly JobSummary[]): readonly string[] {
  if (jobs.length === 0) return ['There are no jobs.']
  const newestFirst = [...jobs].sort((a, b) => b['start-time'] - a['start-time'])
  const rows = newestFirst.map(({ jid, name, state, duration, tasks, sluice, ...job }) => [
    jid,
    name,
    state,
    timeText(job['start-time']),
    durationText(duration),
    `${tasks.running}/${tasks.total}`,
    String(sluice.restartCount),
  ])
  return table([['JOB', 'NAME', 'STATE', 'STARTED', 'FOR', 'TASKS', 'RESTARTS'], ...rows])
}

function timeText(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z')
}

export function jobLines(job: JobDetails, failures: readonly ExceptionEntry[]): readonly string[] {
  const { sluice } = job
  const facts = [
    ['job', `${job.name} (${job.jid})`],
    ['state', `${job.state}, ${sluice.phase}`],
    [
      'started',
      `${timeText(job['start-time'])}, ${durationText(job.duration)} ${job['end-time'] < 0 ? 'ago' : 'long'}`,
    ],
    ['slots', `${sluice.slotsHeld} of ${sluice.slotsWanted}`],
    ['restarts', String(sluice.restartCount)],
    ['checkpoints', checkpointFact(job)],
    ['records in', countText(sluice.recordsRead)],
    ...optional('waits', sluice.waiting),
    ...optional('error', sluice.error === null ? null : `[${sluice.error.code}] ${sluice.error.message}`),
  ]
  return [...table(facts), ...vertexLines(job), ...failureLines(failures)]
}

function optional(name: string, text: string | null): readonly (readonly string[])[] {
  return text === null ? [] : [[name, text]]
}

function checkpointFact({ sluice: { checkpoints } }: JobDetails): string {
  if (checkpoints === null) return 'off'
  const { completed, failed, last } = checkpoints
  const counts = `${completed} completed, ${failed} failed`
  return last === null
    ? counts
    : `${counts}; the last is ${last.checkpoint} (${durationText(last.durationMs)}, ${bytesText(last.stateBytes)})`
}

function vertexLines({ vertices }: JobDetails): readonly string[] {
  if (vertices.length === 0) return []
  const rows = vertices.map(({ name, parallelism, status, metrics, sluice }) => [
    sluice.uid,
    name,
    status,
    parallelism === sluice.wantedParallelism ? String(parallelism) : `${parallelism} of ${sluice.wantedParallelism}`,
    countText(metrics['read-records']),
    countText(metrics['write-records']),
    typeof sluice.watermark === 'number' ? timeText(sluice.watermark) : sluice.watermark,
    shareText(sluice.busyRatioMax),
    shareText(sluice.backPressuredRatioMax),
  ])
  return ['', ...table([['UID', 'OPERATORS', 'STATE', 'TASKS', 'IN', 'OUT', 'WATERMARK', 'BUSY', 'BLOCKED'], ...rows])]
}

function failureLines(failures: readonly ExceptionEntry[]): readonly string[] {
  if (failures.length === 0) return []
  const lines = failures.map(({ timestamp, stacktrace, taskName, endpoint }) => {
    const place = [taskName, endpoint].filter((text) => text !== null).join(' on ')
    return `${timeText(timestamp)}  ${stacktrace.split('\n')[0] ?? ''}${place === '' ? '' : ` (${place})`}`
  })
  return ['', 'Failures, newest first:', ...lines.map((line) => `  ${line}`)]
}

export function checkpointLines({ counts, latest, history }: CheckpointsBody): readonly string[] {
  const { completed, failed, in_progress: running } = counts
  const head = `${completed} completed, ${failed} failed, ${running} under way${latest.restored === null ? '' : `; restored from ${latest.restored.id}`}`
  if (history.length === 0) return [head]
  return [
    head,
    '',
    ...table([['ID', 'STATE', 'TRIGGERED', 'TOOK', 'SIZE', 'PLACE OR REASON'], ...history.map(checkpointRow)]),
  ]
}

function checkpointRow(view: CheckpointView): readonly string[] {
  const isDone = view.status === 'COMPLETED'
  return [
    String(view.id),
    view.status,
    timeText(view.trigger_timestamp),
    isDone ? durationText(view.end_to_end_duration) : '–',
    isDone ? bytesText(view.state_size) : '–',
    view.external_path ?? view.failure_message ?? '',
  ]
}

export function taskManagerLines(taskManagers: readonly TaskManagerSummary[], nowMs: number): readonly string[] {
  if (taskManagers.length === 0) return ['There are no TaskManagers. Start one with: sluice taskmanager']
  const rows = taskManagers.map(({ id, slotsNumber, freeSlots, hardware, timeSinceLastHeartbeat, sluice }) => [
    id,
    sluice.host,
    String(sluice.pid),
    `${freeSlots}/${slotsNumber}`,
    String(hardware.cpuCores),
    sluice.cpuRatio === null ? '–' : shareText(sluice.cpuRatio),
    bytesText(hardware.physicalMemory - hardware.freeMemory),
    `${durationText(Math.max(0, nowMs - timeSinceLastHeartbeat))} ago`,
    sluice.version,
  ])
  return table([['TASKMANAGER', 'HOST', 'PID', 'FREE', 'CORES', 'CPU', 'HEAP', 'SEEN', 'VERSION'], ...rows])
}
