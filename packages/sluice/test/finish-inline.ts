/** A job module, whole, in one thread on a manual clock and a disk in memory, without faults. */
import { optionLayerOf, type JobDefinition } from '../src/api/define-job.ts'
import { errorFromData } from '../src/base/errors.ts'
import { DirectoryStore } from '../src/checkpoint/stores/directory-store.ts'
import { slotSettingsOf } from '../src/cluster/job-module.ts'
import { resolveOptions } from '../src/config/resolve-options.ts'
import { planJob } from '../src/graph/planner.ts'
import { createJobMaster } from '../src/jobmanager/job-master.ts'
import type { JobResult } from '../src/jobmanager/job-status.ts'
import { createInlineSlots } from '../src/taskmanager/inline-slots.ts'
import { createManualEnv, type ManualEnv } from '../src/testing/manual-env.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'

const STATE = '/state'
/** Virtual seconds after which a job that has not ended is called stuck. */
const SECONDS_MAX = 600

export interface FinishInlineOptions {
  readonly parallelism: number
  readonly params?: Readonly<Record<string, string>>
}

/** Runs a job, which has to finish, and gives the disk that it wrote to. */
export async function finishInline(job: JobDefinition, options: FinishInlineOptions): Promise<MemoryDisk> {
  const { parallelism, params = {} } = options
  const disk = new MemoryDisk()
  const env = createManualEnv({ disk })
  const logical = job.build(params)
  const values = { parallelism: String(parallelism) }
  const resolved = resolveOptions([{ origin: 'test', values }, optionLayerOf(logical)])
  const { graph } = planJob(logical, resolved)
  await disk.makeDirectory(STATE)
  const store = new DirectoryStore({ disk, root: STATE, random: env.random })
  const storage = (): DirectoryStore => new DirectoryStore({ disk, root: STATE, random: env.random })
  const slots = createInlineSlots({ env, graph, slotCount: parallelism, settings: slotSettingsOf(resolved), storage })
  const epoch = await store.claimEpoch()
  const master = createJobMaster({ graph, options: resolved, env, store, slots, params, epoch, listener: () => {} })
  master.start()
  const { state, error } = await ended(env, master.result)
  if (error !== undefined) throw errorFromData(error)
  if (state !== 'finished') throw new TypeError(`the job is ${state}`)
  return disk
}

async function ended(env: ManualEnv, ending: Promise<JobResult>): Promise<JobResult> {
  let result: JobResult | undefined
  void ending.then((found) => void (result = found))
  for (let second = 0; second < SECONDS_MAX; second++) {
    await env.advanceAndSettle(1000)
    if (result !== undefined) return result
  }
  throw new TypeError(`the job has not ended after ${SECONDS_MAX} virtual seconds`)
}
