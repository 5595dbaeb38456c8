import { beforeEach, describe, expect, test } from 'vitest'
import type { Disk } from '../base/env.ts'
import { type ArtifactHash, jobId, leaderEpoch } from '../base/ids.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import type { JobEnd, LoadedJob } from './cluster-job.ts'
import { Dispatcher } from './dispatcher.ts'
import { type JobRegistry, createJobRegistry } from './job-registry.ts'
import { diskWhileWanted } from './wanted-disk.ts'

const ROOT = '/shared'
const FINISHED: JobEnd = {
  state: 'FINISHED',
  outcome: 'finished',
  startedWallMs: 1,
  endedWallMs: 2,
  restartCount: 0,
  recordsRead: 0,
  checkpointsCompleted: 0,
}

let disk: MemoryDisk
let artifact: ArtifactHash
let env: ManualEnv

interface Leader {
  readonly registry: JobRegistry
  readonly dispatcher: Dispatcher
  /** Jobs whose bundle was asked for. */
  readonly loaded: string[]
  readonly events: string[]
}

/** Nothing is ever loaded: the storage with the bundles does not answer. */
async function leader(epoch: number, on: Disk = disk): Promise<Leader> {
  const registry = createJobRegistry({ disk: on, root: ROOT, random: env.random })
  const loaded: string[] = []
  const events: string[] = []
  const dispatcher = new Dispatcher({
    env,
    registry,
    checkpointRoot: `${ROOT}/checkpoints`,
    load: async (spec): Promise<LoadedJob> => {
      loaded.push(spec.name)
      if (spec.name !== '') return new Promise(() => {})
      return {
        graph: { jobName: 'orders' },
        options: { checkpoint: { intervalMs: 'off' } },
        optionTexts: {},
        warnings: [],
      } as never // what a submission looks at
    },
    storeOf: (root) => new DirectoryStore({ disk: on, root, random: env.random }),
    epoch: leaderEpoch(epoch),
    poolOf: () => expect.unreachable('no job starts'),
    listener: ({ kind }) => void events.push(kind),
  })
  dispatcher.recover(await registry.lead(leaderEpoch(epoch)))
  return { registry, dispatcher, loaded, events }
}

function specOf(digit: string): JobSpec {
  return { job: jobId(digit.repeat(32)), name: 'orders', artifact, params: {}, layers: [] }
}

const submission = () => ({ artifact, params: {}, options: {}, start: 'continue' }) as const

beforeEach(async () => {
  disk = new MemoryDisk()
  env = createManualEnv({ disk })
  artifact = await createJobRegistry({ disk, root: ROOT, random: env.random }).putArtifact(new Uint8Array(3))
})

describe('the jobs of a leader', () => {
  test('include one that an older leader accepted behind the change', async () => {
    const old = await leader(1)
    const next = await leader(2)
    await old.registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    expect(next.dispatcher.live()).toEqual([])
    await env.advanceAndSettle(10_000)
    expect(next.dispatcher.live().map(({ job }) => job)).toEqual([jobId('a'.repeat(32))])
    expect(next.loaded).toEqual(['orders'])
    await next.dispatcher.suspend()
    await old.dispatcher.suspend()
    expect(env.timerCount()).toBe(0)
  })

  test('include one whose name another submission asks for, at once', async () => {
    const old = await leader(1)
    const next = await leader(2)
    await old.registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    await expect(next.dispatcher.submit(submission())).rejects.toMatchObject({ code: 'JOB1102' })
    expect(next.dispatcher.live()).toHaveLength(1)
  })

  test('do not keep a name from the next submission because a clean-up failed once', async () => {
    const before = await leader(1)
    await before.registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    await before.registry.finish(jobId('a'.repeat(32)), FINISHED)
    let isUp = true
    const flaky = diskWhileWanted(disk, () => isUp)
    const { dispatcher, events } = await leader(2, flaky)
    isUp = false
    await env.settle()
    expect(events).toContain('job-unsettled')
    isUp = true
    await dispatcher.submit(submission())
    expect(dispatcher.live()).toHaveLength(1)
  })
})
