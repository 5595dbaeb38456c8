import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FullDisk } from '../../../test/full-disk.ts'
import { type CheckpointId, checkpointId } from '../../base/ids.ts'
import { DiskError } from '../../base/disk-error.ts'
import { seededRandom } from '../../base/random.ts'
import type { SnapshotStorage } from '../checkpoint-store.ts'
import type { DataHandle } from '../handles.ts'
import { DirectoryStore } from './directory-store.ts'
import { LocalCopyStorage } from './local-copy-storage.ts'

const SHARED = '/shared/ckpt'
const FOLDER = '/local/job'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const id = checkpointId

function world() {
  const disk = new FullDisk()
  const failures: unknown[] = []
  const onFailed = (error: unknown): void => void failures.push(error)
  const shared = new DirectoryStore({ disk, root: SHARED, random: seededRandom(1) })
  const slot = (): LocalCopyStorage => new LocalCopyStorage({ storage: shared, disk, folder: FOLDER, onFailed })
  const copies = (): readonly string[] => disk.files().filter((path) => path.startsWith(FOLDER))
  const loseShared = (): Promise<void> => disk.removeTree(SHARED)
  return { disk, failures, shared, slot, copies, loseShared, storage: slot() }
}

async function written(
  storage: SnapshotStorage,
  checkpoint: CheckpointId,
  text = 'state',
  name = 'sums-0-1-0',
): Promise<DataHandle> {
  const writer = await storage.openData(checkpoint, name)
  for (const part of text) await writer.write(bytes(part))
  return writer.finish()
}

async function overwrite(disk: FullDisk, path: string | undefined, text: string): Promise<void> {
  const file = await disk.openWrite(path ?? 'there is no copy', 'truncate')
  await file.write(bytes(text))
  await file.close()
}

describe('a local copy', () => {
  test('is read in place of the storage, also by another slot of the job', async () => {
    const { storage, slot, loseShared } = world()
    const handle = await written(storage, id(1), 'the whole state')
    await loseShared()
    const other = slot()
    for (const reader of [storage, other]) expect(await reader.readData(handle)).toEqual(bytes('the whole state'))
    expect(other.counts).toEqual({ hits: 1, misses: 0, damaged: 0, givenUp: 0 })
  })

  test('has the name of its file in the storage, its size and its checksum', async () => {
    const { storage, copies } = world()
    const { crc32 } = await written(storage, id(42))
    const crc = crc32.toString(16).padStart(8, '0')
    expect(copies()).toEqual([`${FOLDER}/42/checkpoints%2Fchk-000042%2Fsums-0-1-0.5-${crc}`])
  })

  test('of what others wrote is not there: the storage is read', async () => {
    const { storage, shared } = world()
    const handle = await written(shared, id(1))
    expect(await storage.readData(handle)).toEqual(bytes('state'))
    expect(storage.counts).toMatchObject({ hits: 0, misses: 1, damaged: 0 })
  })

  test.each([
    ['has other bytes', 'STATE'],
    ['is torn', 'sta'],
    ['is too long', 'state of somebody'],
    ['is empty', ''],
  ])('that %s is removed, and the storage is read', async (_how, text) => {
    const { storage, disk, copies } = world()
    const handle = await written(storage, id(1))
    await overwrite(disk, copies()[0], text)
    expect(await storage.readData(handle)).toEqual(bytes('state'))
    expect(storage.counts).toMatchObject({ hits: 0, misses: 1, damaged: 1 })
    expect(copies()).toEqual([])
  })

  test('is not taken for a file with the same bytes and another name', async () => {
    const { storage, shared, loseShared } = world()
    await written(storage, id(1))
    const foreign = await written(shared, id(2))
    await loseShared()
    await expect(storage.readData(foreign)).rejects.toMatchObject({ code: 'CKP1003' })
  })

  test('that was not finished is never read, and gone when the checkpoint was given up', async () => {
    const { storage, copies, disk } = world()
    const writer = await storage.openData(id(1), 'sums-0-1-0')
    await writer.write(bytes('state'))
    expect(copies()).toHaveLength(1)
    await writer.abandon()
    expect(disk.files()).toEqual([])
  })

  test('is not kept of a file that the storage could not finish', async () => {
    const { storage, disk, copies } = world()
    const writer = await storage.openData(id(1), 'sums-0-1-0')
    disk.fullBelow = SHARED
    await expect(writer.write(bytes('state'))).rejects.toMatchObject({ code: 'CKP1001' })
    await writer.abandon()
    expect(copies()).toEqual([])
  })

  test('of an empty file is a copy', async () => {
    const { storage, loseShared } = world()
    const handle = await written(storage, id(1), '')
    await loseShared()
    expect(await storage.readData(handle)).toHaveLength(0)
  })
})

test('a copy of a checkpoint that another slot removes meanwhile is given up, and nobody is told', async () => {
  const { storage, slot, failures, copies } = world()
  const writer = await storage.openData(id(1), 'sums-0-1-0')
  await writer.write(bytes('state'))
  await slot().aborted(id(1))
  const handle = await writer.finish()
  expect(await storage.readData(handle)).toEqual(bytes('state'))
  expect([storage.counts.givenUp, failures, copies()]).toEqual([1, [], []])
})

describe('a local disk that is full', () => {
  test('from the beginning costs the copy and nothing else', async () => {
    const { storage, disk, failures, copies } = world()
    disk.fullBelow = FOLDER
    const handle = await written(storage, id(1))
    expect(await storage.readData(handle)).toEqual(bytes('state'))
    expect(storage.counts).toEqual({ hits: 0, misses: 1, damaged: 0, givenUp: 1 })
    expect(failures).toEqual([expect.any(DiskError)])
    expect(copies()).toEqual([])
  })

  test('in the middle of a file costs the copy, once, and leaves nothing of it', async () => {
    const { storage, disk, copies } = world()
    const writer = await storage.openData(id(1), 'sums-0-1-0')
    await writer.write(bytes('st'))
    disk.fullBelow = FOLDER
    for (const part of ['a', 't', 'e']) await writer.write(bytes(part))
    const handle = await writer.finish()
    disk.fullBelow = undefined
    expect(copies()).toEqual([])
    expect(storage.counts.givenUp).toBe(1)
    expect(await storage.readData(handle)).toEqual(bytes('state'))
  })

  test('does not keep later checkpoints from having copies', async () => {
    const { storage, disk, copies } = world()
    disk.fullBelow = FOLDER
    await written(storage, id(1))
    disk.fullBelow = undefined
    await written(storage, id(2))
    expect(copies()).toHaveLength(1)
  })
})

describe('copies of old checkpoints', () => {
  const kept = (copies: readonly string[]): readonly number[] =>
    [...new Set(copies.map((path) => Number(path.split('/')[3])))].sort((a, b) => a - b)

  test('go with the second one that completes after them; what is under way stays', async () => {
    const { storage, copies } = world()
    for (const checkpoint of [1, 2, 3, 4]) await written(storage, id(checkpoint))
    await storage.completed(id(1))
    expect(kept(copies())).toEqual([1, 2, 3, 4])
    await storage.completed(id(3))
    expect(kept(copies())).toEqual([1, 3, 4])
    await storage.completed(id(4))
    expect(kept(copies())).toEqual([3, 4])
  })

  test('go at once when the checkpoint was aborted', async () => {
    const { storage, copies } = world()
    for (const checkpoint of [1, 2]) await written(storage, id(checkpoint))
    await storage.completed(id(1))
    await storage.aborted(id(2))
    await storage.aborted(id(1))
    expect(kept(copies())).toEqual([1])
  })

  test('go when too many newer ones were never heard of again', async () => {
    const { storage, slot, copies } = world()
    for (let checkpoint = 1; checkpoint <= 20; checkpoint++) {
      const writer = checkpoint % 3 === 0 ? slot() : storage // slots that were started anew
      await written(writer, id(checkpoint))
    }
    expect(kept(copies())).toEqual([13, 14, 15, 16, 17, 18, 19, 20])
  })

  test('that cannot be removed are told, and nothing fails', async () => {
    const { storage, disk, failures } = world()
    await written(storage, id(1))
    disk.removeTree = (path) => Promise.reject(new DiskError('denied', 'remove', path))
    await storage.completed(id(2))
    expect(failures).toEqual([expect.any(DiskError)])
  })
})

test('whatever becomes of the copies, a file is what was written to the storage', async () => {
  const step = fc.constantFrom('write', 'tear', 'fill', 'free', 'complete', 'abort', 'read')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { storage, disk, copies } = world()
      const files: { readonly handle: DataHandle; readonly text: string }[] = []
      const does: Record<(typeof steps)[number], () => Promise<void>> = {
        write: async () => {
          const text = `state ${files.length}`
          files.push({ handle: await written(storage, id(files.length + 1), text), text })
        },
        tear: async () => {
          for (const path of copies()) await disk.truncate(path, 3)
        },
        fill: async () => void (disk.fullBelow = FOLDER),
        free: async () => void (disk.fullBelow = undefined),
        complete: () => storage.completed(id(Math.max(1, files.length))),
        abort: () => storage.aborted(id(Math.max(1, files.length))),
        read: async () => {
          for (const { handle, text } of files) expect(await storage.readData(handle)).toEqual(bytes(text))
        },
      }
      for (const name of [...steps, 'read'] as const) await does[name]()
    }),
  )
})
