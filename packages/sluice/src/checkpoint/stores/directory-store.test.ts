import { describe, expect, test } from 'vitest'
import { DiskError } from '../../base/disk-error.ts'
import type { Disk, DiskFailureKind } from '../../base/env.ts'
import { checkpointId } from '../../base/ids.ts'
import { seededRandom } from '../../base/random.ts'
import { MemoryDisk } from '../../testing/memory-disk.ts'
import { DirectoryStore } from './directory-store.ts'
import { describeStore } from '../../../test/store-conformance.ts'

const ROOT = '/var/state/ckpt'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const id = checkpointId

function storeOn(disk: Disk, seed = 1): DirectoryStore {
  return new DirectoryStore({ disk, root: ROOT, random: seededRandom(seed) })
}

describeStore('the store in a directory', () => {
  const disk = new MemoryDisk()
  return {
    store: storeOn(disk, 1),
    other: storeOn(disk, 2),
    paths: () => disk.files().filter((path) => !path.includes('/epochs/')),
  }
})

type Failing = (operation: keyof Disk, path: string) => DiskFailureKind | undefined

/** A disk of which some operations fail before they do anything. */
function failingDisk(disk: MemoryDisk, failing: Failing): Disk {
  return new Proxy(disk, {
    get(target, operation: keyof Disk) {
      const method = target[operation].bind(target) as (...args: unknown[]) => Promise<unknown> // all methods of a Disk are async
      return async (...args: unknown[]) => {
        const path = String(args.at(operation === 'link' || operation === 'rename' ? 1 : 0))
        const kind = failing(operation, path)
        if (kind !== undefined) throw new DiskError(kind, operation, path)
        return method(...args)
      }
    },
  })
}

describe('the directory of checkpoints', () => {
  test('has the documented names', async () => {
    const disk = new MemoryDisk()
    const store = storeOn(disk)
    await store.claimEpoch()
    const writer = await store.openData(id(42), 'window-0-1-0')
    await writer.finish()
    await store.publish(id(42), bytes('m'))
    expect(disk.files()).toEqual([
      `${ROOT}/checkpoints/chk-000042/window-0-1-0`,
      `${ROOT}/epochs/000001`,
      `${ROOT}/manifests/000042.manifest`,
    ])
  })

  test('a process that dies at any point of publishing leaves a whole manifest or none, and the next start cleans up', async () => {
    for (let survived = 0; survived < 20; survived++) {
      const disk = new MemoryDisk()
      let operations = 0
      const dying = failingDisk(disk, () => (operations++ < survived ? undefined : 'io'))
      const outcome = await storeOn(dying)
        .publish(id(1), bytes('manifest'))
        .catch(() => 'died')
      const next = storeOn(disk, 2)
      await next.discardUnpublished(id(100))
      const published = await next.published()
      if (outcome === 'published') expect(published).toEqual([1])
      if (published.length === 1) expect(await next.readManifest(id(1))).toEqual(bytes('manifest'))
      expect(disk.files()).toEqual(published.map(() => `${ROOT}/manifests/000001.manifest`))
    }
  })

  test('when the directory cannot be synced, publishing fails although the manifest is there', async () => {
    const disk = new MemoryDisk()
    const store = storeOn(
      failingDisk(disk, (operation, path) =>
        operation === 'syncDirectory' && path.endsWith('/manifests') ? 'io' : undefined,
      ),
    )
    await expect(store.publish(id(1), bytes('m'))).rejects.toMatchObject({ code: 'CKP1001' })
    expect(await storeOn(disk).published()).toEqual([1])
    await expect(store.published()).rejects.toMatchObject({ code: 'CKP1002' })
  })

  test('a full disk is named, with what it means and what to do', async () => {
    const store = storeOn(
      failingDisk(new MemoryDisk(), (operation) => (operation === 'openWrite' ? 'no-space' : undefined)),
    )
    await expect(store.openData(id(1), 'map-0')).rejects.toThrow(
      /data of checkpoint 1 could not be written to \S*chk-000001\/map-0: no space left on the disk \(ENOSPC\)\. Nothing that was restorable before is touched\. Free space/,
    )
    await expect(store.publish(id(1), bytes('m'))).rejects.toMatchObject({ code: 'CKP1001' })
    await expect(store.claimEpoch()).rejects.toMatchObject({ code: 'CKP1001' })
  })

  test('works again once the disk does: nothing of a failure is remembered', async () => {
    const disk = new MemoryDisk()
    let isBroken = true
    const store = storeOn(
      failingDisk(disk, (operation) => (operation === 'makeDirectory' && isBroken ? 'denied' : undefined)),
    )
    await expect(store.openData(id(1), 'map-0')).rejects.toMatchObject({ code: 'CKP1001' })
    isBroken = false
    const writer = await store.openData(id(1), 'map-0')
    await expect(writer.finish()).resolves.toMatchObject({ sizeBytes: 0 })
  })

  test('data that cannot be read is not taken for data that is gone', async () => {
    const disk = new MemoryDisk()
    const writer = await storeOn(disk).openData(id(1), 'map-0')
    const handle = await writer.finish()
    const blind = storeOn(failingDisk(disk, (operation) => (operation === 'read' ? 'io' : undefined)))
    await expect(blind.readData(handle)).rejects.toMatchObject({ code: 'CKP1002' })
    await expect(blind.readManifest(id(1))).rejects.toMatchObject({ code: 'CKP1002' })
  })

  test('removes the manifest before the first data file', async () => {
    const disk = new MemoryDisk()
    const store = storeOn(disk)
    const writer = await store.openData(id(1), 'map-0')
    await writer.finish()
    await store.publish(id(1), bytes('m'))
    const stopping = storeOn(failingDisk(disk, (operation) => (operation === 'removeTree' ? 'io' : undefined)))
    await expect(stopping.discard(id(1))).rejects.toMatchObject({ code: 'CKP1001' })
    expect(disk.files()).toEqual([`${ROOT}/checkpoints/chk-000001/map-0`])
  })

  test('a parent that may not be opened is no reason to refuse', async () => {
    const disk = new MemoryDisk()
    const store = storeOn(
      failingDisk(disk, (operation, path) =>
        operation === 'syncDirectory' && path === '/var/state' ? 'denied' : undefined,
      ),
    )
    expect(await store.publish(id(1), bytes('m'))).toBe('published')
  })

  test('ignores what somebody else put there', async () => {
    const disk = new MemoryDisk()
    const store = storeOn(disk)
    await store.publish(id(1), bytes('m'))
    for (const name of ['manifests/notes.txt', 'epochs/x', 'manifests/1.manifest'])
      await disk.openWrite(`${ROOT}/${name}`, 'create')
    await disk.makeDirectory(`${ROOT}/checkpoints/mine`)
    await store.discardUnpublished(id(100))
    expect(await store.published()).toEqual([1])
    expect(await store.currentEpoch()).toBe(0)
    expect(await disk.stat(`${ROOT}/checkpoints/mine`)).toBeDefined()
  })
})
