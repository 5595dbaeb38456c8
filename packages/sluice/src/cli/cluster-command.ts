/** `sluice cluster start|stop|status`: a cluster of several processes on this machine. */
import { EngineError } from '../base/errors.ts'
import { ClusterFiles, type ProcessRecord } from '../cluster/cluster-files.ts'
import type { LineOutput } from '../cluster/line-output.ts'
import {
  localProcesses,
  startLocalCluster,
  stopLocalCluster,
  type LocalClusterParts,
  type LocalProcess,
} from '../cluster/local-cluster.ts'
import { systemProcesses } from '../cluster/process-identity.ts'
import type { ClusterOverviewBody } from '../rest/rest-types.ts'
import type { ClusterArguments } from './daemon-arguments.ts'
import { EXIT } from './exit-codes.ts'
import { table } from './progress-text.ts'
import { RemoteClient } from './remote-client.ts'

/** Of one look at a REST API that may not be there. */
const LOOK_TIMEOUT_MS = 2000
const DIR = '.sluice-cluster'

/** @throws CLU1010 */
export async function clusterCommand(asked: ClusterArguments, stdout: LineOutput, stderr: LineOutput): Promise<number> {
  const parts = partsOf(asked, stderr)
  if (asked.action === 'start') {
    const processes = await startLocalCluster(parts, asked)
    for (const line of await startedLines(asked, processes)) stdout.writeLine(line)
    return EXIT.done
  }
  if (asked.action === 'stop') {
    for (const line of stoppedLines(asked, parts, await stopLocalCluster(parts))) stdout.writeLine(line)
    return EXIT.done
  }
  const processes = localProcesses(parts)
  for (const line of await statusLines(asked, parts, processes)) stdout.writeLine(line)
  return processes.length > 0 && processes.every(({ state }) => state === 'ready') ? EXIT.done : EXIT.failed
}

function partsOf({ dir }: ClusterArguments, stderr: LineOutput): LocalClusterParts {
  return {
    files: new ClusterFiles(dir ?? DIR),
    processes: systemProcesses(),
    note: (text) => stderr.writeLine(text),
    registered: async (url) => (await overviewAt(url))?.taskmanagers,
  }
}

/** Undefined while it cannot be had. */
async function overviewAt(url: string): Promise<ClusterOverviewBody | undefined> {
  const token = process.env['SLUICE_TOKEN']
  const client = new RemoteClient({ url, timeoutMs: LOOK_TIMEOUT_MS, ...(token === undefined ? {} : { token }) })
  try {
    return await client.overview()
  } catch (thrown) {
    if (thrown instanceof EngineError) return undefined // NET1006 and others: not there yet, not any more, or not for this token
    throw thrown
  }
}

/** The first that answers. */
async function overviewOf(
  processes: readonly LocalProcess[],
): Promise<{ readonly url: string; readonly overview: ClusterOverviewBody } | undefined> {
  for (const { ready, state } of processes) {
    const url = ready?.restUrl
    if (url === undefined || state !== 'ready') continue
    const overview = await overviewAt(url)
    if (overview !== undefined) return { url, overview }
  }
  return undefined
}

async function startedLines(
  { form, settings }: ClusterArguments,
  processes: readonly LocalProcess[],
): Promise<readonly string[]> {
  const seen = await overviewOf(processes)
  if (form === 'json')
    return [JSON.stringify({ processes: processes.map(jsonOf), overview: seen?.overview ?? null, settings })]
  const url = seen?.url ?? processes.find(({ ready }) => ready?.restUrl !== undefined)?.ready?.restUrl ?? ''
  return [
    `The cluster is ready: ${seen?.overview.taskmanagers ?? 0} TaskManagers with ${seen?.overview['slots-total'] ?? 0} slots. REST API: ${url}`,
    `  sluice run --jobmanager ${url} JOB.ts    runs a job in it`,
    '  sluice cluster status                    shows its processes',
    '  sluice cluster stop                      stops it',
  ]
}

function stoppedLines(
  { form }: ClusterArguments,
  { files }: LocalClusterParts,
  stopped: readonly ProcessRecord[],
): readonly string[] {
  if (form === 'json')
    return [JSON.stringify({ stopped: stopped.map(({ name, identity }) => ({ name, pid: identity.pid })) })]
  if (stopped.length === 0) return [`No local cluster runs in ${files.root}.`]
  return [
    `Stopped ${stopped.map(({ name }) => name).join(', ')}. Jobs that ran go on after the next start; they are in ${files.storage}.`,
  ]
}

async function statusLines(
  { form }: ClusterArguments,
  { files }: LocalClusterParts,
  processes: readonly LocalProcess[],
): Promise<readonly string[]> {
  const seen = await overviewOf(processes)
  if (form === 'json') return [JSON.stringify({ processes: processes.map(jsonOf), overview: seen?.overview ?? null })]
  if (processes.length === 0) return [`No local cluster runs in ${files.root}. Start one with: sluice cluster start`]
  const rows = processes.map(({ name, identity, state, ready }) => [
    name,
    String(identity.pid),
    state,
    ready?.restUrl ?? ready?.control ?? '',
    files.log(name),
  ])
  return [...table([['PROCESS', 'PID', 'STATE', 'REST API', 'LOG'], ...rows]), '', overviewLine(seen?.overview)]
}

function overviewLine(overview: ClusterOverviewBody | undefined): string {
  if (overview === undefined) return 'No JobManager answers.'
  const { taskmanagers } = overview
  const slots = `${overview['slots-available']} of ${overview['slots-total']} slots free`
  const jobs = `${overview['jobs-running']} running, ${overview['jobs-finished']} finished, ${overview['jobs-cancelled']} cancelled, ${overview['jobs-failed']} failed`
  return `${taskmanagers} TaskManagers, ${slots}; jobs: ${jobs}; leader epoch ${overview.sluice.epoch}`
}

function jsonOf({ name, role, identity, state, ready }: LocalProcess): object {
  return { name, role, pid: identity.pid, state, restUrl: ready?.restUrl ?? null, control: ready?.control ?? null }
}
