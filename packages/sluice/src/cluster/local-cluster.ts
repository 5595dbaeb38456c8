/**
 * A cluster of several processes on this machine, for trying out and for tests: started here, living on by themselves.
 *
 * Owns: the processes from their start to their end, by the records in the cluster's folder (cluster-files.ts).
 *
 * C1 A process counts as one of the cluster when its id and its start time are those of the record: a reused id is another process.
 * C2 A start that fails ends what it had started.
 * C3 JobManagers are stopped first: jobs are then handed over, not failed by the loss of their slots.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../base/errors.ts'
import type { ClusterFiles, ProcessRecord, ProcessRole, ReadyFacts } from './cluster-files.ts'
import { errnoOf } from './disk-failures.ts'
import { identityOf, type ProcessTable } from './process-identity.ts'

export interface LocalClusterPlan {
  readonly jobManagerCount: number
  readonly taskManagerCount: number
  readonly slotCount: number
  /** Options for every process. */
  readonly settings: Readonly<Record<string, string>>
}

export interface LocalClusterParts {
  readonly files: ClusterFiles
  readonly processes: ProcessTable
  /** Progress, in whole lines. */
  readonly note: (text: string) => void
  /** TaskManagers that are registered, as the REST API at this address sees it; undefined when it does not answer. */
  readonly registered: (restUrl: string) => Promise<number | undefined>
}

export interface LocalProcess extends ProcessRecord {
  readonly state: 'ready' | 'starting' | 'gone'
  readonly ready: ReadyFacts | undefined
}

const START_WAIT_MAX_MS = 60_000
const STOP_WAIT_MAX_MS = 20_000
const KILL_WAIT_MAX_MS = 5000
const POLL_MS = 50
const LOG_LINES_SHOWN = 12
const HOST = '127.0.0.1'
const CONTROL_PORT = 6123
const REST_PORT = 8081

/** In order of names: JobManagers, then TaskManagers. */
export function localProcesses({
  files,
  processes,
}: Pick<LocalClusterParts, 'files' | 'processes'>): readonly LocalProcess[] {
  return files.records().map((record) => {
    const isAlive = processes.stateOf(record.identity) === 'alive' // C1
    const ready = files.ready(record.name)
    return { ...record, ready, state: !isAlive ? 'gone' : ready === undefined ? 'starting' : 'ready' }
  })
}

/** Resolves when all JobManagers serve and all TaskManagers are registered. @throws CLU1010; then nothing of it runs */
export async function startLocalCluster(
  parts: LocalClusterParts,
  plan: LocalClusterPlan,
): Promise<readonly LocalProcess[]> {
  const { files, processes } = parts
  const claim = files.claim(processes)
  try {
    refuseSecond(parts)
    for (const { name } of files.records()) files.remove(name)
    files.prepare()
    await startAll(parts, plan)
    return localProcesses(parts)
  } finally {
    claim.release()
  }
}

function refuseSecond(parts: LocalClusterParts): void {
  const living = localProcesses(parts).filter(({ state }) => state !== 'gone')
  if (living.length === 0) return
  const names = living.map(({ name, identity }) => `${name} (process ${identity.pid})`).join(', ')
  throw new EngineError(
    'CLU1010',
    `a local cluster runs already in ${parts.files.root}: ${names}. Nothing was started. Use it, stop it with \`sluice cluster stop\`, or give another --dir.`,
  )
}

async function startAll(parts: LocalClusterParts, plan: LocalClusterPlan): Promise<void> {
  const launches = await launchesOf(parts.files, plan)
  const started: ProcessRecord[] = []
  try {
    for (const launch of launches) started.push(start(parts, launch))
    for (const record of started) await untilReady(parts, record)
    await untilRegistered(parts, started, plan.taskManagerCount)
  } catch (thrown) {
    await endAll(parts, started) // C2
    throw thrown
  }
}

interface Launch {
  readonly name: string
  readonly role: ProcessRole
  readonly flags: readonly string[]
}

async function launchesOf(files: ClusterFiles, plan: LocalClusterPlan): Promise<readonly Launch[]> {
  const settings = Object.entries(plan.settings).flatMap(([key, value]) => ['-D', `${key}=${value}`])
  const common = ['--secret-file', files.secret, ...settings]
  const taken = new Set<number>()
  const controlPorts: number[] = []
  const launches: Launch[] = []
  for (let n = 1; n <= plan.jobManagerCount; n++) {
    const control = await freePort(CONTROL_PORT + n - 1, taken)
    const rest = await freePort(REST_PORT + n - 1, taken)
    controlPorts.push(control)
    const ports = ['--port', String(control), '--rest-port', String(rest)]
    launches.push({
      name: `jobmanager-${n}`,
      role: 'jobmanager',
      flags: ['--storage', files.storage, ...ports, ...common],
    })
  }
  const jobManagers = controlPorts.map((port) => `${HOST}:${port}`).join(',')
  for (let n = 1; n <= plan.taskManagerCount; n++) {
    const flags = ['--jobmanager', jobManagers, '--slots', String(plan.slotCount), ...common]
    launches.push({ name: `taskmanager-${n}`, role: 'taskmanager', flags })
  }
  return launches
}

/** The one that is wished for, or any. */
async function freePort(wished: number, taken: Set<number>): Promise<number> {
  const port = (taken.has(wished) ? undefined : await tryPort(wished)) ?? (await tryPort(0)) ?? wished
  taken.add(port)
  return port
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined)) // taken: the caller asks for another one
    server.listen(port, HOST, () => {
      const address = server.address()
      const found = typeof address === 'object' && address !== null ? address.port : undefined
      server.close(() => resolve(found))
    })
  })
}

const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))

function start({ files }: LocalClusterParts, { name, role, flags }: Launch): ProcessRecord {
  rmSync(files.readyFile(name), { force: true })
  const log = openSync(files.log(name), 'a')
  const words = [COMMAND, role, '--id', name, '--ready-file', files.readyFile(name), ...flags]
  const child = spawn(process.execPath, words, { detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  child.on('error', () => {}) // it has no id then, which is told below
  child.unref()
  if (child.pid === undefined)
    throw new EngineError(
      'CLU1010',
      `${name} could not be started: ${process.execPath} does not run. Nothing is running.`,
    )
  const record = { name, role, identity: identityOf(child.pid) }
  files.add(record)
  return record
}

async function untilReady(
  { files, processes, note }: LocalClusterParts,
  { name, identity }: ProcessRecord,
): Promise<void> {
  const deadline = performance.now() + START_WAIT_MAX_MS
  for (;;) {
    const ready = files.ready(name)
    if (ready !== undefined)
      return note(
        `${name}: process ${identity.pid}${ready.restUrl === undefined ? '' : `, REST API at ${ready.restUrl}`}`,
      )
    if (processes.stateOf(identity) !== 'alive') throw notStarted(files, name, 'ended before it was ready')
    if (performance.now() > deadline) throw notStarted(files, name, `was not ready after ${START_WAIT_MAX_MS / 1000} s`)
    await sleep(POLL_MS)
  }
}

async function untilRegistered(
  parts: LocalClusterParts,
  started: readonly ProcessRecord[],
  wanted: number,
): Promise<void> {
  const { files, processes, note, registered } = parts
  const urls = started.flatMap(({ name }) => files.ready(name)?.restUrl ?? [])
  const deadline = performance.now() + START_WAIT_MAX_MS
  let told = 0
  for (;;) {
    const count = Math.max(0, ...(await Promise.all(urls.map(registered))).map((seen) => seen ?? 0))
    if (count > told) note(`${count} of ${wanted} TaskManagers registered`)
    told = count
    if (count >= wanted) return
    const ended = started.find(({ identity }) => processes.stateOf(identity) !== 'alive')
    if (ended !== undefined) throw notStarted(files, ended.name, 'ended before all TaskManagers were registered')
    if (performance.now() > deadline)
      throw notStarted(
        files,
        started.at(-1)?.name ?? '',
        `was not registered after ${START_WAIT_MAX_MS / 1000} s (${count} of ${wanted} were)`,
      )
    await sleep(POLL_MS)
  }
}

function notStarted(files: ClusterFiles, name: string, what: string): EngineError {
  const lines = lastLines(files.log(name)).map((line) => `\n    ${line}`)
  return new EngineError(
    'CLU1010',
    `${name} ${what}. Nothing of the cluster is running. Its log ${files.log(name)} ends with:${lines.join('')}\n  Correct what it says and start the cluster again.`,
  )
}

function lastLines(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN)
  } catch {
    return ['(no log)'] // the message names the file
  }
}

/** Resolves with what was running. Idempotent. @throws CLU1010 when a process cannot be ended */
export async function stopLocalCluster(parts: LocalClusterParts): Promise<readonly ProcessRecord[]> {
  const claim = parts.files.claim(parts.processes)
  try {
    const living = localProcesses(parts).filter(({ state }) => state !== 'gone')
    await endAll(parts, living)
    for (const { name } of parts.files.records()) parts.files.remove(name)
    return living
  } finally {
    claim.release()
  }
}

async function endAll(parts: LocalClusterParts, records: readonly ProcessRecord[]): Promise<void> {
  for (const role of ['jobmanager', 'taskmanager'] as const) {
    const group = records.filter((record) => record.role === role)
    signal(parts, group, 'SIGTERM')
    const slow = await untilGone(parts, group, STOP_WAIT_MAX_MS)
    for (const { name } of slow) parts.note(`${name} does not end by itself: killed`)
    signal(parts, slow, 'SIGKILL')
    const stuck = await untilGone(parts, slow, KILL_WAIT_MAX_MS)
    if (stuck.length > 0) throw notEnded(stuck)
    for (const { name } of group) parts.files.remove(name)
  }
}

function signal({ processes }: LocalClusterParts, records: readonly ProcessRecord[], name: NodeJS.Signals): void {
  for (const { identity } of records) {
    if (processes.stateOf(identity) !== 'alive') continue // C1
    try {
      process.kill(identity.pid, name)
    } catch (thrown) {
      if (errnoOf(thrown) !== 'ESRCH') throw thrown
    }
  }
}

async function untilGone(
  { processes }: LocalClusterParts,
  records: readonly ProcessRecord[],
  waitMaxMs: number,
): Promise<readonly ProcessRecord[]> {
  const deadline = performance.now() + waitMaxMs
  for (;;) {
    const living = records.filter(({ identity }) => processes.stateOf(identity) === 'alive')
    if (living.length === 0 || performance.now() > deadline) return living
    await sleep(POLL_MS)
  }
}

function notEnded(stuck: readonly ProcessRecord[]): EngineError {
  const names = stuck.map(({ name, identity }) => `${name} (process ${identity.pid})`).join(', ')
  return new EngineError(
    'CLU1010',
    `${names} could not be ended, not even by SIGKILL: it hangs inside the operating system. Its slots may still write until it is gone. Look for a dead network disk, or restart the machine.`,
  )
}
