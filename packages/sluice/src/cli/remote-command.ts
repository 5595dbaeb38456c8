/** `sluice list`, `show`, `cancel`, `stop`, `checkpoints`, `taskmanagers`, `logs`: one question to a cluster each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../base/errors.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import type { CheckpointsBody, SavepointOutcome } from '../rest/checkpoint-types.ts'
import type { JobSummary } from '../rest/rest-types.ts'
import { EXIT } from './exit-codes.ts'
import type { RemoteInvocation } from './remote-arguments.ts'
import type { RemoteClient } from './remote-client.ts'
import { connect } from './remote-connection.ts'
import { checkpointLines, jobLines, jobListLines, taskManagerLines } from './remote-text.ts'

interface Asking {
  readonly client: RemoteClient
  readonly form: 'text' | 'json'
  readonly stdout: LineOutput
  readonly stderr: LineOutput
}

/** Resolves with the exit code. */
export async function remoteCommand(asked: RemoteInvocation, stdout: LineOutput, stderr: LineOutput): Promise<number> {
  const client = await connect(asked, process.env)
  const asking = { client, form: asked.form, stdout, stderr }
  switch (asked.command) {
    case 'list':
      return show(asking, await client.jobs(), ({ jobs }) => jobListLines(jobs))
    case 'taskmanagers':
      return show(asking, await client.taskManagers(), ({ taskmanagers }) => taskManagerLines(taskmanagers, Date.now()))
    case 'show':
      return showJob(asking, await jobNamed(client, asked.job))
    case 'checkpoints':
      return showCheckpoints(asking, await jobNamed(client, asked.job))
    case 'cancel':
      return cancel(asking, await jobNamed(client, asked.job))
    case 'stop':
      return stop(asking, await jobNamed(client, asked.job), asked.until)
    case 'logs':
      return logs(asking, asked.taskManager)
  }
}

function show<T>({ form, stdout }: Asking, value: T, lines: (value: T) => readonly string[]): number {
  if (form === 'json') stdout.writeLine(JSON.stringify(value, undefined, 2))
  else for (const line of lines(value)) stdout.writeLine(line)
  return EXIT.done
}

async function showJob(asking: Asking, { jid }: JobSummary): Promise<number> {
  const [details, { exceptionHistory }] = await Promise.all([asking.client.job(jid), asking.client.exceptions(jid)])
  return show(asking, { ...details, exceptionHistory }, () => jobLines(details, exceptionHistory.entries))
}

async function showCheckpoints(asking: Asking, { jid }: JobSummary): Promise<number> {
  const body: CheckpointsBody = await asking.client.checkpoints(jid)
  return show(asking, body, checkpointLines)
}

async function cancel(asking: Asking, { jid, name }: JobSummary): Promise<number> {
  await asking.client.cancel(jid)
  return show(asking, { job: jid, name, asked: 'cancel' }, () => [
    `job "${name}" (${jid}) is being cancelled. Its checkpoints are kept.`,
  ])
}

async function stop(asking: Asking, job: JobSummary, until: 'asked' | 'ended'): Promise<number> {
  const { jid, name } = job
  const request = await asking.client.stop(jid)
  if (until === 'asked')
    return show(asking, { job: jid, name, asked: 'stop', request }, () => [
      `job "${name}" (${jid}) is being stopped with a last checkpoint.`,
    ])
  asking.stderr.writeLine(`job "${name}" is being stopped with a last checkpoint`)
  return showStopped(asking, job, await stopped(asking.client, jid, request))
}

const LOOK_INTERVAL_MS = 500

/** A stop has no limit of its own: a last checkpoint takes as long as it takes, and the job ends in any case. */
async function stopped(
  client: RemoteClient,
  job: string,
  request: string,
): Promise<NonNullable<SavepointOutcome['operation']>> {
  for (;;) {
    const { operation } = await client.stopOutcome(job, request)
    if (operation !== undefined) return operation
    await sleep(LOOK_INTERVAL_MS)
  }
}

function showStopped(
  asking: Asking,
  { jid, name }: JobSummary,
  operation: NonNullable<SavepointOutcome['operation']>,
): number {
  if ('failure-cause' in operation) {
    const why = operation['failure-cause']['stack-trace']
    show(asking, { job: jid, name, stopped: false, error: why }, () => [
      `job "${name}" (${jid}) did not stop as asked: ${why}`,
    ])
    return EXIT.failed
  }
  const { location } = operation
  const resumes = location === '' ? 'Checkpointing is off: nothing was kept.' : `Its last checkpoint is ${location}.`
  return show(asking, { job: jid, name, stopped: true, location: location === '' ? null : location }, () => [
    `job "${name}" (${jid}) has stopped. ${resumes}`,
  ])
}

async function logs({ client, form, stdout }: Asking, wanted: string | undefined): Promise<number> {
  const id = wanted === undefined ? undefined : await taskManagerNamed(client, wanted)
  const text = id === undefined ? await client.jobManagerLog() : await client.taskManagerLog(id)
  if (form === 'json')
    stdout.writeLine(JSON.stringify({ taskManager: id ?? null, lines: text.split('\n').filter((line) => line !== '') }))
  else if (text !== '') stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  return EXIT.done
}

/** @throws JOB1105 when none or several fit */
async function jobNamed(client: RemoteClient, wanted: string): Promise<JobSummary> {
  const { jobs } = await client.jobs()
  return chooseJob(jobs, wanted, client.url)
}

const ENDED = ['FINISHED', 'CANCELED', 'FAILED']

/** An id wins over a name, that over the beginning of an id. Of several with one name the one that lives counts, else the newest. */
export function chooseJob(jobs: readonly JobSummary[], wanted: string, url: string): JobSummary {
  const exact = jobs.find(({ jid }) => jid === wanted) ?? newestNamed(jobs, wanted)
  if (exact !== undefined) return exact
  const begun = wanted === '' ? [] : jobs.filter(({ jid }) => jid.startsWith(wanted))
  const [first, second] = begun
  if (first === undefined || second !== undefined) throw noSuchJob(wanted, begun, url)
  return first
}

function newestNamed(jobs: readonly JobSummary[], wanted: string): JobSummary | undefined {
  const named = jobs.filter(({ name }) => name === wanted)
  const living = named.filter(({ state }) => !ENDED.includes(state))
  const [newest] = (living.length > 0 ? living : named).sort((a, b) => b['start-time'] - a['start-time'])
  return newest
}

function noSuchJob(wanted: string, fitting: readonly JobSummary[], url: string): EngineError {
  const what =
    fitting.length === 0
      ? `there is no job ${JSON.stringify(wanted)} at ${url}`
      : `${JSON.stringify(wanted)} fits several jobs: ${fitting.map(({ jid, name }) => `${jid} "${name}"`).join(', ')}`
  return new EngineError('JOB1105', `${what}. Nothing was done. Give the id or the name as \`sluice list\` shows them.`)
}

async function taskManagerNamed(client: RemoteClient, wanted: string): Promise<string> {
  const { taskmanagers } = await client.taskManagers()
  const fitting = taskmanagers.filter(({ id }) => id === wanted || id.startsWith(wanted))
  const exact = fitting.find(({ id }) => id === wanted) ?? (fitting.length === 1 ? fitting[0] : undefined)
  if (exact !== undefined) return exact.id
  const known = taskmanagers.map(({ id }) => id).join(', ')
  throw new EngineError(
    'NET1009',
    `${fitting.length === 0 ? 'no TaskManager has' : 'several TaskManagers have'} an id that begins with ${JSON.stringify(wanted)}. ` +
      `Registered are: ${known === '' ? 'none' : known}. \`sluice logs\` without an id prints the log of the JobManager.`,
  )
}
