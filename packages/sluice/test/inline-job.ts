/** Any job in one thread on a manual clock and a disk in memory; functions of the job may look at and change what the test has. */
import { defineJob, type JobDefinition, optionLayerOf } from '../src/api/define-job.ts'
import type { StreamExecutionEnvironment } from '../src/api/stream-execution-environment.ts'
import type { Disk, Sockets } from '../src/base/env.ts'
import { errorFromData } from '../src/base/errors.ts'
import { DirectoryStore } from '../src/checkpoint/stores/directory-store.ts'
import { slotSettingsOf } from '../src/cluster/job-module.ts'
import type { OptionKey } from '../src/config/options.ts'
import { resolveOptions } from '../src/config/resolve-options.ts'
import { planJob } from '../src/graph/planner.ts'
import type { JobMaster } from '../src/jobmanager/job-control.ts'
import type { JobEvent } from '../src/jobmanager/job-events.ts'
import { createJobMaster } from '../src/jobmanager/job-master.ts'
import type { JobResult } from '../src/jobmanager/job-status.ts'
import { placeTasks } from '../src/jobmanager/placement.ts'
import { createInlineSlots, type InlineSlotPool } from '../src/taskmanager/inline-slots.ts'
import { createManualEnv, type ManualEnv } from '../src/testing/manual-env.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'

export const STATE = '/state'
/** Virtual seconds after which a job that has not ended is called stuck. */
const SECONDS_MAX = 600

export interface InlineJob {
  readonly env: ManualEnv
  readonly master: JobMaster
  readonly events: JobEvent[]
  /** Checkpoints that were completed. */
  completed(): number
  /** Lets virtual time pass until the job has ended. */
  toEnd(): Promise<JobResult>
  cancel(): Promise<JobResult>
}

export interface InlineJobOptions {
  readonly options?: Readonly<Partial<Record<OptionKey, string>>>
  readonly params?: Readonly<Record<string, string>>
  readonly disk?: Disk
  /** Default: there is no world outside. */
  readonly sockets?: Sockets
  /** Called with every event, at once. */
  readonly onEvent?: (event: JobEvent, slots: InlineSlotPool) => void
}

/** Starts a job in as many slots as it wants. */
export async function startJob(job: JobDefinition, given: InlineJobOptions = {}): Promise<InlineJob> {
  const { options = {}, params = {}, disk = new MemoryDisk(), sockets, onEvent = () => {} } = given
  const env = createManualEnv({ disk, ...(sockets === undefined ? {} : { sockets }) })
  const logical = job.build(params)
  const values = { 'restart.backoff.jitter': '0', ...options }
  const resolved = resolveOptions([{ origin: 'test', values }, optionLayerOf(logical)])
  const { graph } = planJob(logical, resolved)
  await disk.makeDirectory(STATE)
  const storeOn = (on: Disk): DirectoryStore => new DirectoryStore({ disk: on, root: STATE, random: env.random })
  const store = storeOn(disk)
  const slots = createInlineSlots({
    env,
    graph,
    slotCount: placeTasks(graph).slots.length,
    settings: slotSettingsOf(resolved),
    storage: (world) => storeOn(world.disk),
  })
  const events: JobEvent[] = []
  const epoch = await store.claimEpoch()
  const listener = (event: JobEvent): void => {
    events.push(event)
    onEvent(event, slots)
  }
  const master = createJobMaster({ graph, options: resolved, env, store, slots, params, epoch, listener })
  master.start()
  return {
    env,
    master,
    events,
    completed: () => events.filter(({ kind }) => kind === 'checkpoint-completed').length,
    toEnd: () => toEnd(env, master),
    cancel: () => {
      void master.cancel()
      return toEnd(env, master)
    },
  }
}

/** A checkpoint every second; a failed job restarts after 100 ms. */
export async function startInlineJob(
  build: (env: StreamExecutionEnvironment) => void,
  { options = {}, parallelism = 1, ...world }: InlineJobOptions & { readonly parallelism?: number } = {},
): Promise<InlineJob> {
  const values = {
    parallelism: String(parallelism),
    'checkpoint.interval': '1s',
    'restart.strategy': 'fixed-delay',
    'restart.attemptsMax': '1000',
    'restart.delay': '100ms',
    ...options,
  }
  return startJob(defineJob('inline', build), { ...world, options: values })
}

export interface EndedJob {
  readonly result: JobResult
  readonly events: readonly JobEvent[]
}

/** Runs a job, however it ends. */
export async function runInlineJob(job: JobDefinition, options: InlineJobOptions = {}): Promise<EndedJob> {
  const started = await startJob(job, options)
  return { result: await started.toEnd(), events: started.events }
}

/** Runs a job, which has to finish, and gives the disk that it wrote to. */
export async function finishInline(
  job: JobDefinition,
  { parallelism, params = {} }: { readonly parallelism: number; readonly params?: Readonly<Record<string, string>> },
): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const { result } = await runInlineJob(job, { disk, params, options: { parallelism: String(parallelism) } })
  if (result.error !== undefined) throw errorFromData(result.error)
  if (result.state !== 'finished') throw new TypeError(`the job is ${result.state}`)
  return disk
}

async function toEnd(env: ManualEnv, master: JobMaster): Promise<JobResult> {
  let result: JobResult | undefined
  void master.result.then((ended) => void (result = ended))
  for (let second = 0; second < SECONDS_MAX; second++) {
    await env.advanceAndSettle(1000)
    if (result !== undefined) return result
  }
  throw new TypeError(`the job is still ${master.status().state}`)
}

/** Throws at the given records, each once: `failures(10, 25)` fails at the tenth and the 25th of all that it is asked about. */
export function failures(...at: readonly number[]): () => void {
  let count = 0
  return () => {
    count++
    if (at.includes(count)) throw new RangeError(`the test fails at ${count}`)
  }
}
