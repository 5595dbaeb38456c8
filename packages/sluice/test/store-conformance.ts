/** What every checkpoint store has to do. Run by the test of each implementation. */
import { describe, expect, test } from 'vitest'
import { type CheckpointId, checkpointId, leaderEpoch } from '../src/base/ids.ts'
import type { CheckpointStore } from '../src/checkpoint/checkpoint-store.ts'
import { removeCheckpoints } from '../src/checkpoint/remove-checkpoints.ts'
import type { DataHandle } from '../src/checkpoint/handles.ts'

export interface StoreUnderTest {
  readonly store: CheckpointStore
  /** Another process at the same storage; the same object where there can be only one. */
  readonly other: CheckpointStore
  /** Paths of everything that takes space, for the tests of clean-up. */
  readonly paths: () => readonly string[]
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const id = checkpointId
const epoch = leaderEpoch

async function writeData(
  store: CheckpointStore,
  checkpoint: CheckpointId,
  name: string,
  ...chunks: string[]
): Promise<DataHandle> {
  const writer = await store.openData(checkpoint, name)
  for (const chunk of chunks) await writer.write(bytes(chunk))
  return writer.finish()
}

export function describeStore(name: string, create: () => StoreUnderTest): void {
  describe(name, () => {
    describeData(create)
    describeManifests(create)
    describeRemoval(create)
    describeEpochs(create)
    describeFencing(create)
  })
}

function describeData(create: () => StoreUnderTest): void {
  test('gives data back as it was written, also to another process', async () => {
    const { store, other } = create()
    const handle = await writeData(store, id(1), 'map-0', 'hello ', 'world')
    expect(handle.sizeBytes).toBe(11)
    expect(await store.readData(handle)).toEqual(bytes('hello world'))
    expect(await other.readData(handle)).toEqual(bytes('hello world'))
  })

  test('keeps an empty file', async () => {
    const { store } = create()
    expect(await store.readData(await writeData(store, id(1), 'map-0'))).toHaveLength(0)
  })

  test('refuses data that is not what the handle says', async () => {
    const { store } = create()
    const handle = await writeData(store, id(1), 'map-0', 'hello')
    await expect(store.readData({ ...handle, sizeBytes: 4 })).rejects.toMatchObject({ code: 'CKP1003' })
    await expect(store.readData({ ...handle, crc32: handle.crc32 + 1 })).rejects.toMatchObject({ code: 'CKP1003' })
    await expect(store.readData({ ...handle, path: `${handle.path}x` })).rejects.toMatchObject({ code: 'CKP1003' })
  })

  test('refuses a second file of the same name', async () => {
    const { store } = create()
    await writeData(store, id(1), 'map-0', 'first')
    await expect(store.openData(id(1), 'map-0')).rejects.toMatchObject({ code: 'CKP1001' })
  })

  test('an abandoned file leaves nothing', async () => {
    const { store, paths } = create()
    const writer = await store.openData(id(1), 'map-0')
    await writer.write(bytes('x'))
    await writer.abandon()
    expect(paths()).toEqual([])
  })

  test('files of one checkpoint are written side by side', async () => {
    const { store } = create()
    const handles = await Promise.all(['a', 'b', 'c'].map((name) => writeData(store, id(3), name, name)))
    expect(await Promise.all(handles.map((handle) => store.readData(handle)))).toEqual([
      bytes('a'),
      bytes('b'),
      bytes('c'),
    ])
  })
}

function describeManifests(create: () => StoreUnderTest): void {
  test('lists what was published, ascending, and gives it back', async () => {
    const { store, other } = create()
    expect(await store.published()).toEqual([])
    for (const checkpoint of [9, 10, 2, 1_234_567])
      expect(await store.publish(id(checkpoint), bytes(`m${checkpoint}`))).toBe('published')
    expect(await other.published()).toEqual([2, 9, 10, 1_234_567])
    expect(await other.readManifest(id(10))).toEqual(bytes('m10'))
  })

  test('a manifest is never replaced', async () => {
    const { store, other } = create()
    expect(await store.publish(id(1), bytes('first'))).toBe('published')
    expect(await store.publish(id(1), bytes('again'))).toBe('exists')
    expect(await other.publish(id(1), bytes('theirs'))).toBe('exists')
    expect(await store.readManifest(id(1))).toEqual(bytes('first'))
  })

  test('of two that publish at once exactly one wins', async () => {
    const { store, other } = create()
    const outcomes = await Promise.all([store.publish(id(1), bytes('a')), other.publish(id(1), bytes('b'))])
    expect([...outcomes].sort()).toEqual(['exists', 'published'])
    expect(await store.readManifest(id(1))).toEqual(bytes(outcomes[0] === 'published' ? 'a' : 'b'))
  })

  test('a manifest that is not there is no manifest', async () => {
    const { store } = create()
    await expect(store.readManifest(id(7))).rejects.toMatchObject({ code: 'CKP1003' })
  })

  test('knows the greatest id, published or not', async () => {
    const { store, other } = create()
    expect(await store.highestId()).toBe(0)
    await store.publish(id(4), bytes('m'))
    expect(await other.highestId()).toBe(4)
    await writeData(store, id(6), 'map-0', 'x')
    expect(await other.highestId()).toBe(6)
  })
}

function describeRemoval(create: () => StoreUnderTest): void {
  test('discards a checkpoint with all it has, twice if need be', async () => {
    const { store, paths } = create()
    const handle = await writeData(store, id(1), 'map-0', 'x')
    await store.publish(id(1), bytes('m'))
    await store.discard(id(1))
    await store.discard(id(1))
    expect(await store.published()).toEqual([])
    expect(paths()).toEqual([])
    await expect(store.readData(handle)).rejects.toMatchObject({ code: 'CKP1003' })
  })

  test('data may still be written after a checkpoint was discarded, and is removed by the next discard', async () => {
    const { store, paths } = create()
    await writeData(store, id(1), 'map-0', 'x')
    await store.discard(id(1))
    await writeData(store, id(1), 'map-1', 'late')
    await store.discard(id(1))
    expect(paths()).toEqual([])
  })

  test('clears what was never published, but not what is in progress', async () => {
    const { store, other } = create()
    const kept = await writeData(store, id(1), 'map-0', 'published')
    await store.publish(id(1), bytes('m'))
    const gone = await writeData(store, id(2), 'map-0', 'lost')
    const running = await writeData(store, id(3), 'map-0', 'running')
    expect(await other.discardUnpublished(id(3))).toEqual([2])
    expect(await store.readData(kept)).toEqual(bytes('published'))
    expect(await store.readData(running)).toEqual(bytes('running'))
    await expect(store.readData(gone)).rejects.toMatchObject({ code: 'CKP1003' })
  })
}

function describeEpochs(create: () => StoreUnderTest): void {
  test('every claim gets an epoch of its own, greater than those before', async () => {
    const { store, other } = create()
    expect(await store.currentEpoch()).toBe(0)
    const first = await store.claimEpoch()
    const [second, third] = await Promise.all([store.claimEpoch(), other.claimEpoch()])
    expect(first).toBe(1)
    expect(new Set([second, third])).toEqual(new Set([2, 3]))
    expect(await other.currentEpoch()).toBe(3)
  })
}

function describeFencing(create: () => StoreUnderTest): void {
  test('a new leader gets ids greater than all that left a trace, and more behind them', async () => {
    const { store, other } = create()
    await store.publish(id(20), bytes('m'))
    const epoch = await other.claimEpoch()
    const block = await other.seal(epoch)
    expect(block.first).toBeGreaterThan(20)
    expect(block.last).toBeGreaterThanOrEqual(block.first)
    const next = await other.reserveIds(epoch)
    expect(next.first).toBeGreaterThan(block.last)
    expect(await store.highestId()).toBe(next.last)
  })

  test('what an older leader has published counts for the new one, what it has not it never will', async () => {
    const { store, other } = create()
    const { first } = await store.seal(await store.claimEpoch())
    const second = id(first + 1)
    await writeData(store, second, 'map-0', 'late')
    expect(await store.publish(first, bytes('in time'))).toBe('published')
    await other.seal(await other.claimEpoch())
    expect(await other.published()).toEqual([first])
    await other.discardUnpublished(id(first + 16))
    expect(await store.publish(second, bytes('too late'))).toBe('exists')
    expect(await other.published()).toEqual([first])
    await expect(other.readManifest(second)).rejects.toMatchObject({ code: 'CKP1003' })
    await expect(store.reserveIds(epoch(1))).rejects.toMatchObject({ code: 'CKP1007' })
  })

  test('a seal is opened neither by a removal nor when it is forgotten', async () => {
    const { store, other } = create()
    const { first, last } = await store.seal(await store.claimEpoch())
    const ids = await other.seal(await other.claimEpoch())
    await other.discard(first)
    expect(await store.publish(first, bytes('too late'))).toBe('exists')
    await other.publish(ids.first, bytes('m'))
    await other.forgetBelow(ids.first)
    expect(await store.publish(last, bytes('too late'))).toBe('exists')
    expect(await other.published()).toEqual([ids.first])
    expect(await other.readManifest(ids.first)).toEqual(bytes('m'))
  })

  test('a leader that was overtaken cannot seal any more', async () => {
    const { store, other } = create()
    const older = await store.claimEpoch()
    await other.claimEpoch()
    await expect(store.seal(older)).rejects.toMatchObject({ code: 'CKP1007' })
  })

  test('ids stay used when everything is removed', async () => {
    const { store, other } = create()
    const first = await store.claimEpoch()
    await store.seal(first)
    await removeCheckpoints(store, first)
    const last = await other.highestId()
    expect(last).toBeGreaterThan(0)
    expect((await other.seal(await other.claimEpoch())).first).toBeGreaterThan(last)
  })

  test('a removal of all touches nothing of a leader that has overtaken', async () => {
    const { store, other } = create()
    const old = await store.claimEpoch()
    const { last } = await store.seal(old)
    const next = await other.seal(await other.claimEpoch())
    const running = await writeData(other, next.first, 'map-0', 'running')
    await other.publish(next.first, bytes('m'))
    await expect(removeCheckpoints(store, old)).rejects.toMatchObject({ code: 'CKP1007' })
    expect(await store.discardUnpublished(id(last + 1))).toEqual([])
    expect(await other.readData(running)).toEqual(bytes('running'))
    expect(await other.published()).toEqual([next.first])
  })

  test('epochs of a leader of a cluster are higher than those of every leader before', async () => {
    const { store, other } = create()
    const first = await store.claimEpoch(epoch(3))
    const second = await store.claimEpoch(epoch(3))
    const third = await other.claimEpoch(epoch(4))
    expect(second).toBeGreaterThan(first)
    expect(third).toBeGreaterThan(second)
    await expect(store.claimEpoch(epoch(3))).rejects.toMatchObject({ code: 'CKP1007' })
  })
}
