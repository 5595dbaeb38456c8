/** Any job in one thread on a manual clock and a disk in memory, to its end. */
import { type JobDefinition, optionLayerOf } from '../src/api/define-job.ts'
import { DirectoryStore } from '../src/checkpoint/stores/directory-store.ts'
import { slotSettingsOf } from '../src/cluster/job-module.ts'
import type { OptionKey } from '../src/config/options.ts'
import { resolveOptions } from '../src/config/resolve-options.ts'
import { planJob } from '../src/graph/planner.ts'
import type { JobEvent } from '../src/jobmanager/job-events.ts'
import { createJobMaster } from '../src/jobmanager/job-master.ts'
import type { JobResult } from '../src/jobmanager/job-status.ts'
import { placeTasks } from '../src/jobmanager/placement.ts'
import { type InlineSlotPool, createInlineSlots } from '../src/taskmanager/inline-slots.ts'
import { type ManualEnv, createManualEnv } from '../src/testing/manual-env.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'

export interface InlineJobOptions {
  readonly options?: Readonly<Partial<Record<OptionKey, string>>>
  /** Called with every event, at once. */
  readonly onEvent?: (event: JobEvent, slots: InlineSlotPool) => void
}

export interface EndedJob {
  readonly result: JobResult
  readonly events: readonly JobEvent[]
}

const STATE = '/state'
/** Virtual time after which a job that has not ended is called stuck. */
const STEPS_MAX = 6000
const STEP_MS = 100

/** In as many slots as the job wants. */
export async function runInlineJob(
  job: JobDefinition,
  { options = {}, onEvent = () => {} }: InlineJobOptions = {},
): Promise<EndedJob> {
  const env = createManualEnv({ disk: new MemoryDisk() })
  const logical = job.build({})
  const resolved = resolveOptions([
    { origin: 'test', values: { 'restart.backoff.jitter': '0', ...options } },
    optionLayerOf(logical),
  ])
  const { graph } = planJob(logical, resolved)
  await env.disk.makeDirectory(STATE)
  const store = new DirectoryStore({ disk: env.disk, root: STATE, random: env.random })
  const slots = createInlineSlots({
    env,
    graph,
    slotCount: placeTasks(graph).slots.length,
    settings: slotSettingsOf(resolved),
    storage: (world) => new DirectoryStore({ disk: world.disk, root: STATE, random: env.random }),
  })
  const events: JobEvent[] = []
  const epoch = await store.claimEpoch()
  const listener = (event: JobEvent): void => {
    events.push(event)
    onEvent(event, slots)
  }
  const master = createJobMaster({ graph, options: resolved, env, store, slots, params: {}, epoch, listener })
  master.start()
  return { result: await toEnd(env, master.result), events }
}

async function toEnd(env: ManualEnv, ending: Promise<JobResult>): Promise<JobResult> {
  let result: JobResult | undefined
  void ending.then((ended) => void (result = ended))
  for (let step = 0; step < STEPS_MAX; step++) {
    await env.advanceAndSettle(STEP_MS)
    if (result !== undefined) return result
  }
  throw new TypeError('the job does not end')
}
