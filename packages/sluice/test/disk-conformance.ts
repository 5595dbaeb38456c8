/** What every `Disk` keeps (base/env.ts), as one suite. */
import { expect, test } from 'vitest'
import { DiskError } from '../src/base/disk-error.ts'
import type { Disk, DiskFailureKind } from '../src/base/env.ts'

export interface DiskUnderTest {
  readonly disk: Disk
  /** An empty directory on it. */
  readonly root: string
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (content: Uint8Array): string => new TextDecoder().decode(content)

async function write(
  disk: Disk,
  path: string,
  content: string,
  mode: 'create' | 'truncate' | 'append' = 'create',
): Promise<void> {
  const file = await disk.openWrite(path, mode)
  await file.write(bytes(content))
  await file.close()
}

async function expectFailure(kind: DiskFailureKind, operation: Promise<unknown>): Promise<void> {
  const thrown = await operation.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(DiskError)
  expect(thrown).toMatchObject({ code: 'DSK1001', kind })
}

/** Call inside a `describe`. */
export function diskConformance(make: () => DiskUnderTest): void {
  test('a written file is read back whole and by range, shorter at its end', async () => {
    const { disk, root } = make()
    await write(disk, `${root}/a`, 'hello world')
    expect(text(await disk.read(`${root}/a`))).toBe('hello world')
    expect(text(await disk.readRange(`${root}/a`, 6, 3))).toBe('wor')
    expect(text(await disk.readRange(`${root}/a`, 6, 100))).toBe('world')
    expect((await disk.readRange(`${root}/a`, 100, 5)).length).toBe(0)
    expect(await disk.stat(`${root}/a`)).toMatchObject({ kind: 'file', sizeBytes: 11 })
  })

  test('writes that are not awaited arrive in order, and close waits for them', async () => {
    const { disk, root } = make()
    const file = await disk.openWrite(`${root}/a`, 'create')
    const writes = Array.from({ length: 50 }, (_, index) => file.write(bytes(`${index};`)))
    const synced = file.sync()
    await file.close()
    await file.close()
    await Promise.all([...writes, synced])
    expect(text(await disk.read(`${root}/a`))).toBe(Array.from({ length: 50 }, (_, index) => `${index};`).join(''))
    await expectFailure('io', file.write(bytes('late')))
  })

  test('create refuses an existing file, truncate empties it, append goes on at its end', async () => {
    const { disk, root } = make()
    await write(disk, `${root}/a`, 'one')
    await expectFailure('exists', disk.openWrite(`${root}/a`, 'create'))
    await write(disk, `${root}/a`, 'two', 'append')
    expect(text(await disk.read(`${root}/a`))).toBe('onetwo')
    await write(disk, `${root}/a`, 'three', 'truncate')
    expect(text(await disk.read(`${root}/a`))).toBe('three')
    await disk.truncate(`${root}/a`, 2)
    expect(text(await disk.read(`${root}/a`))).toBe('th')
  })

  test('rename replaces its target, link does not', async () => {
    const { disk, root } = make()
    await write(disk, `${root}/a`, 'a')
    await write(disk, `${root}/b`, 'b')
    await expectFailure('exists', disk.link(`${root}/a`, `${root}/b`))
    await disk.link(`${root}/a`, `${root}/c`)
    await disk.rename(`${root}/a`, `${root}/b`)
    expect((await disk.list(root)).map(({ name }) => name)).toEqual(['b', 'c'])
    expect(text(await disk.read(`${root}/b`))).toBe('a')
    await disk.syncDirectory(root)
  })

  test('directories are made with their parents, listed by name and removed with all in them', async () => {
    const { disk, root } = make()
    await disk.makeDirectory(`${root}/x/y`)
    await disk.makeDirectory(`${root}/x/y`)
    await write(disk, `${root}/x/b`, '')
    await write(disk, `${root}/x/B`, '')
    expect(await disk.list(`${root}/x`)).toEqual([
      { name: 'B', kind: 'file' },
      { name: 'b', kind: 'file' },
      { name: 'y', kind: 'directory' },
    ])
    await disk.removeTree(`${root}/x`)
    await disk.removeTree(`${root}/x`)
    expect(await disk.stat(`${root}/x`)).toBeUndefined()
  })

  test('removing says whether there was something', async () => {
    const { disk, root } = make()
    await write(disk, `${root}/a`, '')
    expect(await disk.remove(`${root}/a`)).toBe(true)
    expect(await disk.remove(`${root}/a`)).toBe(false)
  })

  test('failures have the kind that callers branch on', async () => {
    const { disk, root } = make()
    await write(disk, `${root}/file`, '')
    await expectFailure('not-found', disk.read(`${root}/none`))
    await expectFailure('not-found', disk.openWrite(`${root}/none/a`, 'create'))
    await expectFailure('not-found', disk.rename(`${root}/none`, `${root}/a`))
    await expectFailure('not-found', disk.list(`${root}/none`))
    await expectFailure('not-a-directory', disk.makeDirectory(`${root}/file`))
    await expectFailure('not-a-directory', disk.makeDirectory(`${root}/file/a`))
    await expectFailure('not-a-directory', disk.list(`${root}/file`))
    await expectFailure('is-a-directory', disk.read(root))
    await expectFailure('is-a-directory', disk.openWrite(root, 'truncate'))
    expect(await disk.stat(`${root}/file/a`)).toBeUndefined()
  })
}
