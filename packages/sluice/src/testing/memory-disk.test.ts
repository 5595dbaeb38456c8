import { describe, expect, test } from 'vitest'
import type { DiskFile } from '../base/env.ts'
import { MemoryDisk } from './memory-disk.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)

async function put(disk: MemoryDisk, path: string, content: string): Promise<DiskFile> {
  const file = await disk.openWrite(path, 'truncate')
  await file.write(bytes(content))
  await file.sync()
  await file.close()
  return file
}

describe('the disk in memory', () => {
  test('keeps what was written, and gives ranges of it', async () => {
    const disk = new MemoryDisk(() => 7)
    await disk.makeDirectory('/a/b')
    await put(disk, '/a/b/f', 'hello world')
    expect(text(await disk.read('/a/b/f'))).toBe('hello world')
    expect(text(await disk.readRange('/a/b/f', 6, 100))).toBe('world')
    expect(await disk.readRange('/a/b/f', 50, 3)).toHaveLength(0)
    expect(await disk.stat('/a/b/f')).toEqual({ kind: 'file', sizeBytes: 11, modifiedMs: 7 })
    expect(await disk.stat('/a/c')).toBeUndefined()
    expect(await disk.list('/a')).toEqual([{ name: 'b', kind: 'directory' }])
  })

  test('appends, truncates, cuts', async () => {
    const disk = new MemoryDisk()
    await put(disk, '/f', 'abc')
    const file = await disk.openWrite('/f', 'append')
    await file.write(bytes('def'))
    await file.close()
    await file.close()
    await disk.truncate('/f', 4)
    expect(text(await disk.read('/f'))).toBe('abcd')
    await disk.openWrite('/f', 'truncate')
    expect(await disk.read('/f')).toHaveLength(0)
  })

  test('a link is a second name of the same file and never replaces one', async () => {
    const disk = new MemoryDisk()
    await put(disk, '/a', 'x')
    await disk.link('/a', '/b')
    expect(await disk.remove('/a')).toBe(true)
    expect(await disk.remove('/a')).toBe(false)
    expect(text(await disk.read('/b'))).toBe('x')
    await put(disk, '/a', 'y')
    await expect(disk.link('/a', '/b')).rejects.toMatchObject({ kind: 'exists' })
  })

  test('a rename replaces its target', async () => {
    const disk = new MemoryDisk()
    await put(disk, '/a', 'new')
    await put(disk, '/b', 'old')
    await disk.rename('/a', '/b')
    expect(disk.files()).toEqual(['/b'])
    expect(text(await disk.read('/b'))).toBe('new')
  })

  test('fails as a file system does', async () => {
    const disk = new MemoryDisk()
    await disk.makeDirectory('/d')
    await put(disk, '/f', 'x')
    await expect(disk.read('/nothing')).rejects.toMatchObject({ kind: 'not-found', code: 'DSK1001' })
    await expect(disk.read('/d')).rejects.toMatchObject({ kind: 'is-a-directory' })
    await expect(disk.list('/f')).rejects.toMatchObject({ kind: 'not-a-directory' })
    await expect(disk.openWrite('/nothing/f', 'create')).rejects.toMatchObject({ kind: 'not-found' })
    await expect(disk.openWrite('/f', 'create')).rejects.toMatchObject({ kind: 'exists' })
    await expect(disk.makeDirectory('/f/x')).rejects.toMatchObject({ kind: 'not-a-directory' })
    await expect(disk.remove('/d')).rejects.toMatchObject({ kind: 'is-a-directory' })
    const closed = await put(disk, '/g', 'x')
    await expect(closed.write(bytes('y'))).rejects.toMatchObject({ kind: 'io' })
  })

  test('removes trees, and is content when there is none', async () => {
    const disk = new MemoryDisk()
    await disk.makeDirectory('/a/b/c')
    await put(disk, '/a/b/f', 'x')
    await disk.removeTree('/a/b')
    await disk.removeTree('/a/b')
    await disk.removeTree('/x/y')
    expect(await disk.list('/a')).toEqual([])
  })
})
