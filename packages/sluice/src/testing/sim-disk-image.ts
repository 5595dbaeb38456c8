/**
 * What is on a simulated disk: what is seen now, and what is stable.
 *
 * Owns: files, directories, which of their changes are stable, and what a crash leaves. Does not own: time, failures, who asks
 * (sim-disk.ts). The rules: docs/spec/simulator.md, "The disk".
 *
 * G1 `sync` makes the content of a file stable, `syncDirectory` the names in a directory, nothing else does.
 * G2 After `crash` everything that is seen is stable.
 * G3 The removal of a name by a rename is stable only when the new name is.
 */
import { present } from '../base/assert.ts'

export interface SimFile {
  readonly kind: 'file'
  content: Uint8Array
  stable: Uint8Array
  /** Changes of the content that are not stable, in order. */
  unsynced: ContentChange[]
  modifiedMs: number
}

export interface SimDirectory {
  readonly kind: 'directory'
  readonly entries: Map<string, SimNode>
  readonly stable: Map<string, SimNode>
  /** Changes of names that are not stable, in order. */
  unsynced: NameChange[]
  modifiedMs: number
}

export type SimNode = SimFile | SimDirectory

type ContentChange =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array; readonly isForgotten: boolean }
  | { readonly kind: 'truncate'; readonly sizeBytes: number; readonly isForgotten: boolean }

interface NameChange {
  readonly directory: SimDirectory
  readonly name: string
  /** Undefined: the name is gone. */
  readonly node: SimNode | undefined
  /** G3 */
  readonly onlyWith?: NameChange
}

/** What becomes, in a crash, of something that is not stable. */
export interface CrashDraws {
  /** Whether a change of a name is kept. */
  keepsName(): boolean
  /** How many of the bytes of a write are kept. */
  keptBytes(lengthBytes: number): number
}

export function newSimFile(nowMs: number): SimFile {
  return { kind: 'file', content: EMPTY, stable: EMPTY, unsynced: [], modifiedMs: nowMs }
}

export function newSimDirectory(nowMs: number): SimDirectory {
  return { kind: 'directory', entries: new Map(), stable: new Map(), unsynced: [], modifiedMs: nowMs }
}

const EMPTY = new Uint8Array(0)

export function appendBytes(file: SimFile, bytes: Uint8Array): void {
  const change: ContentChange = { kind: 'write', offset: file.content.length, bytes: bytes.slice(), isForgotten: false }
  file.unsynced.push(change)
  file.content = changed(file.content, change)
}

export function resizeFile(file: SimFile, sizeBytes: number): void {
  if (file.content.length === sizeBytes) return
  const change: ContentChange = { kind: 'truncate', sizeBytes, isForgotten: false }
  file.unsynced.push(change)
  file.content = changed(file.content, change)
}

/** G1 */
export function syncFile(file: SimFile): void {
  for (const change of file.unsynced) if (!change.isForgotten) file.stable = changed(file.stable, change)
  file.unsynced = file.unsynced.filter((change) => change.isForgotten)
}

/** A sync failed: the system takes the bytes for written, and no later sync writes them. */
export function forgetUnsynced(file: SimFile): void {
  file.unsynced = file.unsynced.map((change) => ({ ...change, isForgotten: true }))
}

export function setName(directory: SimDirectory, name: string, node: SimNode): NameChange {
  const change: NameChange = { directory, name, node }
  directory.unsynced.push(change)
  directory.entries.set(name, node)
  return change
}

export function removeName(directory: SimDirectory, name: string, onlyWith?: NameChange): void {
  directory.unsynced.push({ directory, name, node: undefined, ...(onlyWith === undefined ? {} : { onlyWith }) })
  directory.entries.delete(name)
}

/** Names in one directory change together: both or none are kept. */
export function renameWithin(directory: SimDirectory, from: string, to: string): void {
  const node = present(directory.entries.get(from), 'what is renamed')
  const created = setName(directory, to, node)
  directory.entries.delete(from)
  directory.unsynced.push({ directory, name: from, node: undefined, onlyWith: created })
}

/** G1 */
export function syncNames(directory: SimDirectory): void {
  for (const change of directory.unsynced) makeStable(change)
  directory.unsynced = []
}

function makeStable(change: NameChange): void {
  const { onlyWith } = change
  if (onlyWith !== undefined && onlyWith.directory !== change.directory) settleElsewhere(onlyWith) // G3
  applyName(change.directory.stable, change)
}

/** Makes one change of another directory stable; what came before it under the same name is history. */
function settleElsewhere(change: NameChange): void {
  const { directory, name } = change
  const at = directory.unsynced.indexOf(change)
  if (at < 0) return
  directory.unsynced = directory.unsynced.filter((other, index) => index > at || other.name !== name)
  applyName(directory.stable, change)
}

function applyName(names: Map<string, SimNode>, { name, node }: NameChange): void {
  if (node === undefined) names.delete(name)
  else names.set(name, node)
}

/** G2 */
export function crashImage(root: SimDirectory, draws: CrashDraws): void {
  new Crash(draws).settle(root)
}

class Crash {
  readonly #draws: CrashDraws
  readonly #fates = new Map<NameChange, boolean>()
  readonly #settled = new Set<SimNode>()

  constructor(draws: CrashDraws) {
    this.#draws = draws
  }

  settle(node: SimNode): void {
    if (this.#settled.has(node)) return
    this.#settled.add(node)
    if (node.kind === 'file') this.#settleFile(node)
    else this.#settleDirectory(node)
  }

  #settleFile(file: SimFile): void {
    for (const change of file.unsynced) file.stable = this.#afterCrash(file.stable, change)
    file.unsynced = []
    file.content = file.stable
  }

  #afterCrash(content: Uint8Array, change: ContentChange): Uint8Array {
    if (change.kind === 'truncate') return this.#draws.keepsName() ? changed(content, change) : content
    const kept = this.#draws.keptBytes(change.bytes.length)
    return kept === 0 ? content : changed(content, { ...change, bytes: change.bytes.subarray(0, kept) })
  }

  #settleDirectory(directory: SimDirectory): void {
    for (const change of directory.unsynced) if (this.#isKept(change)) applyName(directory.stable, change)
    directory.unsynced = []
    directory.entries.clear()
    for (const [name, node] of directory.stable) {
      directory.entries.set(name, node)
      this.settle(node)
    }
  }

  #isKept(change: NameChange): boolean {
    let fate = this.#fates.get(change)
    if (fate === undefined) {
      fate = this.#drawFate(change)
      this.#fates.set(change, fate)
    }
    return fate
  }

  #drawFate({ directory, onlyWith }: NameChange): boolean {
    if (onlyWith === undefined) return this.#draws.keepsName()
    const isWithin = onlyWith.directory === directory
    // The new name may be stable already, by a sync of its directory.
    const isCreated = onlyWith.directory.unsynced.includes(onlyWith)
      ? this.#isKept(onlyWith)
      : this.#fates.get(onlyWith) !== false
    return isWithin ? isCreated : isCreated && this.#draws.keepsName()
  }
}

function changed(content: Uint8Array, change: ContentChange): Uint8Array {
  if (change.kind === 'truncate') return resized(content, change.sizeBytes)
  const next = resized(content, Math.max(content.length, change.offset + change.bytes.length))
  next.set(change.bytes, change.offset)
  return next
}

function resized(content: Uint8Array, sizeBytes: number): Uint8Array {
  const next = new Uint8Array(sizeBytes)
  next.set(content.subarray(0, sizeBytes))
  return next
}
