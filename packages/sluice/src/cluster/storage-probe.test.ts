import { describe, expect, test } from 'vitest'
import type { DiskFile } from '../base/env.ts'
import { DiskError } from '../base/disk-error.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { PROBE_TIMEOUT_MS, StorageProbe, tryStorage } from './storage-probe.ts'

const PLACE = { root: '/shared', id: 'jm-1' }

class MoodyDisk extends MemoryDisk {
  mood: 'well' | 'read-only' | 'silent' = 'well'
  openCount = 0

  override openWrite(path: string, mode: 'create' | 'truncate' | 'append'): Promise<DiskFile> {
    this.openCount++
    if (this.mood === 'silent') return new Promise(() => {})
    if (this.mood === 'read-only') return Promise.reject(new DiskError('denied', 'opening', path))
    return super.openWrite(path, mode)
  }
}

async function world() {
  const disk = new MoodyDisk()
  const env = createManualEnv({ disk })
  await tryStorage(disk, PLACE)
  const probe = new StorageProbe(env, PLACE)
  const health = async (waitMs = 0): Promise<string> => {
    const outcome = probe.check()
    await env.advanceAndSettle(waitMs)
    return (await outcome)?.message ?? 'well'
  }
  return { disk, env, health }
}

describe('the shared storage', () => {
  test('is tried by writing, and nothing is left of it', async () => {
    const { disk, health } = await world()
    expect(await health()).toBe('well')
    expect(disk.openCount).toBe(2)
    expect(await disk.list(PLACE.root)).toEqual([])
  })

  test('is tried once for many that ask, and again later', async () => {
    const { disk, env, health } = await world()
    for (let n = 0; n < 10; n++) expect(await health()).toBe('well')
    expect(disk.openCount).toBe(2)
    disk.mood = 'read-only'
    expect(await health()).toBe('well')
    env.advance(5000)
    expect(await health()).toMatch(/\/shared cannot be written: .*\(E.*no checkpoint completes/)
    disk.mood = 'well'
    env.advance(5000)
    expect(await health()).toBe('well')
  })

  test('that does not answer is as good as none, and is not asked by more and more', async () => {
    const { disk, env, health } = await world()
    disk.mood = 'silent'
    for (let n = 0; n < 5; n++) expect(await health(PROBE_TIMEOUT_MS)).toMatch(/no answer within 2 s/)
    expect(disk.openCount).toBe(2)
    expect(env.timerCount()).toBe(0)
  })

  test('a JobManager does not start on one that it cannot write', async () => {
    const disk = new MoodyDisk()
    disk.mood = 'read-only'
    await expect(tryStorage(disk, PLACE)).rejects.toThrow(/was not started\. Give a folder/)
  })

  test('two processes that try at the same time do not disturb each other', async () => {
    const disk = new MoodyDisk()
    await Promise.all(['a', 'b', 'c'].map((id) => tryStorage(disk, { root: '/shared', id })))
    expect(await disk.list('/shared')).toEqual([])
  })
})
