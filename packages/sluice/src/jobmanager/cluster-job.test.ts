import { describe, expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { artifactHash, jobId, leaderEpoch } from '../base/ids.ts'
import { type ManualEnv, createManualEnv } from '../testing/manual-env.ts'
import { ClusterJob, type ClusterJobOptions, type JobEnd } from './cluster-job.ts'

const NO_JOB_MODULE = new EngineError('JOB1001', 'the job module cannot be loaded.')
const NO_STORAGE = new EngineError('CLU1003', 'the bundle on the shared storage could not be read.')

interface Bench {
  readonly env: ManualEnv
  readonly job: ClusterJob
  /** Results that somebody tried to write. */
  readonly ends: JobEnd[]
  readonly loads: () => number
}

/** A job whose module cannot be loaded, for a reason of its own. */
function unloadable(error: EngineError, settle: () => Promise<void>): Bench {
  const env = createManualEnv()
  const ends: JobEnd[] = []
  let loads = 0
  const options: ClusterJobOptions = {
    spec: {
      job: jobId('a'.repeat(32)),
      name: 'orders',
      artifact: artifactHash('b'.repeat(64)),
      params: {},
      layers: [],
    },
    submittedWallMs: 1,
    env,
    load: () => {
      loads++
      return Promise.reject(error)
    },
    storeOf: () => expect.unreachable('no storage'),
    leader: leaderEpoch(1),
    poolOf: () => expect.unreachable('no slots'),
    settle: (end) => {
      ends.push(end)
      return settle()
    },
    markCleaned: async () => {},
    listener: () => {},
    onSettled: () => {},
    parallelismMax: undefined,
  }
  const job = new ClusterJob(options)
  job.start()
  return { env, job, ends, loads: () => loads }
}

describe('a job under one leader', () => {
  test('that has ended writes no result any more once it is suspended, whatever it tried before', async () => {
    const { env, job, ends } = unloadable(NO_JOB_MODULE, () => Promise.reject(NO_STORAGE))
    await env.settle()
    expect(ends).toMatchObject([{ outcome: 'failed' }])
    await env.advanceAndSettle(10_000)
    const tried = ends.length
    expect(tried).toBeGreaterThan(1)
    await job.suspend()
    await env.advanceAndSettle(600_000)
    expect(ends).toHaveLength(tried)
    expect(env.timerCount()).toBe(0)
    expect(job.isSettled).toBe(false)
  })

  test('that is not loaded yet ends at once when it is cancelled', async () => {
    const { env, job, ends, loads } = unloadable(NO_STORAGE, async () => {})
    await env.advanceAndSettle(10_000)
    const loaded = loads()
    job.cancel()
    await env.settle()
    expect(ends).toMatchObject([{ outcome: 'canceled' }])
    expect(loads()).toBe(loaded)
  })

  test('is loaded again when the shared storage could not be read: that is no fault of the job', async () => {
    const { env, job, ends, loads } = unloadable(NO_STORAGE, async () => {})
    await env.advanceAndSettle(10_000)
    expect(loads()).toBeGreaterThan(2)
    expect(ends).toEqual([])
    await job.suspend()
    await env.settle()
    expect(env.timerCount()).toBe(0)
  })
})
