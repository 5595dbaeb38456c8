/**
 * A disk in virtual time that fails and forgets.
 *
 * Owns: the moment of every effect and of its news, failures, what a crash leaves. Does not own: when to crash (sim-world.ts), which
 * operations fail (the `DiskFaults` given), what may happen to which file (the `DiskWatcher` given).
 *
 * K1 An operation takes effect at one moment behind its call; its promise is settled at that moment or later. A process that ends in between
 *    never learns of the effect.
 * K2 Operations of one open file take effect in the order of their calls; all others in any order.
 * K3 Nothing of a life that is over touches the disk.
 */
import { DiskError } from '../base/disk-error.ts'
import type { Disk, DiskEntry, DiskFailureKind, DiskFile, DiskStat, Random } from '../base/env.ts'
import {
  type CrashDraws,
  type SimDirectory,
  type SimFile,
  type SimNode,
  appendBytes,
  crashImage,
  forgetUnsynced,
  newSimDirectory,
  newSimFile,
  removeName,
  renameWithin,
  resizeFile,
  setName,
  syncFile,
  syncNames,
} from './sim-disk-image.ts'
import { OpenSimFile } from './sim-open-file.ts'
import type { SimLife, SimScheduler } from './sim-scheduler.ts'

export interface DiskOperation {
  readonly kind: 'read' | 'write' | 'name' | 'sync' | 'close'
  readonly path: string
}

interface DiskAction<T> {
  readonly operation: DiskOperation
  effect(): T
  /** What happens instead of the effect when the operation fails. Default: the whole effect or nothing. */
  onFault?(fault: DiskFault): void
}

/** An operation that fails, and how much of its effect it has nevertheless. */
export interface DiskFault {
  readonly failure: DiskFailureKind
  readonly effect: 'none' | 'part' | 'whole'
}

export interface DiskFaults {
  /** Asked at the moment of the effect. */
  faultOf(operation: DiskOperation, life: SimLife): DiskFault | undefined
  /** Asked at the call: how much longer than usual it takes. */
  delayOf?(operation: DiskOperation, life: SimLife): number
}

/** Sees every change at once; paths begin with a slash. May throw: the run is over then. */
export interface DiskWatcher {
  onName(path: string, node: SimNode | undefined): void
  onContent(path: string, file: SimFile): void
  onNamesSynced(path: string, directory: SimDirectory): void
}

export interface SimDiskOptions {
  readonly scheduler: SimScheduler
  readonly random: Random
  /** Greatest ordinary delay of one operation, milliseconds; a few take much longer. */
  readonly delayMaxMs: number
}

/** One operation in this many takes this many times as long. */
const SLOW_ONE_IN = 50
const SLOW_FACTOR = 30
/** Share of operations whose news comes later than their effect. */
const LATE_NEWS_SHARE = 0.3

const NO_FAULTS: DiskFaults = { faultOf: () => undefined }
const NO_WATCHER: DiskWatcher = { onName: () => {}, onContent: () => {}, onNamesSynced: () => {} }

export class SimDisk {
  readonly #options: SimDiskOptions
  readonly #root: SimDirectory = newSimDirectory(0)
  faults: DiskFaults = NO_FAULTS
  watcher: DiskWatcher = NO_WATCHER
  /** Effects of operations that change something. */
  effectCount = 0

  constructor(options: SimDiskOptions) {
    this.#options = options
  }

  /** The disk as a process sees it. K3 */
  of(life: SimLife): Disk {
    const run = <T>(operation: DiskOperation, effect: () => T): Promise<T> => this.#operate(life, { operation, effect })
    return {
      read: (path) => run({ kind: 'read', path }, () => this.#file('read', path).content.slice()),
      readRange: (path, offset, lengthBytes) =>
        run({ kind: 'read', path }, () => this.#file('read', path).content.slice(offset, offset + lengthBytes)),
      openWrite: (path, mode) => run({ kind: 'name', path }, () => this.#open(life, path, mode)),
      rename: (from, to) => run({ kind: 'name', path: to }, () => this.#rename(from, to)),
      link: (existing, name) => run({ kind: 'name', path: name }, () => this.#link(existing, name)),
      remove: (path) => run({ kind: 'name', path }, () => this.#remove(path)),
      removeTree: (path) => run({ kind: 'name', path }, () => this.#removeTree(path)),
      makeDirectory: (path) => run({ kind: 'name', path }, () => this.#makeDirectory(path)),
      list: (path) => run({ kind: 'read', path }, () => this.#list(path)),
      stat: (path) => run({ kind: 'read', path }, () => this.#stat(path)),
      truncate: (path, sizeBytes) => run({ kind: 'write', path }, () => this.#truncate(path, sizeBytes)),
      syncDirectory: (path) => run({ kind: 'sync', path }, () => this.#syncDirectory(path)),
    }
  }

  /** What is left when the machine loses power (G2), or all of it when `draws` keep everything. */
  crash(draws: CrashDraws): void {
    crashImage(this.#root, draws)
  }

  /** A file that was there before everything began. */
  place(path: string, content: string | Uint8Array): void {
    const names = splitPath(path)
    const name = names.pop() ?? ''
    const parent = this.#directories(names)
    const file = newSimFile(0)
    appendBytes(file, typeof content === 'string' ? new TextEncoder().encode(content) : content)
    setName(parent, name, file)
    crashImage(this.#root, { keepsName: () => true, keptBytes: (lengthBytes) => lengthBytes })
  }

  /** All files that are seen, by path with a leading slash. */
  files(): ReadonlyMap<string, SimFile> {
    return new Map(filesBelow(this.#root, ''))
  }

  /** What would be left if the power went now and nothing unsynced was kept. */
  stableFiles(): ReadonlyMap<string, SimFile> {
    return new Map(filesBelow(this.#root, '', 'stable'))
  }

  // K1
  #operate<T>(life: SimLife, action: DiskAction<T>): Promise<T> {
    const { scheduler, random } = this.#options
    const label = `${action.operation.kind} ${action.operation.path}`
    return new Promise((resolve, reject) => {
      const extraMs = this.faults.delayOf?.(action.operation, life) ?? 0
      scheduler.after(life, this.#delayMs() + extraMs, label, () => {
        const tell = this.#attempt(life, action, { resolve, reject })
        if (random.fraction() < LATE_NEWS_SHARE) scheduler.after(life, this.#delayMs(), `${label} done`, tell)
        else tell()
      })
    })
  }

  /** Lets the effect happen, or part of it; gives what tells the caller. */
  #attempt<T>(life: SimLife, action: DiskAction<T>, caller: Caller<T>): () => void {
    const { operation } = action
    const fault = this.faults.faultOf(operation, life)
    if (operation.kind !== 'read' && operation.kind !== 'close') this.effectCount++
    try {
      if (fault === undefined) {
        const result = action.effect()
        return () => caller.resolve(result)
      }
      if (action.onFault !== undefined) action.onFault(fault)
      else if (fault.effect === 'whole') action.effect()
    } catch (thrown) {
      if (!(thrown instanceof DiskError)) throw thrown
      return () => caller.reject(thrown)
    }
    const failed = new DiskError(fault.failure, `a simulated ${operation.kind}`, operation.path)
    return () => caller.reject(failed)
  }

  #delayMs(): number {
    const { random, delayMaxMs } = this.#options
    const delayMs = random.fraction() * delayMaxMs
    return random.fraction() * SLOW_ONE_IN < 1 ? delayMs * SLOW_FACTOR : delayMs
  }

  #open(life: SimLife, path: string, mode: 'create' | 'truncate' | 'append'): DiskFile {
    const { parent, name } = this.#parent('open', path)
    const existing = parent.entries.get(name)
    if (existing?.kind === 'directory') throw new DiskError('is-a-directory', 'open', path)
    if (existing !== undefined && mode === 'create') throw new DiskError('exists', 'open', path)
    const file = existing ?? newSimFile(this.#nowMs())
    if (existing === undefined) this.#setName(parent, name, path, file)
    if (mode === 'truncate') this.#resize(file, path, 0)
    return new OpenSimFile(path, {
      close: (effect) => this.#operate(life, { operation: { kind: 'close', path }, effect }),
      write: (bytes) => this.#operate(life, this.#writing(path, file, bytes)),
      sync: () =>
        this.#operate(life, {
          operation: { kind: 'sync', path },
          effect: () => syncFile(file),
          onFault: () => forgetUnsynced(file),
        }),
    })
  }

  #writing(path: string, file: SimFile, bytes: Uint8Array): DiskAction<void> {
    const append = (lengthBytes: number): void => {
      appendBytes(file, bytes.subarray(0, lengthBytes))
      file.modifiedMs = this.#nowMs()
      this.watcher.onContent(normal(path), file)
    }
    return {
      operation: { kind: 'write', path },
      effect: () => append(bytes.length),
      onFault: ({ effect }) => append(effect === 'whole' ? bytes.length : effect === 'part' ? bytes.length >> 1 : 0),
    }
  }

  #rename(from: string, to: string): void {
    const source = this.#parent('rename', from)
    const node = source.parent.entries.get(source.name)
    if (node === undefined) throw new DiskError('not-found', 'rename', from)
    const target = this.#parent('rename', to)
    const replaced = target.parent.entries.get(target.name)
    if (replaced === node) return
    if (replaced?.kind === 'directory' && node.kind === 'file') throw new DiskError('is-a-directory', 'rename', to)
    if (replaced?.kind === 'file' && node.kind === 'directory') throw new DiskError('not-a-directory', 'rename', to)
    if (replaced?.kind === 'directory' && replaced.entries.size > 0) throw new DiskError('exists', 'rename', to)
    if (source.parent === target.parent) renameWithin(source.parent, source.name, target.name)
    else removeName(source.parent, source.name, setName(target.parent, target.name, node))
    this.watcher.onName(normal(from), undefined)
    this.watcher.onName(normal(to), node)
  }

  #link(existing: string, name: string): void {
    const file = this.#file('link', existing)
    const target = this.#parent('link', name)
    if (target.parent.entries.has(target.name)) throw new DiskError('exists', 'link', name)
    this.#setName(target.parent, target.name, name, file)
  }

  #remove(path: string): boolean {
    const { parent, name } = this.#parent('remove', path)
    const node = parent.entries.get(name)
    if (node?.kind === 'directory') throw new DiskError('is-a-directory', 'remove', path)
    if (node === undefined) return false
    this.#removeName(parent, name, path)
    return true
  }

  #removeTree(path: string): void {
    const names = splitPath(path)
    const name = names.pop() ?? ''
    const parent = this.#find(names)
    if (parent?.kind !== 'directory') return
    const node = parent.entries.get(name)
    if (node === undefined) return
    if (node.kind === 'directory') for (const inner of node.entries.keys()) this.#removeTree(`${path}/${inner}`)
    this.#removeName(parent, name, path)
  }

  #makeDirectory(path: string): void {
    let directory = this.#root
    let at = ''
    for (const name of splitPath(path)) {
      at += `/${name}`
      let next = directory.entries.get(name)
      if (next === undefined) {
        next = newSimDirectory(this.#nowMs())
        setName(directory, name, next)
        this.watcher.onName(at, next)
      }
      if (next.kind === 'file') throw new DiskError('not-a-directory', 'make directory', path)
      directory = next
    }
  }

  #list(path: string): readonly DiskEntry[] {
    const entries = [...this.#directory('list', path).entries].map(([name, { kind }]) => ({ name, kind }))
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #stat(path: string): DiskStat | undefined {
    const node = this.#find(splitPath(path))
    if (node === undefined) return undefined
    return { kind: node.kind, sizeBytes: node.kind === 'file' ? node.content.length : 0, modifiedMs: node.modifiedMs }
  }

  #truncate(path: string, sizeBytes: number): void {
    this.#resize(this.#file('truncate', path), path, sizeBytes)
  }

  #syncDirectory(path: string): void {
    const directory = this.#directory('sync directory', path)
    syncNames(directory)
    this.watcher.onNamesSynced(normal(path), directory)
  }

  #resize(file: SimFile, path: string, sizeBytes: number): void {
    resizeFile(file, sizeBytes)
    file.modifiedMs = this.#nowMs()
    this.watcher.onContent(normal(path), file)
  }

  #setName(parent: SimDirectory, name: string, path: string, node: SimNode): void {
    setName(parent, name, node)
    this.watcher.onName(normal(path), node)
  }

  #removeName(parent: SimDirectory, name: string, path: string): void {
    removeName(parent, name)
    this.watcher.onName(normal(path), undefined)
  }

  #nowMs(): number {
    return Math.floor(this.#options.scheduler.nowMs)
  }

  #directories(names: readonly string[]): SimDirectory {
    if (names.length > 0) this.#makeDirectory(names.join('/'))
    const found = this.#find(names)
    if (found?.kind !== 'directory') throw new DiskError('not-a-directory', 'place', names.join('/'))
    return found
  }

  #find(names: readonly string[]): SimNode | undefined {
    let node: SimNode | undefined = this.#root
    for (const name of names) node = node?.kind === 'directory' ? node.entries.get(name) : undefined
    return node
  }

  #parent(operation: string, path: string): { readonly parent: SimDirectory; readonly name: string } {
    const names = splitPath(path)
    const name = names.pop()
    if (name === undefined) throw new DiskError('is-a-directory', operation, path)
    const parent = this.#find(names)
    if (parent === undefined) throw new DiskError('not-found', operation, path)
    if (parent.kind === 'file') throw new DiskError('not-a-directory', operation, path)
    return { parent, name }
  }

  #file(operation: string, path: string): SimFile {
    const node = this.#find(splitPath(path))
    if (node === undefined) throw new DiskError('not-found', operation, path)
    if (node.kind === 'directory') throw new DiskError('is-a-directory', operation, path)
    return node
  }

  #directory(operation: string, path: string): SimDirectory {
    const node = this.#find(splitPath(path))
    if (node === undefined) throw new DiskError('not-found', operation, path)
    if (node.kind === 'file') throw new DiskError('not-a-directory', operation, path)
    return node
  }
}

interface Caller<T> {
  resolve(value: T): void
  reject(error: DiskError): void
}

function splitPath(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

function normal(path: string): string {
  return `/${splitPath(path).join('/')}`
}

function* filesBelow(
  directory: SimDirectory,
  path: string,
  view: 'entries' | 'stable' = 'entries',
): Iterable<[string, SimFile]> {
  for (const [name, node] of directory[view]) {
    if (node.kind === 'file') yield [`${path}/${name}`, node]
    else yield* filesBelow(node, `${path}/${name}`, view)
  }
}
