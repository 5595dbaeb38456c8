import { beforeEach, describe, expect, test } from 'vitest'
import type { Disk } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { type ArtifactHash, type JobId, artifactHash, jobId, leaderEpoch } from '../base/ids.ts'
import { seededRandom } from '../base/random.ts'
import type { JobSpec } from '../control/cluster-messages.ts'
import { readTree, writeFile } from '../testing/disk-files.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { StoppingDisk } from '../testing/stopping-disk.ts'
import type { JobEnd } from './cluster-job.ts'
import { nameSegment } from './job-names.ts'
import { type JobRegistry, createJobRegistry } from './job-registry.ts'
import { diskWhileWanted } from './wanted-disk.ts'

const ROOT = '/shared'
const BUNDLE = new TextEncoder().encode('export default 1')
const END: JobEnd = {
  state: 'FAILED',
  outcome: 'failed',
  startedWallMs: 10,
  endedWallMs: 20,
  restartCount: 3,
  recordsRead: 4,
  checkpointsCompleted: 5,
  error: { code: 'JOB1003', message: 'gave up', context: { job: 'orders', attempt: 2 }, cause: 'why' },
}
const FINISHED: JobEnd = { ...END, state: 'FINISHED', outcome: 'finished' }

let disk: MemoryDisk
let artifact: ArtifactHash

const idOf = (digit: string): JobId => jobId(digit.repeat(32))

function registryOn(on: Disk, seed = 1): JobRegistry {
  return createJobRegistry({ disk: on, root: ROOT, random: seededRandom(seed), artifactBytesMax: 1_000 })
}

async function leading(epoch: number, on: Disk = disk): Promise<JobRegistry> {
  const registry = registryOn(on, epoch)
  await registry.lead(leaderEpoch(epoch))
  return registry
}

function specOf(digit: string, name = 'orders'): JobSpec {
  const layers = [{ origin: 'submission', values: { parallelism: '2' } }]
  return { job: idOf(digit), name, artifact, params: { input: 'x' }, layers, storageRoot: '/shared/ckpt' }
}

async function jobsIn(registry: JobRegistry): Promise<readonly string[]> {
  const { jobs } = await registry.list()
  return jobs.map(({ spec, result }) => `${spec.job[0]} ${result?.outcome ?? 'open'}`)
}

const codeOf = (error: unknown): unknown => (error instanceof EngineError ? error.code : error)

beforeEach(async () => {
  disk = new MemoryDisk()
  artifact = await registryOn(disk).putArtifact(BUNDLE)
})

describe('the job registry', () => {
  test('knows a job as it was submitted, for whoever leads next', async () => {
    const first = await leading(1)
    await first.submit({ spec: specOf('a'), submittedWallMs: 7 })
    await first.setBounds(idOf('a'), { lower: 1, upper: 3 })
    const { jobs, damaged } = await registryOn(disk).lead(leaderEpoch(2))
    expect(damaged).toEqual([])
    expect(jobs).toEqual([
      { spec: specOf('a'), submittedWallMs: 7, result: undefined, bounds: { lower: 1, upper: 3 }, cleanUp: 'open' },
    ])
  })

  test('keeps one result, however often it is written', async () => {
    const registry = await leading(1)
    await registry.submit({ spec: specOf('a'), submittedWallMs: 7 })
    await registry.finish(idOf('a'), END)
    await registry.finish(idOf('a'), FINISHED)
    await registry.markCleaned(idOf('a'))
    await registry.markCleaned(idOf('a'))
    const [job] = (await registryOn(disk).list()).jobs
    expect(job).toMatchObject({ result: END, cleanUp: 'done' })
  })

  test('a leader that another one has taken the job over from writes no result', async () => {
    const old = await leading(1)
    await old.submit({ spec: specOf('a'), submittedWallMs: 7 })
    const next = await leading(2)
    await expect(old.finish(idOf('a'), END)).rejects.toMatchObject({ code: 'CLU1001' })
    expect(await jobsIn(next)).toEqual(['a open'])
    await next.finish(idOf('a'), FINISHED)
    expect(await jobsIn(old)).toEqual(['a finished'])
    await expect(old.lead(leaderEpoch(1))).resolves.toMatchObject({ damaged: [] })
  })

  test('a result that was written in time counts for the next leader', async () => {
    const old = await leading(1)
    await old.submit({ spec: specOf('a'), submittedWallMs: 7 })
    await old.finish(idOf('a'), END)
    const next = registryOn(disk)
    expect((await next.lead(leaderEpoch(2))).jobs[0]?.result).toEqual(END)
  })

  test('an older leader cannot take a job back', async () => {
    const old = await leading(1)
    await old.submit({ spec: specOf('a'), submittedWallMs: 7 })
    await leading(3)
    await expect(registryOn(disk).lead(leaderEpoch(2))).rejects.toMatchObject({ code: 'CLU1001' })
  })

  test('gives a name to one job at a time, until that has its result', async () => {
    const registry = await leading(1)
    await registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    await expect(registry.submit({ spec: specOf('b'), submittedWallMs: 2 })).rejects.toMatchObject({ code: 'JOB1102' })
    expect(await jobsIn(registry)).toEqual(['a open'])
    await registry.finish(idOf('a'), END)
    await registry.submit({ spec: specOf('b'), submittedWallMs: 2 })
    await registry.submit({ spec: specOf('c', 'other'), submittedWallMs: 3 })
    expect(await jobsIn(registry)).toEqual(['a failed', 'b open', 'c open'])
  })

  test('of two leaders that give a name at once one is refused', async () => {
    const [old, next] = [await leading(1), await leading(2)]
    const outcomes = await Promise.allSettled([
      old.submit({ spec: specOf('a'), submittedWallMs: 1 }),
      next.submit({ spec: specOf('b'), submittedWallMs: 2 }),
    ])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await jobsIn(next)).toHaveLength(1)
  })

  test('the same submission again changes nothing', async () => {
    const registry = await leading(1)
    await registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    await registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    await registry.finish(idOf('a'), END)
    expect(await jobsIn(registry)).toEqual(['a failed'])
  })

  test('a process that dies at any point of a submission leaves a job that every leader starts, or none that holds its name', async () => {
    let accepted = 0
    for (let operations = 0; operations < 60; operations++) {
      disk = new MemoryDisk()
      artifact = await registryOn(disk).putArtifact(BUNDLE)
      await registryOn(disk).lead(leaderEpoch(1))
      const stopping = new StoppingDisk(disk, operations)
      const dying = registryOn(stopping)
      const submitted = dying.lead(leaderEpoch(1)).then(() => dying.submit({ spec: specOf('a'), submittedWallMs: 1 }))
      await Promise.race([submitted, stopping.stopped])
      const next = await leading(2)
      const jobs = await jobsIn(next)
      accepted += jobs.length
      const again = next.submit({ spec: specOf('b'), submittedWallMs: 2 })
      if (jobs.length === 0) await again
      else await expect(again).rejects.toMatchObject({ code: 'JOB1102' })
      await next.finish(jobs.length === 0 ? idOf('b') : idOf('a'), END)
    }
    expect(accepted).toBeGreaterThan(5)
    expect(accepted).toBeLessThan(55)
  })

  test('gives a job to the leader of now that an older one accepts behind the change, wherever that one was paused', async () => {
    let accepted = 0
    for (let operations = 0; operations < 60; operations++) {
      disk = new MemoryDisk()
      artifact = await registryOn(disk).putArtifact(BUNDLE)
      const stopping = new StoppingDisk(disk, operations)
      const old = registryOn(stopping)
      const led = old.lead(leaderEpoch(1))
      await Promise.race([led, stopping.stopped])
      const next = await leading(2)
      const submitted = led.then(() => old.submit({ spec: specOf('a'), submittedWallMs: 1 }))
      await Promise.race([submitted, stopping.stopped])
      const adopted = await next.adopt()
      accepted += adopted.length
      expect(await jobsIn(next)).toEqual(adopted.map(({ spec }) => `${spec.job[0]} open`))
      expect(await next.adopt()).toEqual([])
      if (adopted.length === 0) continue
      await next.finish(idOf('a'), END)
      expect(await next.adopt()).toEqual([])
    }
    expect(accepted).toBeGreaterThan(5)
  })

  test('keeps no name for a job that nobody leads when the storage fails in the middle of its submission', async () => {
    let accepted = 0
    for (let operations = 0; operations < 80; operations++) {
      disk = new MemoryDisk()
      artifact = await registryOn(disk).putArtifact(BUNDLE)
      let left = Infinity
      const registry = await leading(
        1,
        diskWhileWanted(disk, () => left-- > 0),
      )
      left = operations
      const outcome = await registry.submit({ spec: specOf('a'), submittedWallMs: 1 }).catch(codeOf)
      left = Infinity
      const adopted = await registry.adopt()
      if (outcome === undefined) expect(adopted).toEqual([])
      else accepted += adopted.length
      if (outcome !== undefined && adopted.length === 0)
        await registry.submit({ spec: specOf('b'), submittedWallMs: 2 })
      else await registry.finish(idOf('a'), END)
    }
    expect(accepted).toBeGreaterThan(5)
  })

  test('does not adopt what has its result, nor what it leads itself', async () => {
    const registry = await leading(1)
    await registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    await registry.finish(idOf('a'), END)
    await registry.submit({ spec: specOf('b', 'other'), submittedWallMs: 1 })
    expect(await registry.adopt()).toEqual([])
    expect((await (await leading(2)).adopt()).length).toBe(0)
  })

  test('forgets a job that has ended, and no other', async () => {
    const registry = await leading(1)
    await registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    await expect(registry.forget(idOf('a'))).rejects.toMatchObject({ code: 'JOB1101' })
    await registry.finish(idOf('a'), END)
    await registry.forget(idOf('a'))
    expect(await jobsIn(registry)).toEqual([])
    await registry.submit({ spec: specOf('b'), submittedWallMs: 2 })
    expect(await jobsIn(await leading(2))).toEqual(['b open'])
  })

  test('a damaged file is named and does not hide the other jobs', async () => {
    const registry = await leading(1)
    for (const digit of ['a', 'b', 'c'])
      await registry.submit({ spec: specOf(digit, digit), submittedWallMs: digit.charCodeAt(0) })
    await writeFile(disk, `${ROOT}/jobs/${idOf('a')}/spec.json`, '{"spec":')
    await writeFile(disk, `${ROOT}/jobs/${idOf('b')}/turns/000001.json`, '{"kind":"led","epoch":"x"}')
    const { jobs, damaged } = await registryOn(disk).lead(leaderEpoch(2))
    expect(jobs.map(({ spec }) => spec.name)).toEqual(['c'])
    expect(damaged.map(({ code, message }) => `${code} ${message}`)).toEqual([
      expect.stringMatching(/^JOB1108 \/shared\/jobs\/a+\/spec\.json is damaged: it is not JSON/),
      expect.stringMatching(/^JOB1108 \/shared\/jobs\/b+\/turns\/000001\.json is damaged: it\.epoch is "x"/),
    ])
  })

  test('refuses ids that are none, so that nothing from outside becomes a path', async () => {
    const registry = await leading(1)
    for (const text of ['../../etc', 'A'.repeat(32), '', 'a'.repeat(33)]) {
      await expect(registry.finish(jobId(text), END)).rejects.toMatchObject({ code: 'JOB1101' })
      await expect(registry.setBounds(jobId(text), { lower: 1, upper: 1 })).rejects.toMatchObject({ code: 'JOB1101' })
      await expect(registry.readArtifact(artifactHash(text))).rejects.toMatchObject({ code: 'JOB1103' })
      expect(await registry.hasArtifact(artifactHash(text))).toBe(false)
    }
    await registry.submit({ spec: specOf('a', '../../x/ÿ'), submittedWallMs: 1 })
    expect([...(await readTree(disk, `${ROOT}/names`)).keys()]).toEqual([
      `${ROOT}/names/%2e.%2e.%2f.%2e.%2e.%2f.x%2f.%ff./000001.json`,
    ])
  })

  test('names never share a folder', () => {
    const names = ['a', 'A', 'a.b', 'a%2e.b', '%', '', 'x'.repeat(300), 'x'.repeat(301), '😀', '.', '..']
    expect(new Set(names.map(nameSegment)).size).toBe(names.length)
  })
})

describe('bundles', () => {
  test('are stored once and come back as they were', async () => {
    const registry = registryOn(disk)
    expect(await registry.putArtifact(BUNDLE)).toBe(artifact)
    expect(await registry.readArtifact(artifact)).toEqual(BUNDLE)
    expect(disk.files()).toEqual([`${ROOT}/artifacts/${artifact}`])
  })

  test('are refused when they are too large, unknown or damaged; the same upload replaces a damaged one', async () => {
    const registry = await leading(1)
    await expect(registry.putArtifact(new Uint8Array(1_001))).rejects.toMatchObject({ code: 'JOB1103' })
    await expect(registry.readArtifact(artifactHash('0'.repeat(64)))).rejects.toMatchObject({ code: 'JOB1103' })
    await writeFile(disk, `${ROOT}/artifacts/${artifact}`, 'evil')
    await expect(registry.readArtifact(artifact)).rejects.toThrow(/is damaged/)
    await registry.putArtifact(BUNDLE)
    expect(await registry.readArtifact(artifact)).toEqual(BUNDLE)
    const spec = { ...specOf('a'), artifact: artifactHash('0'.repeat(64)) }
    await expect(registry.submit({ spec, submittedWallMs: 1 })).rejects.toMatchObject({ code: 'JOB1103' })
    expect(await jobsIn(registry)).toEqual([])
  })

  test('are removed when no job refers to them and nobody asked lately', async () => {
    const registry = await leading(1)
    await registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    const unused = await registry.putArtifact(new Uint8Array([1]))
    expect(await registry.collectArtifacts()).toEqual([])
    expect(await registry.collectArtifacts()).toEqual([unused])
    expect(await registry.hasArtifact(artifact)).toBe(true)
  })

  test('that were put aside are found, and come back when a job refers to them', async () => {
    const registry = await leading(1)
    await registry.submit({ spec: specOf('a'), submittedWallMs: 1 })
    await disk.rename(`${ROOT}/artifacts/${artifact}`, `${ROOT}/artifacts/.unused-${artifact}`)
    expect(await registry.readArtifact(artifact)).toEqual(BUNDLE)
    expect(await registry.collectArtifacts()).toEqual([])
    expect(await registry.hasArtifact(artifact)).toBe(true)
  })
})
