/** A JobManager in this process, over real sockets and a real folder, for one job that is planned here. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Env } from '../../packages/sluice/src/base/env.ts'
import { formatError } from '../../packages/sluice/src/base/errors.ts'
import type { JobId } from '../../packages/sluice/src/base/ids.ts'
import type { ClusterEvent } from '../../packages/sluice/src/jobmanager/cluster-events.ts'
import { createJobManager, type JobManager } from '../../packages/sluice/src/jobmanager/job-manager.ts'
import { planWideJob, type WideShape } from '../workload/wide-job.ts'
import { benchEnv } from './process-link.ts'

export const BENCH_VERSION = '0.0.0-bench'
export const HOST = '127.0.0.1'
/** Intervals as by default; the limits are generous, because a busy machine is no failure here: the longest pause is a figure of its own. */
const LEADERSHIP = { renewIntervalMs: 1000, leaseMs: 50_000, leaseTimeoutMs: 60_000 }
const CONTROL = { heartbeatIntervalMs: 1000, heartbeatTimeoutMs: 60_000, leaseMs: 50_000 }
const SLOTS = {
  mode: 'fixed',
  slotWaitMs: 300_000,
  restartSlotWaitMs: 300_000,
  settleMs: 0,
  startTimeoutMs: 300_000,
} as const
const POLL_MS = 5
const WAIT_MAX_MS = 4 * 60_000

export interface BenchJobManager {
  readonly env: Env
  readonly manager: JobManager
  /** Checkpoints that were completed so far, with what they took. */
  readonly checkpointsMs: readonly number[]
  /** All tasks of these jobs have run. */
  readonly running: ReadonlySet<JobId>
  /** Jobs whose result is written and whose checkpoints are removed. */
  readonly ended: ReadonlySet<JobId>
  submit(): Promise<JobId>
  stop(): Promise<void>
}

export async function startBenchJobManager(folder: string, shape: WideShape): Promise<BenchJobManager> {
  const env = benchEnv()
  const checkpointsMs: number[] = []
  const running = new Set<JobId>()
  const ended = new Set<JobId>()
  let isStopping = false
  const { graph, options, warnings } = planWideJob(shape)
  const manager = createJobManager({
    env,
    id: 'bench-jm',
    storageRoot: join(folder, 'storage'),
    listen: { host: HOST, port: 0 },
    advertised: { host: HOST, restUrl: 'http://bench.invalid' },
    secret: undefined,
    version: BENCH_VERSION,
    settings: { leadership: LEADERSHIP, control: CONTROL, slots: SLOTS, artifactBytesMax: 1024 },
    loadJob: async () => ({ graph, options, warnings, optionTexts: {} }),
    listener: (event) => {
      if (event.kind === 'job-ended') ended.add(event.job)
      if (isRunning(event)) running.add(event.job)
      if (!isStopping) note(event, checkpointsMs)
    },
    logText: () => '',
    metricsText: () => '',
  })
  await manager.start()
  await until('it leads', () => manager.api.notLeading() === undefined)
  const submit = async (): Promise<JobId> => {
    const artifact = await manager.api.storeArtifact(new TextEncoder().encode('bench'))
    return manager.api.submit({ artifact, params: {}, options: {}, start: 'fresh' })
  }
  const stop = (): Promise<void> => {
    isStopping = true // the TaskManagers are lost then, which is no news
    return manager.stop()
  }
  return { env, manager, checkpointsMs, running, ended, submit, stop }
}

export async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + WAIT_MAX_MS
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`waited too long until ${what}`)
    await delay(POLL_MS)
  }
}

function isRunning(event: ClusterEvent): event is Extract<ClusterEvent, { readonly kind: 'job-event' }> {
  return event.kind === 'job-event' && event.event.kind === 'state-changed' && event.event.state === 'running'
}

function note(event: ClusterEvent, checkpointsMs: number[]): void {
  if (event.kind === 'leadership-lost') throw new Error(`leadership was lost: ${event.reason}`)
  if (event.kind !== 'job-event') {
    if ('error' in event && event.error !== undefined) process.stderr.write(`${formatError(event.error)}\n`)
    return
  }
  const { event: ofJob } = event
  if (ofJob.kind === 'checkpoint-completed') checkpointsMs.push(ofJob.durationMs)
  if (ofJob.kind === 'failed') throw new Error(`the job failed: ${formatError(ofJob.failure.error)}`)
  if (ofJob.kind === 'checkpoint-failed') throw new Error(`a checkpoint failed: ${formatError(ofJob.error)}`)
}
