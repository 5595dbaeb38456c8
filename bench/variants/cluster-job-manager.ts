/** What a JobManager costs: the time of its own process, while TaskManagers in another one say what real ones would say. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { withTempFolder } from '../temp-folder.ts'
import { threadCpuMs } from '../workload/stopwatch.ts'
import type { WideShape } from '../workload/wide-job.ts'
import { startBenchJobManager, until, type BenchJobManager } from './bench-job-manager.ts'

export interface JobManagerTask extends WideShape {
  readonly taskManagers: number
  /** Of the measured time; a multiple of the interval of the checkpoints. */
  readonly steadyMs: number
}

export interface JobManagerMeasurement {
  /** From the first connection to the last registration. */
  readonly register: Cost
  /** From the submission until all tasks run. */
  readonly deploy: Cost
  /** Heartbeats, reports and checkpoints. */
  readonly steady: Cost
  /** From the request to stop, with a last checkpoint, to the end. */
  readonly stop: Cost
  readonly checkpoints: number
  readonly checkpointMaxMs: number
}

/** Of one part of the run. */
export interface Cost {
  readonly wallMs: number
  /** Of the thread of the JobManager. */
  readonly cpuMs: number
  /** Of the wall time, what the event loop did not wait for events, 0 to 1: with what it waited for a processor. */
  readonly busy: number
  /** The longest time in which it heard nobody, within a few milliseconds. */
  readonly pauseMaxMs: number
}

const DELAY_RESOLUTION_MS = 5
const TASK_MANAGERS = fileURLToPath(new URL('./cluster-task-managers.ts', import.meta.url))

export function measureJobManager(task: JobManagerTask): Promise<JobManagerMeasurement> {
  return withTempFolder(async (folder) => {
    const jobManager = await startBenchJobManager(folder, task)
    const child = startTaskManagers(jobManager, task)
    try {
      return await measured(jobManager, task)
    } finally {
      await jobManager.stop()
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
  })
}

async function measured(jobManager: BenchJobManager, task: JobManagerTask): Promise<JobManagerMeasurement> {
  const { manager, checkpointsMs } = jobManager
  const register = await cost(() =>
    until('all are registered', () => manager.api.overview().taskManagers === task.taskManagers),
  )
  const submitted = await jobManager.submit()
  const deploy = await cost(() => until('all tasks run', () => jobManager.running.has(submitted)))
  await until('the first checkpoint is there', () => checkpointsMs.length > 0) // compiled, and at a known place of the interval
  const before = checkpointsMs.length
  const steady = await cost(() => delay(task.steadyMs))
  const ofSteady = checkpointsMs.slice(before)
  const stop = await cost(async () => {
    await manager.api.stop(submitted)
    await until('the job has ended', () => jobManager.ended.has(submitted))
  })
  return {
    register,
    deploy,
    steady,
    stop,
    checkpoints: ofSteady.length,
    checkpointMaxMs: Math.max(0, ...ofSteady),
  }
}

function startTaskManagers({ manager }: BenchJobManager, task: JobManagerTask): ChildProcess {
  const { taskManagers, vertices, parallelism, checkpointIntervalMs } = task
  const numbers = [manager.address().port, taskManagers, vertices, parallelism, checkpointIntervalMs]
  return spawn(process.execPath, [TASK_MANAGERS, ...numbers.map(String)], { stdio: ['ignore', 'ignore', 'inherit'] })
}

async function cost(run: () => Promise<void>): Promise<Cost> {
  const loop: EventLoopUtilization = performance.eventLoopUtilization()
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  delays.enable()
  const cpuMs = threadCpuMs()
  const beginMs = performance.now()
  await run()
  const busy = performance.eventLoopUtilization(loop).utilization
  delays.disable()
  const pauseMaxMs = delays.max / 1e6
  return { wallMs: performance.now() - beginMs, cpuMs: threadCpuMs() - cpuMs, busy, pauseMaxMs }
}
