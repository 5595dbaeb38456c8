import { describe, expect, test } from 'vitest'
import type { Disk } from '../base/env.ts'
import { seededRandom } from '../base/random.ts'
import type { CrashDraws } from './sim-disk-image.ts'
import { type DiskFaults, SimDisk } from './sim-disk.ts'
import { SimLife, SimScheduler } from './sim-scheduler.ts'

const KEEPS_NOTHING: CrashDraws = { keepsName: () => false, keptBytes: () => 0 }
const KEEPS_ALL: CrashDraws = { keepsName: () => true, keptBytes: (lengthBytes) => lengthBytes }

interface World {
  readonly disk: SimDisk
  /** Lets a process do something to its end. */
  run<T>(work: (disk: Disk) => Promise<T>): Promise<T>
}

function world(seed = 1): World {
  const scheduler = new SimScheduler({ random: seededRandom(seed), eventCostMaxMs: 0.1 })
  const disk = new SimDisk({ scheduler, random: seededRandom(seed + 1), delayMaxMs: 1 })
  const run = async <T>(work: (disk: Disk) => Promise<T>): Promise<T> => {
    const result = work(disk.of(new SimLife(0, 0)))
    result.catch(() => {})
    await scheduler.run(() => 'go-on')
    return result
  }
  return { disk, run }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function contents({ disk }: World): Record<string, string> {
  return Object.fromEntries([...disk.files()].map(([path, file]) => [path, new TextDecoder().decode(file.content)]))
}

async function write(disk: Disk, path: string, text: string, synced: 'synced' | 'unsynced'): Promise<void> {
  const file = await disk.openWrite(path, 'append')
  await file.write(bytes(text))
  if (synced === 'synced') await file.sync()
  await file.close()
}

describe('a simulated disk after a power loss', () => {
  test('has lost a file whose name was not synced, though its content was', async () => {
    const w = world()
    await w.run((disk) => write(disk, 'a', 'text', 'synced'))
    w.disk.crash(KEEPS_NOTHING)
    expect(contents(w)).toEqual({})
  })

  test('has an empty file when its name was synced and its content was not', async () => {
    const w = world()
    await w.run(async (disk) => {
      await write(disk, 'a', 'text', 'unsynced')
      await disk.syncDirectory('/')
    })
    w.disk.crash(KEEPS_NOTHING)
    expect(contents(w)).toEqual({ '/a': '' })
  })

  test('has what was synced, and zeros for a lost write in front of one that was kept', async () => {
    const w = world()
    await w.run(async (disk) => {
      await write(disk, 'a', 'AB', 'synced')
      await write(disk, 'a', 'CD', 'unsynced')
      await write(disk, 'a', 'EF', 'unsynced')
      await disk.syncDirectory('/')
    })
    const kept = [0, 1]
    w.disk.crash({ keepsName: () => true, keptBytes: () => kept.shift() ?? 0 })
    expect(contents(w)).toEqual({ '/a': 'AB\0\0E' })
  })

  test('has lost a synced file together with the directory whose name was not synced', async () => {
    const w = world()
    await w.run(async (disk) => {
      await disk.makeDirectory('/new/inner')
      await write(disk, '/new/inner/a', 'text', 'synced')
      await disk.syncDirectory('/new/inner')
      await disk.syncDirectory('/new')
    })
    w.disk.crash(KEEPS_NOTHING)
    expect(contents(w)).toEqual({})
  })

  test('has the old file after a rename over it that was not synced', async () => {
    const w = world()
    w.disk.place('/a', 'old')
    await w.run(async (disk) => {
      await write(disk, '/b', 'new', 'synced')
      await disk.syncDirectory('/')
      await disk.rename('/b', '/a')
    })
    expect(contents(w)).toEqual({ '/a': 'new' })
    w.disk.crash(KEEPS_NOTHING)
    expect(contents(w)).toEqual({ '/a': 'old', '/b': 'new' })
  })

  test.each(['to', 'from'])(
    'never has lost a file by a rename between directories of which only "%s" was synced',
    async (synced) => {
      const w = world()
      w.disk.place('/from/a', 'text')
      w.disk.place('/to/x', '')
      await w.run(async (disk) => {
        await disk.rename('/from/a', '/to/b')
        await disk.syncDirectory(`/${synced}`)
      })
      w.disk.crash(KEEPS_NOTHING)
      expect(contents(w)['/to/b']).toBe('text')
      expect('/from/a' in contents(w)).toBe(synced === 'to')
    },
  )

  test('has not the bytes for which a sync failed, though a later one succeeded', async () => {
    const w = world()
    let failures = 1
    const faults: DiskFaults = {
      faultOf: ({ kind }) => (kind === 'sync' && failures-- > 0 ? { failure: 'io', effect: 'none' } : undefined),
    }
    w.disk.faults = faults
    await w.run(async (disk) => {
      const file = await disk.openWrite('/a', 'create')
      await file.write(bytes('lost'))
      await expect(file.sync()).rejects.toMatchObject({ kind: 'io' })
      await file.write(bytes('kept'))
      await file.sync()
      await disk.syncDirectory('/')
    })
    expect(contents(w)).toEqual({ '/a': 'lostkept' })
    w.disk.crash(KEEPS_NOTHING)
    expect(contents(w)).toEqual({ '/a': '\0\0\0\0kept' })
  })

  test('has everything when only the process died', async () => {
    const w = world()
    await w.run((disk) => write(disk, '/a', 'text', 'unsynced'))
    w.disk.crash(KEEPS_ALL)
    expect(contents(w)).toEqual({ '/a': 'text' })
  })
})

describe('a simulated disk', () => {
  test.each([1, 2, 3, 4, 5])('keeps the order of the writes of one file, seed %i', async (seed) => {
    const w = world(seed)
    await w.run(async (disk) => {
      const file = await disk.openWrite('/a', 'create')
      await Promise.all(['1', '2', '3', '4', '5'].map((text) => file.write(bytes(text))))
    })
    expect(contents(w)).toEqual({ '/a': '12345' })
  })

  test('lets exactly one of two conditional creates win', async () => {
    const w = world()
    w.disk.place('/a', 'a')
    w.disk.place('/b', 'b')
    const outcomes = await w.run((disk) => Promise.allSettled([disk.link('/a', '/name'), disk.link('/b', '/name')]))
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('does nothing for a process that has ended', async () => {
    const scheduler = new SimScheduler({ random: seededRandom(1), eventCostMaxMs: 0.1 })
    const disk = new SimDisk({ scheduler, random: seededRandom(2), delayMaxMs: 1 })
    const life = new SimLife(0, 0)
    void disk.of(life).openWrite('/a', 'create')
    life.end()
    expect(await scheduler.run(() => 'go-on')).toBe('nothing-left')
    expect(disk.files().size).toBe(0)
  })
})
