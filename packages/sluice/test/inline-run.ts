/** A whole job in one thread on a manual clock and a disk in memory: `numbered` records, as in jobs/numbered.ts, into files. */
import { defineJob, optionLayerOf } from '../src/api/define-job.ts'
import type { Disk } from '../src/base/env.ts'
import { DirectoryStore } from '../src/checkpoint/stores/directory-store.ts'
import { slotSettingsOf } from '../src/cluster/job-module.ts'
import type { OptionKey } from '../src/config/options.ts'
import { resolveOptions } from '../src/config/resolve-options.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { jsonLinesSink } from '../src/connector/file-sink.ts'
import { planJob } from '../src/graph/planner.ts'
import type { JobEvent } from '../src/jobmanager/job-events.ts'
import type { JobMaster } from '../src/jobmanager/job-control.ts'
import { createJobMaster } from '../src/jobmanager/job-master.ts'
import type { JobResult } from '../src/jobmanager/job-status.ts'
import { valueState } from '../src/state/descriptors.ts'
import { createInlineSlots } from '../src/taskmanager/inline-slots.ts'
import { createManualEnv, type ManualEnv } from '../src/testing/manual-env.ts'
import type { MemoryDisk } from '../src/testing/memory-disk.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'

export const STATE = '/state'
export const OUTPUT = '/output'
export const COUNT = 20_000
const KEYS = 50
const SLOTS = 2
/** Virtual seconds after which a job that has not ended is called stuck. */
const SECONDS_MAX = 600

export interface InlineRun {
  readonly env: ManualEnv
  readonly master: JobMaster
  readonly events: JobEvent[]
  /** Lets virtual time pass until the job has ended. */
  toEnd(): Promise<JobResult>
}

/** Reads 2,000 records a second, with a checkpoint every second. */
export async function startInline(
  disk: Disk,
  options: Readonly<Partial<Record<OptionKey, string>>> = {},
): Promise<InlineRun> {
  const env = createManualEnv({ disk })
  const logical = numberedJob().build({})
  const values = { parallelism: String(SLOTS), 'restart.backoff.jitter': '0', ...options }
  const resolved = resolveOptions([{ origin: 'test', values }, optionLayerOf(logical)])
  const { graph } = planJob(logical, resolved)
  await disk.makeDirectory(STATE)
  const storeOn = (on: Disk): DirectoryStore => new DirectoryStore({ disk: on, root: STATE, random: env.random })
  const store = storeOn(disk)
  const slots = createInlineSlots({
    env,
    graph,
    slotCount: SLOTS,
    settings: slotSettingsOf(resolved),
    storage: (world) => storeOn(world.disk),
  })
  const events: JobEvent[] = []
  const epoch = await store.claimEpoch()
  const master = createJobMaster({
    graph,
    options: resolved,
    env,
    store,
    slots,
    params: {},
    epoch,
    listener: (event) => void events.push(event),
  })
  master.start()
  return { env, master, events, toEnd: () => toEnd(env, master) }
}

/** Lines beyond the first of the same key and number are `repeated`. */
export async function committedNumbers(
  disk: MemoryDisk,
): Promise<{ readonly lost: number; readonly repeated: number; readonly leftovers: readonly string[] }> {
  const paths = disk.files().filter((path) => path.startsWith(`${OUTPUT}/`))
  const visible = paths.filter((path) => path.lastIndexOf('/') === OUTPUT.length)
  const texts = await Promise.all(visible.map(async (path) => new TextDecoder().decode(await disk.read(path))))
  const lines = texts.flatMap((text) => text.split('\n').slice(0, -1))
  const seen = new Set(lines)
  const expected = Array.from({ length: COUNT }, (_, index) =>
    JSON.stringify({ key: index % KEYS, n: Math.floor(index / KEYS) + 1 }),
  )
  return {
    lost: expected.filter((line) => !seen.has(line)).length,
    repeated: lines.length - seen.size,
    leftovers: paths.filter((path) => path.includes('/.in-progress/') && !path.endsWith('/run')),
  }
}

function numberedJob() {
  return defineJob('numbered', (env) => {
    env.enableCheckpointing('1s')
    env
      .fromSource(
        datagenSource({ generate: (index) => index, count: COUNT, splits: 4 }),
        WatermarkStrategy.noWatermarks(),
        { uid: 'numbers', rateLimit: 2000 },
      )
      .keyBy((index) => index % KEYS)
      .process({
        state: { n: valueState<number>('n', 0) },
        onRecord(_index, ctx) {
          const n = ctx.state.n.value() + 1
          ctx.state.n.update(n)
          ctx.emit({ key: ctx.key, n })
        },
      })
      .uid('numbering')
      .sinkTo(jsonLinesSink(OUTPUT))
      .uid('out')
  })
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
