/** The real disk. Keeps the contract of base/env.ts; every failure is a DiskError. */
import { dirname } from 'node:path'
import {
  constants,
  copyFile,
  link,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  type FileHandle,
} from 'node:fs/promises'
import { DiskError } from '../base/disk-error.ts'
import type { Disk, DiskEntry, DiskFile, DiskStat } from '../base/env.ts'
import { diskOperation, errnoOf } from './disk-failures.ts'

const FLAGS = { create: 'ax', truncate: 'w', append: 'a' } as const

export const nodeDisk: Disk = {
  read: (path) => diskOperation('read', path, () => readFile(path)),
  readRange: (path, offset, lengthBytes) => diskOperation('read', path, () => readRange(path, offset, lengthBytes)),
  openWrite: (path, mode) =>
    diskOperation('open', path, async () => new NodeDiskFile(path, await open(path, FLAGS[mode]))),
  rename: (from, to) => diskOperation('rename', from, () => rename(from, to)),
  link: (existing, name) => diskOperation('link', name, () => linkOrCopy(existing, name)),
  remove: (path) => diskOperation('remove', path, () => remove(path)),
  removeTree: (path) => diskOperation('remove', path, () => rm(path, { recursive: true, force: true })),
  makeDirectory: (path) => diskOperation('make directory', path, () => makeDirectory(path)),
  list: (path) => diskOperation('list', path, () => list(path)),
  stat: (path) => diskOperation('stat', path, () => statOf(path)),
  truncate: (path, sizeBytes) => diskOperation('truncate', path, () => truncate(path, sizeBytes)),
  syncDirectory: (path) => diskOperation('sync directory', path, () => syncDirectory(path)),
}

class NodeDiskFile implements DiskFile {
  readonly path: string
  readonly #handle: FileHandle
  /** The last queued operation; never rejects. */
  #tail: Promise<unknown> = Promise.resolve()
  #state: 'open' | 'closed' = 'open'

  constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inOrder('write', () => writeAll(this.#handle, bytes))
  }

  sync(): Promise<void> {
    return this.#inOrder('sync', () => this.#handle.sync())
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const closed = this.#inOrder('close', () => this.#handle.close())
    this.#state = 'closed'
    await closed
  }

  #inOrder(operation: string, run: () => Promise<void>): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(new DiskError('io', `${operation} to a closed file`, this.path))
    const done = this.#tail.then(() => diskOperation(operation, this.path, run))
    this.#tail = done.catch(seenByTheAsker)
    return done
  }
}

/** Whoever asked for an operation sees its failure; those behind it in the queue have their own. */
function seenByTheAsker(): void {}

/** One write may take a part only. */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written)
    written += bytesWritten
  }
}

async function readRange(path: string, offset: number, lengthBytes: number): Promise<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const bytes = new Uint8Array(Math.max(0, Math.min(lengthBytes, size - offset)))
    let filled = 0
    while (filled < bytes.length) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled === bytes.length ? bytes : bytes.subarray(0, filled)
  } finally {
    await handle.close()
  }
}

/** Some file systems have no hard links; there an exclusive copy is the conditional create, visible before it is complete. */
async function linkOrCopy(existing: string, name: string): Promise<void> {
  try {
    await link(existing, name)
  } catch (thrown) {
    if (!LINKLESS.has(errnoOf(thrown) ?? '')) throw thrown
    await copyFile(existing, name, constants.COPYFILE_EXCL)
    await syncPath(name)
  }
}

const LINKLESS: ReadonlySet<string> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EPERM'])

/** Not Node's own recursion: below a parent that exists and cannot have children (`/proc`) it never ends. */
async function makeDirectory(path: string): Promise<void> {
  if ((await makeOneDirectory(path)) === 'there') return
  const parent = dirname(path)
  if (parent !== path) await makeDirectory(parent)
  if ((await makeOneDirectory(path)) === 'there') return
  throw new DiskError('denied', 'make directory', path)
}

async function makeOneDirectory(path: string): Promise<'there' | 'not-found'> {
  try {
    await mkdir(path)
    return 'there'
  } catch (thrown) {
    if ((await statOf(path))?.kind === 'directory') return 'there'
    const errno = errnoOf(thrown)
    if (errno === 'ENOENT') return 'not-found'
    throw errno === 'EEXIST' ? new DiskError('not-a-directory', 'make directory', path, thrown) : thrown
  }
}

async function remove(path: string): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false
    throw thrown
  }
}

async function list(path: string): Promise<readonly DiskEntry[]> {
  const entries = await readdir(path, { withFileTypes: true })
  const known: DiskEntry[] = []
  for (const entry of entries) {
    const kind = entry.isSymbolicLink() ? (await statOf(`${path}/${entry.name}`))?.kind : entryKind(entry)
    if (kind !== undefined) known.push({ name: entry.name, kind })
  }
  return known.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Sockets, pipes and devices are no files to read or write here. */
function entryKind(entry: { isFile(): boolean; isDirectory(): boolean }): DiskEntry['kind'] | undefined {
  if (entry.isFile()) return 'file'
  return entry.isDirectory() ? 'directory' : undefined
}

async function statOf(path: string): Promise<DiskStat | undefined> {
  try {
    const found = await stat(path)
    return {
      kind: found.isDirectory() ? 'directory' : 'file',
      sizeBytes: found.size,
      modifiedMs: Math.floor(found.mtimeMs),
    }
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return undefined
    throw thrown
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return // names are durable with the metadata log there, and a directory cannot be synced
  await syncPath(path)
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
