/** Any job in one thread on a manual clock and a disk in memory, with checkpoints; functions of the job may look at and change what the test has. */
import { defineJob, optionLayerOf } from '../src/api/define-job.ts'
import type { StreamExecutionEnvironment } from '../src/api/stream-execution-environment.ts'
import type { Disk } from '../src/base/env.ts'
import { DirectoryStore } from '../src/checkpoint/stores/directory-store.ts'
import { slotSettingsOf } from '../src/cluster/job-module.ts'
import type { OptionKey } from '../src/config/options.ts'
import { resolveOptions } from '../src/config/resolve-options.ts'
import { planJob } from '../src/graph/planner.ts'
import type { JobMaster } from '../src/jobmanager/job-control.ts'
import type { JobEvent } from '../src/jobmanager/job-events.ts'
import { createJobMaster } from '../src/jobmanager/job-master.ts'
import type { JobResult } from '../src/jobmanager/job-status.ts'
import { createInlineSlots } from '../src/taskmanager/inline-slots.ts'
import { createManualEnv, type ManualEnv } from '../src/testing/manual-env.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'

const STATE = '/state'
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
  readonly parallelism?: number
  readonly disk?: Disk
}

/** A checkpoint every second; a failed job restarts after 100 ms. */
export async function startInlineJob(
  build: (env: StreamExecutionEnvironment) => void,
  { options = {}, parallelism = 1, disk = new MemoryDisk() }: InlineJobOptions = {},
): Promise<InlineJob> {
  const env = createManualEnv({ disk })
  const logical = defineJob('inline', build).build({})
  const values = {
    parallelism: String(parallelism),
    'checkpoint.interval': '1s',
    'restart.strategy': 'fixed-delay',
    'restart.attemptsMax': '1000',
    'restart.delay': '100ms',
    ...options,
  }
  const resolved = resolveOptions([{ origin: 'test', values }, optionLayerOf(logical)])
  const { graph } = planJob(logical, resolved)
  await disk.makeDirectory(STATE)
  const storeOn = (on: Disk): DirectoryStore => new DirectoryStore({ disk: on, root: STATE, random: env.random })
  const store = storeOn(disk)
  const events: JobEvent[] = []
  const settings = slotSettingsOf(resolved)
  const slots = createInlineSlots({
    env,
    graph,
    slotCount: parallelism,
    settings,
    storage: (world) => storeOn(world.disk),
  })
  const master = createJobMaster({
    graph,
    options: resolved,
    env,
    store,
    slots,
    params: {},
    epoch: await store.claimEpoch(),
    listener: (event) => void events.push(event),
  })
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
