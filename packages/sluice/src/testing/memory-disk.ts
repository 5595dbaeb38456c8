import { DiskError } from '../base/disk-error.ts'
import type { Disk, DiskEntry, DiskFile, DiskStat } from '../base/env.ts'

interface FileNode {
  readonly kind: 'file'
  /** Capacity; the content is its first `sizeBytes` bytes. */
  bytes: Uint8Array
  sizeBytes: number
  modifiedMs: number
}

interface DirectoryNode {
  readonly kind: 'directory'
  readonly entries: Map<string, DiskNode>
  modifiedMs: number
}

type DiskNode = FileNode | DirectoryNode

/**
 * A POSIX-like disk in memory: no faults, no power loss, everything is stable at once. For tests that need a disk, not its failures.
 *
 * @example const disk = new MemoryDisk()
 */
export class MemoryDisk implements Disk {
  readonly #root: DirectoryNode
  readonly #nowMs: () => number

  /** @param nowMs gives the times of modification; the default is 0 for ever */
  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs
    this.#root = { kind: 'directory', entries: new Map(), modifiedMs: nowMs() }
  }

  async read(path: string): Promise<Uint8Array> {
    const file = this.#file('read', path)
    return file.bytes.slice(0, file.sizeBytes)
  }

  async readRange(path: string, offset: number, lengthBytes: number): Promise<Uint8Array> {
    const file = this.#file('read', path)
    return file.bytes.slice(offset, Math.max(offset, Math.min(offset + lengthBytes, file.sizeBytes)))
  }

  async openWrite(path: string, mode: 'create' | 'truncate' | 'append'): Promise<DiskFile> {
    const { parent, name } = this.#parent('open', path)
    const existing = parent.entries.get(name)
    if (existing?.kind === 'directory') throw new DiskError('is-a-directory', 'open', path)
    if (existing !== undefined && mode === 'create') throw new DiskError('exists', 'open', path)
    const node = existing ?? this.#newFile(parent, name)
    if (mode === 'truncate') resize(node, 0)
    return new MemoryFile(path, node, this.#nowMs)
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#parent('rename', from)
    const node = this.#child('rename', source.parent, source.name, from)
    const target = this.#parent('rename', to)
    const replaced = target.parent.entries.get(target.name)
    if (replaced === node) return
    if (replaced?.kind === 'directory' && node.kind === 'file') throw new DiskError('is-a-directory', 'rename', to)
    if (replaced?.kind === 'file' && node.kind === 'directory') throw new DiskError('not-a-directory', 'rename', to)
    if (replaced?.kind === 'directory' && replaced.entries.size > 0) throw new DiskError('exists', 'rename', to)
    source.parent.entries.delete(source.name)
    target.parent.entries.set(target.name, node)
  }

  async link(existing: string, name: string): Promise<void> {
    const node = this.#file('link', existing)
    const target = this.#parent('link', name)
    if (target.parent.entries.has(target.name)) throw new DiskError('exists', 'link', name)
    target.parent.entries.set(target.name, node)
  }

  async remove(path: string): Promise<boolean> {
    const { parent, name } = this.#parent('remove', path)
    if (parent.entries.get(name)?.kind === 'directory') throw new DiskError('is-a-directory', 'remove', path)
    return parent.entries.delete(name)
  }

  async removeTree(path: string): Promise<void> {
    const names = split(path)
    const name = names.pop()
    if (name === undefined) this.#root.entries.clear()
    const parent = this.#find(names)
    if (name !== undefined && parent?.kind === 'directory') parent.entries.delete(name)
  }

  async makeDirectory(path: string): Promise<void> {
    let directory = this.#root
    for (const name of split(path)) {
      const next = directory.entries.get(name) ?? this.#newDirectory(directory, name)
      if (next.kind === 'file') throw new DiskError('not-a-directory', 'make directory', path)
      directory = next
    }
  }

  async list(path: string): Promise<readonly DiskEntry[]> {
    return [...this.#directory('list', path).entries]
      .map(([name, { kind }]) => ({ name, kind }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async stat(path: string): Promise<DiskStat | undefined> {
    const node = this.#find(split(path))
    if (node === undefined) return undefined
    return { kind: node.kind, sizeBytes: node.kind === 'file' ? node.sizeBytes : 0, modifiedMs: node.modifiedMs }
  }

  async truncate(path: string, sizeBytes: number): Promise<void> {
    const file = this.#file('truncate', path)
    resize(file, sizeBytes)
    file.modifiedMs = this.#nowMs()
  }

  async syncDirectory(path: string): Promise<void> {
    this.#directory('sync directory', path)
  }

  /** Paths of all files, sorted, for assertions about what is left over. */
  files(): readonly string[] {
    return [...filesBelow(this.#root, '')].sort()
  }

  #newFile(parent: DirectoryNode, name: string): FileNode {
    const node: FileNode = { kind: 'file', bytes: new Uint8Array(0), sizeBytes: 0, modifiedMs: this.#nowMs() }
    parent.entries.set(name, node)
    return node
  }

  #newDirectory(parent: DirectoryNode, name: string): DirectoryNode {
    const node: DirectoryNode = { kind: 'directory', entries: new Map(), modifiedMs: this.#nowMs() }
    parent.entries.set(name, node)
    return node
  }

  #find(names: readonly string[]): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root
    for (const name of names) node = node?.kind === 'directory' ? node.entries.get(name) : undefined
    return node
  }

  #parent(operation: string, path: string): { readonly parent: DirectoryNode; readonly name: string } {
    const names = split(path)
    const name = names.pop()
    if (name === undefined) throw new DiskError('is-a-directory', operation, path)
    const parent = this.#find(names)
    if (parent === undefined) throw new DiskError('not-found', operation, path)
    if (parent.kind === 'file') throw new DiskError('not-a-directory', operation, path)
    return { parent, name }
  }

  #child(operation: string, parent: DirectoryNode, name: string, path: string): DiskNode {
    const node = parent.entries.get(name)
    if (node === undefined) throw new DiskError('not-found', operation, path)
    return node
  }

  #file(operation: string, path: string): FileNode {
    const node = this.#find(split(path))
    if (node === undefined) throw new DiskError('not-found', operation, path)
    if (node.kind === 'directory') throw new DiskError('is-a-directory', operation, path)
    return node
  }

  #directory(operation: string, path: string): DirectoryNode {
    const node = this.#find(split(path))
    if (node === undefined) throw new DiskError('not-found', operation, path)
    if (node.kind === 'file') throw new DiskError('not-a-directory', operation, path)
    return node
  }
}

/** Always writes at the end, like a file opened for appending. */
class MemoryFile implements DiskFile {
  readonly path: string
  readonly #node: FileNode
  readonly #nowMs: () => number
  #state: 'open' | 'closed' = 'open'

  constructor(path: string, node: FileNode, nowMs: () => number) {
    this.path = path
    this.#node = node
    this.#nowMs = nowMs
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#state === 'closed') throw new DiskError('io', 'write to a closed file', this.path)
    const start = this.#node.sizeBytes
    resize(this.#node, start + bytes.length)
    this.#node.bytes.set(bytes, start)
    this.#node.modifiedMs = this.#nowMs()
  }

  async sync(): Promise<void> {
    if (this.#state === 'closed') throw new DiskError('io', 'sync of a closed file', this.path)
  }

  async close(): Promise<void> {
    this.#state = 'closed'
  }
}

function resize(file: FileNode, sizeBytes: number): void {
  if (sizeBytes > file.bytes.length) {
    const grown = new Uint8Array(Math.max(sizeBytes, file.bytes.length * 2))
    grown.set(file.bytes.subarray(0, file.sizeBytes))
    file.bytes = grown
  }
  if (sizeBytes < file.sizeBytes) file.bytes.fill(0, sizeBytes, file.sizeBytes)
  file.sizeBytes = sizeBytes
}

function split(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

function* filesBelow(directory: DirectoryNode, path: string): Iterable<string> {
  for (const [name, node] of directory.entries) {
    if (node.kind === 'file') yield `${path}/${name}`
    else yield* filesBelow(node, `${path}/${name}`)
  }
}
