/** How long a job takes from its submission until all its tasks run: a whole cluster in this process, over real sockets and a real folder. */
import { join } from 'node:path'
import { taskManagerId } from '../../packages/sluice/src/base/ids.ts'
import { DirectoryStore } from '../../packages/sluice/src/checkpoint/stores/directory-store.ts'
import { slotSettingsOf } from '../../packages/sluice/src/cluster/job-module.ts'
import { FRAME_BYTES_MAX } from '../../packages/sluice/src/control/frame-codec.ts'
import { dataLimits } from '../../packages/sluice/src/taskmanager/data-server.ts'
import { inlineSlotLauncher } from '../../packages/sluice/src/taskmanager/inline-launcher.ts'
import { createTaskManager, type TaskManager } from '../../packages/sluice/src/taskmanager/task-manager.ts'
import { withTempFolder } from '../temp-folder.ts'
import { planWideJob, type WideShape } from '../workload/wide-job.ts'
import { BENCH_VERSION, HOST, startBenchJobManager, until, type BenchJobManager } from './bench-job-manager.ts'

export interface DeployTask extends WideShape {
  readonly taskManagers: number
}

export interface DeployMeasurement {
  /** From the submission until the JobManager knows that all tasks run. */
  readonly runningMs: number
  /** Until the first checkpoint was completed: every channel carries. */
  readonly checkpointedMs: number
}

const WATCHDOG_MS = 60_000

export function measureDeploy(task: DeployTask): Promise<DeployMeasurement> {
  return withTempFolder(async (folder) => {
    const jobManager = await startBenchJobManager(folder, task)
    const taskManagers = Array.from({ length: task.taskManagers }, (_, index) =>
      startTaskManager(jobManager, { task, index, folder }),
    )
    const { manager, checkpointsMs, running, ended } = jobManager
    await until('all are registered', () => manager.api.overview().taskManagers === task.taskManagers)
    const beginMs = performance.now()
    const job = await jobManager.submit()
    await until('all tasks run', () => running.has(job))
    const runningMs = performance.now() - beginMs
    await until('the first checkpoint is there', () => checkpointsMs.length > 0)
    const checkpointedMs = performance.now() - beginMs
    await manager.api.cancel(job)
    await until('the job has ended', () => ended.has(job))
    await jobManager.stop()
    for (const taskManager of taskManagers) await taskManager.stop()
    return { runningMs, checkpointedMs }
  })
}

interface Place {
  readonly task: DeployTask
  readonly index: number
  readonly folder: string
}

function startTaskManager({ env, manager }: BenchJobManager, { task, index, folder }: Place): TaskManager {
  const { graph, options } = planWideJob(task)
  const taskManager = createTaskManager({
    env,
    facts: {
      id: taskManagerId(`tm-${index}`),
      host: HOST,
      pid: process.pid,
      slotCount: task.parallelism / task.taskManagers,
      version: BENCH_VERSION,
      memoryBytes: 8e9,
      cpuCores: 1,
    },
    jobManagers: [manager.address()],
    secret: undefined,
    launcher: inlineSlotLauncher({
      env,
      loadJob: async () => ({ graph, settings: slotSettingsOf(options) }),
      storage: ({ disk, random }, { storageRoot }) =>
        storageRoot === undefined ? undefined : new DirectoryStore({ disk, root: storageRoot, random }),
      host: HOST,
      secret: undefined,
      dataLimits: dataLimits(WATCHDOG_MS, FRAME_BYTES_MAX),
      bundles: 'none',
    }),
    artifactFolder: join(folder, `tm-${index}`),
    vitals: () => ({ heapUsedBytes: 1, cpuRatio: 0, eventLoopDelayMs: 0 }),
    answer: async () => ({ kind: 'text', text: '' }),
    listener: () => {},
    onFatal: (error) => {
      throw error
    },
  })
  taskManager.start()
  return taskManager
}
