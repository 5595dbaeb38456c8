/**
 * A TaskManager as a process: the real network, threads as slots, its log and metrics for the REST API.
 *
 * Owns: the wiring, the folder for job bundles. Does not own: what a TaskManager does (taskmanager/task-manager.ts), signals (cli/).
 */
import { availableParallelism, hostname, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import type { NetworkAddress } from '../base/env.ts'
import { taskManagerId } from '../base/ids.ts'
import { addressText } from '../base/network-address.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { InfoResult } from '../control/cluster-messages.ts'
import type { SlotLauncher } from '../taskmanager/slot-launcher.ts'
import { createTaskManager, TASK_MANAGER_SETTINGS, type TaskManager } from '../taskmanager/task-manager.ts'
import type { TaskManagerEvent } from '../taskmanager/task-manager-events.ts'
import type { LineOutput } from './line-output.ts'
import { serveMetrics, type MetricsServer } from './metrics-server.ts'
import { createNodeEnv, nodeClock } from './node-env.ts'
import { packageVersion } from './package-version.ts'
import type { ProcessLog } from './process-log.ts'
import {
  advertisedHost,
  networkOf,
  tlsOptionsOf,
  uniqueId,
  type ProcessListener,
  type RunningProcess,
} from './process-parts.ts'
import { requireSecret, type ProcessSecurity } from './process-security.ts'
import { claimProcessFolder, type ProcessFolder } from './process-folder.ts'
import { createProcessVitals, type ProcessVitals } from './process-vitals.ts'
import { TaskManagerSight } from './taskmanager-sight.ts'
import { createThreadSlotLauncher } from './thread-slot-launcher.ts'

export interface TaskManagerProcessOptions {
  readonly name: string | undefined
  readonly jobManagers: readonly NetworkAddress[]
  readonly workDir: string | undefined
  readonly options: ResolvedOptions
  readonly security: ProcessSecurity
  readonly log: ProcessLog
  readonly stdout: LineOutput
  readonly onEvent: (event: TaskManagerEvent) => void
}

/** @throws SEC1002, NET1005 */
export async function startTaskManager(
  process: TaskManagerProcessOptions,
  listener: ProcessListener,
): Promise<RunningProcess> {
  const { options, security, workDir } = process
  const { host } = options.cluster.taskManager
  requireSecret({ option: 'taskmanager.host', host, tls: security.tls }, security.secret)
  const id = uniqueId(process.name)
  const vitals = createProcessVitals({ role: 'taskmanager', id, host: hostname() })
  process.log.identify({ taskManager: id, host: hostname() })
  const sight = sightOf(process, id, vitals)
  const metrics = await metricsOf(process, sight)
  const folder = claimProcessFolder(workDir === undefined ? tmpdir() : resolve(workDir), id)
  const copies = copyFolderOf(process, id, folder)
  const taskManager = taskManagerOf(process, listener, {
    id,
    folder: folder.path,
    copyRoot: copies.path,
    vitals,
    sight,
    metrics,
  })
  sight.show(() => taskManager.status())
  taskManager.start()
  return {
    ready: { name: process.name ?? id },
    async stop() {
      await taskManager.stop()
      await metrics?.close()
      vitals.stop()
      copies.remove()
      folder.remove()
    },
  }
}

/** Of local copies: below the folder of the process, unless another disk is chosen for them. */
function copyFolderOf({ options }: TaskManagerProcessOptions, id: string, folder: ProcessFolder): ProcessFolder {
  const { localDir } = options.cluster.taskManager
  return localDir === ''
    ? { path: join(folder.path, 'copies'), remove: () => {} }
    : claimProcessFolder(resolve(localDir), id)
}

interface Parts {
  readonly id: string
  readonly folder: string
  readonly copyRoot: string
  readonly vitals: ProcessVitals
  readonly sight: TaskManagerSight
  readonly metrics: MetricsServer | undefined
}

function sightOf({ options, log }: TaskManagerProcessOptions, id: string, vitals: ProcessVitals): TaskManagerSight {
  const { slotCount } = options.cluster.taskManager
  return new TaskManagerSight({
    id,
    host: hostname(),
    slotCount,
    memoryBytes: memoryBytes(),
    cpuCores: availableParallelism(),
    clock: nodeClock,
    vitals,
    log,
  })
}

function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity)
}

async function metricsOf(
  { options, log }: TaskManagerProcessOptions,
  sight: TaskManagerSight,
): Promise<MetricsServer | undefined> {
  const { metrics, taskManager } = options.cluster
  if (metrics.port === 'off') return undefined
  const server = await serveMetrics({ host: taskManager.host, port: metrics.port }, sight)
  log.write('info', `metrics and health are at http://${addressText(server.address)}`)
  return server
}

function taskManagerOf(
  { jobManagers, options, security, log, stdout, onEvent }: TaskManagerProcessOptions,
  listener: ProcessListener,
  { id, folder, copyRoot, vitals, sight, metrics }: Parts,
): TaskManager {
  const { slotCount } = options.cluster.taskManager
  const printed = printedTo(stdout, log)
  const launcher = launcherOf({ options, security, log }, printed, copyRoot)
  return createTaskManager({
    env: createNodeEnv({
      stdout: { writeLine: (line) => printed.printLine(line) },
      network: networkOf(security.tls),
    }),
    facts: {
      id: taskManagerId(id),
      host: hostname(),
      pid: process.pid,
      slotCount,
      version: packageVersion(),
      memoryBytes: memoryBytes(),
      cpuCores: availableParallelism(),
      ...(metrics === undefined ? {} : { metricsAddress: metrics.address }),
    },
    jobManagers,
    secret: security.secret,
    launcher: sight.slots.measured(launcher),
    artifactFolder: folder,
    settings: {
      ...TASK_MANAGER_SETTINGS,
      artifacts: { ...TASK_MANAGER_SETTINGS.artifacts, bytesMax: options.cluster.artifactBytesMax },
    },
    vitals: () => vitals.read(),
    answer: async (question): Promise<InfoResult> => ({
      kind: 'text',
      text: question.kind === 'log' ? log.newest(question.bytesMax) : sight.metricsText(),
    }),
    listener: (event) => {
      sight.meters.note(event)
      onEvent(event)
    },
    onFatal: (error) => listener.onFatal(error),
  })
}

function launcherOf(
  { options, security, log }: Pick<TaskManagerProcessOptions, 'options' | 'security' | 'log'>,
  output: ReturnType<typeof printedTo>,
  copyRoot: string,
): SlotLauncher {
  const { slotCount, host, dataPort } = options.cluster.taskManager
  return createThreadSlotLauncher({
    slotCount,
    host: advertisedHost(host),
    listenHost: host,
    dataPort,
    secret: security.secret,
    tls: tlsOptionsOf(security.tls),
    frameBytesMax: options.cluster.frameBytesMax,
    output,
    copyRoot,
    onNote: (text) => log.write('info', text),
    clock: nodeClock,
    watchdog: process.execArgv.some((flag) => flag.startsWith('--inspect')) ? 'off' : 'on',
  })
}

/** What jobs print goes to stdout, and can be looked up with the log. */
function printedTo(stdout: LineOutput, log: ProcessLog) {
  return {
    printLine(line: string): void {
      stdout.writeLine(line)
      log.keep(line)
    },
    consoleText(_stream: 'stdout' | 'stderr', text: string): void {
      stdout.write(text)
      log.keep(text.trimEnd())
    },
  }
}
