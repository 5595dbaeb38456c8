/**
 * The processes of a simulated cluster: JobManagers and TaskManagers, each on an `Env` of its own, from their start to their end.
 *
 * Owns: how one process is put together. Does not own: when it starts and ends (cluster-sim-host.ts), what breaks (cluster-sim-faults.ts).
 */
import type { JobDefinition } from '../api/define-job.ts'
import type { Env, NetworkAddress } from '../base/env.ts'
import type { EngineError } from '../base/errors.ts'
import { taskManagerId } from '../base/ids.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import { type PlannedJob, planDefinition, slotSettingsOf } from '../cluster/job-module.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import type { LogicalNode } from '../graph/logical-graph.ts'
import type { ClusterEvent } from '../jobmanager/cluster-events.ts'
import type { LoadedJob } from '../jobmanager/cluster-job.ts'
import { createJobManager, type JobManager } from '../jobmanager/job-manager.ts'
import {
  type InlineLauncherOptions,
  type InlineSlotLauncher,
  inlineSlotLauncher,
} from '../taskmanager/inline-launcher.ts'
import type { SlotLaunch, SlotLauncher } from '../taskmanager/slot-launcher.ts'
import { createTaskManager, type TaskManager } from '../taskmanager/task-manager.ts'
import type { TaskManagerEvent } from '../taskmanager/task-manager-events.ts'
import { watchedGraph } from './cluster-sim-graph.ts'
import { type ClusterShape, SIM_DATA_LIMITS, SIM_TASK_MANAGER_SETTINGS, hostNames } from './cluster-sim-shape.ts'
import type { DeploymentChecks } from './cluster-sim-checks.ts'
import { simGraph } from './sim-graph.ts'
import type { SimHooks } from './sim-process.ts'

/** Where everything that the processes share is. */
export const SHARED_ROOT = '/.cluster'
/** Of the control connections. */
const CONTROL_PORT = 6123

/** Ways to break the cluster from outside: for tests that show that the rules find it. */
export interface ClusterHooks extends SimHooks {
  readonly wrapJobManagerEnv?: (env: Env) => Env
  readonly wrapTaskManagerEnv?: (env: Env) => Env
  readonly wrapLauncher?: (launcher: SlotLauncher) => SlotLauncher
}

/** What all processes of one run have in common. */
export interface ClusterParts {
  readonly jobOn: (env: Env) => JobDefinition
  readonly shape: ClusterShape
  readonly hooks: ClusterHooks
  readonly checks: DeploymentChecks
  /** Called before each record of each operator; may throw as user code. */
  readonly onRecord: (operator: string) => void
}

export interface JobManagerSetup {
  readonly host: string
  /** Unique for ever. */
  readonly id: string
  readonly env: Env
  readonly onEvent: (event: ClusterEvent) => void
}

export function simJobManager(parts: ClusterParts, { host, id, env, onEvent }: JobManagerSetup): JobManager {
  const { shape, hooks } = parts
  return createJobManager({
    env: hooks.wrapJobManagerEnv?.(env) ?? env,
    id,
    storageRoot: SHARED_ROOT,
    listen: { host, port: CONTROL_PORT },
    advertised: { host, restUrl: `http://${host}` },
    secret: undefined,
    version: VERSION,
    settings: {
      leadership: shape.leadership,
      control: shape.control,
      slots: shape.pool,
      artifactBytesMax: 1024 * 1024,
    },
    loadJob: async (spec) => loadedJob(parts, env, spec),
    listener: onEvent,
    logText: () => '',
    metricsText: () => '',
  })
}

const VERSION = '1.0.0'

export interface TaskManagerSetup {
  readonly host: string
  /** Unique for ever. */
  readonly id: string
  readonly slots: number
  readonly env: Env
  readonly onEvent: (event: TaskManagerEvent) => void
  readonly onFatal: (error: EngineError) => void
}

export interface SimTaskManager {
  readonly manager: TaskManager
  readonly launcher: InlineSlotLauncher
}

export function simTaskManager(parts: ClusterParts, setup: TaskManagerSetup): SimTaskManager {
  const { hooks, shape } = parts
  const { host, id, slots, onEvent, onFatal } = setup
  const env = hooks.wrapTaskManagerEnv?.(setup.env) ?? setup.env
  const launcher = watchedLauncher(parts, { host, id, env })
  const manager = createTaskManager({
    env,
    facts: { id: taskManagerId(id), host, pid: 1, slotCount: slots, version: VERSION, memoryBytes: 1, cpuCores: 1 },
    jobManagers: hostNames('jm', shape.jobManagers).map((name): NetworkAddress => ({ host: name, port: CONTROL_PORT })),
    secret: undefined,
    launcher: hooks.wrapLauncher?.(launcher) ?? launcher,
    artifactFolder: `/.local/${id}`,
    settings: SIM_TASK_MANAGER_SETTINGS,
    vitals: () => ({ heapUsedBytes: 1, cpuRatio: 0, eventLoopDelayMs: 0 }),
    answer: async () => ({ kind: 'text', text: '' }),
    listener: onEvent,
    onFatal,
  })
  return { manager, launcher }
}

interface LauncherPlace {
  readonly host: string
  readonly id: string
  readonly env: Env
}

/** Each slot has a graph of its own, which tells on whose behalf it works. */
function watchedLauncher(parts: ClusterParts, { host, id, env }: LauncherPlace): InlineSlotLauncher {
  const { shape, checks, hooks } = parts
  const { itemsPerTurn, loopSteps } = shape
  let launching: SlotLaunch | undefined
  const options: InlineLauncherOptions = {
    env,
    loadJob: async (spec) => {
      const { graph, options } = planned(parts, env, spec)
      const watch = checks.slot(id, launching?.allocation ?? '')
      return { graph: watchedGraph(graph, watch), settings: slotSettingsOf(options) }
    },
    storage: (world, { storageRoot }) => (storageRoot === undefined ? undefined : storeOn(world, storageRoot, hooks)),
    host,
    secret: undefined,
    dataLimits: SIM_DATA_LIMITS,
    limits: { turnMs: 2, stepsMax: loopSteps },
    bundles: 'needed',
    links: { framesPerTurn: itemsPerTurn },
    messagesPerTurn: itemsPerTurn,
  }
  const inner = inlineSlotLauncher(options)
  return {
    bundles: inner.bundles,
    launch: (launch, listener) => {
      launching = launch
      const slot = inner.launch(launch, listener)
      return {
        send: (message) => {
          if (message.kind === 'deploy') checks.onDeploy(launch.allocation, message.deployment)
          slot.send(message)
        },
        kill: (error) => slot.kill(error),
        end: () => slot.end(),
      }
    },
    leaseUntil: (untilMs) => inner.leaseUntil(untilMs),
    living: () => inner.living(),
    lose: (launch, error) => inner.lose(launch, error),
  }
}

function storeOn({ disk, random }: Env, root: string, hooks: SimHooks): DirectoryStore {
  return new DirectoryStore({ disk: hooks.wrapStoreDisk?.(disk) ?? disk, root, random })
}

function planned(parts: ClusterParts, env: Env, { params, layers }: JobSpec): PlannedJob {
  const { jobOn, shape, hooks, onRecord } = parts
  const values = { ...shape.options, ...hooks.options }
  const plan = planDefinition(jobOn(env), params, [...layers, { origin: 'simulator', values }])
  const wrapNode: ((node: LogicalNode) => LogicalNode) | undefined = hooks.wrapNode
  const graphOptions = { onRecord, ratePerSecond: shape.ratePerSecond, ...(wrapNode === undefined ? {} : { wrapNode }) }
  return { ...plan, graph: simGraph(plan.graph, graphOptions) }
}

function loadedJob(parts: ClusterParts, env: Env, spec: JobSpec): LoadedJob {
  const { graph, options, warnings } = planned(parts, env, spec)
  return { graph, options, warnings, optionTexts: {} }
}
