import { registered, startSlot } from '../../test/task-manager-world.ts'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { artifactHash } from '../base/ids.ts'

describe('a job bundle', () => {
  const bytes = new Uint8Array(2_500_000).map((_, index) => index % 251)
  const hash = artifactHash(hashOf(bytes))
  const PART = 1024 * 1024

  async function fetching() {
    const made = await registered()
    made.launcher.bundles = 'needed'
    made.leader.send(startSlot(0, hash))
    made.leader.send(startSlot(1, hash))
    await made.env.settle()
    return made
  }

  function part(offset: number, content: Uint8Array = bytes) {
    return {
      kind: 'artifact-part',
      artifact: hash,
      offset,
      bytes: content.slice(offset, offset + PART),
      totalBytes: content.length,
    } as const
  }

  test('is fetched once in parts, kept under its hash, and given to all slots that need it', async () => {
    const { env, leader, launcher, disk, told } = await fetching()
    for (const offset of [0, PART, 2 * PART]) {
      expect(leader.last('fetch-artifact')).toEqual({ kind: 'fetch-artifact', artifact: hash, offset })
      leader.send(part(offset))
      await env.settle()
    }
    expect(leader.kinds().filter((kind) => kind === 'fetch-artifact')).toHaveLength(3)
    expect(launcher.slots.map(({ launch }) => launch.artifactPath)).toEqual(
      Array.from({ length: 2 }, () => `/artifacts/${hash}.mjs`),
    )
    expect(hashOf(await disk.read(`/artifacts/${hash}.mjs`))).toBe(hash)
    expect((await disk.list('/artifacts')).map(({ name }) => name)).toEqual([`${hash}.mjs`])
    expect(told('artifact-fetched')).toHaveLength(1)
  })

  test('that was kept by an earlier process is not fetched again, a torn one is', async () => {
    for (const kept of [bytes, bytes.slice(0, 100)]) {
      const made = await registered()
      made.launcher.bundles = 'needed'
      await made.disk.makeDirectory('/artifacts')
      const file = await made.disk.openWrite(`/artifacts/${hash}.mjs`, 'create')
      await file.write(kept)
      await file.close()
      made.leader.send(startSlot(0, hash))
      await made.env.settle()
      expect(made.leader.kinds().includes('fetch-artifact')).toBe(kept.length < bytes.length)
    }
  })

  test('that is damaged starts no slot, and the next start fetches it again', async () => {
    const { env, leader, launcher } = await fetching()
    const damaged = bytes.slice()
    damaged[PART] = 255
    for (const offset of [0, PART, 2 * PART]) {
      leader.send(part(offset, damaged))
      await env.settle()
    }
    expect(launcher.slots).toEqual([])
    expect(leader.last('slot-lost')).toMatchObject({ error: { code: 'JOB1103' } })
    leader.send(startSlot(0, hash))
    await env.settle()
    expect(leader.last('fetch-artifact')).toMatchObject({ offset: 0 })
  })

  test('that is too large, unknown, or stops coming starts no slot', async () => {
    const tooLarge = await fetching()
    tooLarge.leader.send({ ...part(0), totalBytes: 2 ** 40 })
    await tooLarge.env.settle()
    expect(tooLarge.leader.last('slot-lost').error).toMatchObject({
      code: 'JOB1103',
      message: expect.stringContaining('at most 104857600'),
    })
    const unknown = await fetching()
    unknown.leader.send({ kind: 'artifact-missing', artifact: hash })
    await unknown.env.settle()
    expect(unknown.leader.last('slot-lost').error.code).toBe('JOB1103')
    const late = await fetching()
    await late.env.advanceAndSettle(10_000)
    expect(late.leader.last('slot-lost').error.code).toBe('NET1002')
    for (const { launcher } of [tooLarge, unknown, late]) expect(launcher.slots).toEqual([])
  })

  test('on its way is given up with the connection', async () => {
    const { env, leader, launcher } = await fetching()
    leader.send(part(0))
    await env.settle()
    leader.disconnect()
    await env.advanceAndSettle(200)
    leader.send(part(PART))
    await env.settle()
    expect(launcher.slots).toEqual([])
    expect(env.timerCount()).toBe(2)
  })
})

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
