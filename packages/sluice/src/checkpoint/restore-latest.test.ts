import { describe, expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { type CheckpointId, checkpointId } from '../base/ids.ts'
import { seededRandom } from '../base/random.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import type { TaskSnapshot } from './handles.ts'
import { encodeManifest } from './manifest.ts'
import type { RestoreDecision, RestoreExpectation } from './recovery.ts'
import { restoreLatest } from './restore-latest.ts'
import { sampleManifest, sampleTask } from '../../test/sample-manifest.ts'
import { DirectoryStore } from './stores/directory-store.ts'

const EXPECTATION: RestoreExpectation = {
  jobName: 'orders',
  layoutHash: 'c0ffee',
  differencesFrom: (written) => written.operators.map(({ uid }) => `removed: ${uid}`),
}

class Storage {
  readonly disk = new MemoryDisk()
  readonly store = new DirectoryStore({ disk: this.disk, root: '/ckpt', random: seededRandom(1) })

  async checkpoint(number: number): Promise<CheckpointId> {
    const checkpoint = checkpointId(number)
    const tasks: TaskSnapshot[] = []
    for (const subtask of [0, 1]) {
      const writer = await this.store.openData(checkpoint, `sum-${subtask}`)
      await writer.write(new TextEncoder().encode(`state ${number}.${subtask}`))
      tasks.push(sampleTask(subtask, await writer.finish()))
    }
    const vertices = sampleManifest().vertices.map((vertex) => ({ ...vertex, tasks }))
    await this.store.publish(checkpoint, encodeManifest(sampleManifest({ checkpoint, vertices })))
    return checkpoint
  }

  restore(expectation: Partial<RestoreExpectation> = {}): Promise<RestoreDecision> {
    return restoreLatest(this.store, { ...EXPECTATION, ...expectation })
  }
}

function summary(decision: RestoreDecision): unknown {
  switch (decision.kind) {
    case 'fresh':
      return 'fresh'
    case 'restore':
      return { restored: decision.manifest.checkpoint, skipped: decision.skipped.map(({ checkpoint }) => checkpoint) }
    case 'refuse':
      return decision.error.code
  }
}

describe('a job that starts', () => {
  test('begins anew when nothing was ever published', async () => {
    expect(summary(await new Storage().restore())).toBe('fresh')
  })

  test('restores the newest checkpoint', async () => {
    const storage = new Storage()
    await storage.checkpoint(41)
    await storage.checkpoint(42)
    expect(summary(await storage.restore())).toEqual({ restored: 42, skipped: [] })
  })

  test.each([
    ['manifest is truncated', (disk: MemoryDisk) => disk.truncate('/ckpt/manifests/000042.manifest', 200)],
    ['manifest is empty', (disk: MemoryDisk) => disk.truncate('/ckpt/manifests/000042.manifest', 0)],
    ['data file is truncated', (disk: MemoryDisk) => disk.truncate('/ckpt/checkpoints/chk-000042/sum-1', 3)],
    ['data file is gone', (disk: MemoryDisk) => disk.remove('/ckpt/checkpoints/chk-000042/sum-0')],
    [
      'data file was swapped',
      (disk: MemoryDisk) => disk.rename('/ckpt/checkpoints/chk-000042/sum-0', '/ckpt/checkpoints/chk-000042/sum-1'),
    ],
  ])('falls back to the one before, and says so, when its newest %s', async (_what, damage) => {
    const storage = new Storage()
    await storage.checkpoint(41)
    await storage.checkpoint(42)
    await damage(storage.disk)
    const decision = await storage.restore()
    expect(summary(decision)).toEqual({ restored: 41, skipped: [42] })
    expect(decision.kind === 'restore' && decision.skipped[0]?.error.code).toBe('CKP1003')
  })

  test('refuses to start empty when nothing that was published is whole', async () => {
    const storage = new Storage()
    await storage.checkpoint(41)
    await storage.checkpoint(42)
    for (const name of ['000041', '000042']) await storage.disk.truncate(`/ckpt/manifests/${name}.manifest`, 10)
    const decision = await storage.restore()
    expect(summary(decision)).toBe('CKP1008')
    expect(decision.kind === 'refuse' && decision.error.message).toMatch(
      /none of the 2 retained.*checkpoint 42 is damaged.*checkpoint 41 is damaged/s,
    )
  })

  test('does not take an older checkpoint when the newest cannot be read: it may be whole', async () => {
    const storage = new Storage()
    await storage.checkpoint(41)
    await storage.checkpoint(42)
    storage.store.readData = () => Promise.reject(new EngineError('CKP1002', 'the disk does not answer.'))
    expect(summary(await storage.restore())).toBe('CKP1002')
  })

  test('refuses the state of another job', async () => {
    const storage = new Storage()
    await storage.checkpoint(42)
    const decision = await storage.restore({ jobName: 'clicks' })
    expect(summary(decision)).toBe('JOB1005')
    expect(decision.kind === 'refuse' && decision.error.message).toMatch(/of job "orders", this is job "clicks"/)
  })

  test('refuses another graph with a list of what changed', async () => {
    const storage = new Storage()
    await storage.checkpoint(42)
    const decision = await storage.restore({ layoutHash: 'beef' })
    expect(summary(decision)).toBe('JOB1006')
    expect(decision.kind === 'refuse' && decision.error.message).toMatch(/removed: sum\n.*--state-dir.*--fresh/s)
  })
})
