/**
 * The rules about files: O2, O3, O4 and O5 of docs/spec/simulator.md, looked at from outside, by names and bytes only.
 *
 * Owns: what has been published and what has been visible, over all processes of a run. Does not own: whether the output is right
 * (sim-output.ts), whether the job makes progress (sim-world.ts).
 */
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import { isSeal } from '../checkpoint/stores/manifest-directory.ts'
import type { DiskWatcher, SimDisk } from './sim-disk.ts'
import type { SimDirectory, SimFile, SimNode } from './sim-disk-image.ts'

/** A broken rule; the world adds where and when. */
export function ruleBroken(rule: string, what: string): EngineError {
  return new EngineError('SIM1001', `rule ${rule} is broken: ${what}`)
}

/** A committed file of a file sink. */
const COMMITTED_NAME = /\/part-[^/]*-r\d{3,}-c(\d{6,})-s\d{3,}-\d{3,}[^/]*$/
const FLOOR_NAME = /^(\d{6,})\.floor$/
const MANIFEST_NAME = /^(\d{6,})\.manifest$/

export interface FileChecksOptions {
  readonly disk: SimDisk
  readonly stateRoot: string
  /** Checkpoints that run at the same time may be published in any order. */
  readonly concurrent: 'one-at-a-time' | 'several'
}

export class FileChecks implements DiskWatcher {
  readonly #disk: SimDisk
  readonly #stateRoot: string
  /** Ids of checkpoints that were published durably. */
  readonly #published = new Set<number>()
  /** What was visible at any time, by path. */
  readonly #visible = new Map<string, Uint8Array>()
  readonly #visibleFiles = new Set<SimFile>()
  readonly #concurrent: 'one-at-a-time' | 'several'
  readonly #sleepers = new SleepersFiles()
  #newestPublished = 0
  /** At the start of the process. */
  #newestBefore = 0
  #stableBefore: readonly string[] = []
  publicationCount = 0

  constructor({ disk, stateRoot, concurrent }: FileChecksOptions) {
    this.#disk = disk
    this.#stateRoot = stateRoot
    this.#concurrent = concurrent
  }

  onProcessStart(): void {
    this.#newestBefore = this.#newestPublished
  }

  get visibleCount(): number {
    return this.#visible.size
  }

  get publishedCount(): number {
    return this.#published.size
  }

  onName(path: string, node: SimNode | undefined): void {
    if (node?.kind === 'directory') return
    this.#sleepers.onName(path)
    const checkpoint = COMMITTED_NAME.exec(path)?.[1]
    if (checkpoint !== undefined && !isHidden(path)) this.#onCommittedName(path, Number(checkpoint), node)
    else if (node !== undefined && this.#isManifest(path) && !isSeal(node.content) && !this.#isForgotten(path))
      this.publicationCount++
  }

  // O3
  onContent(path: string, file: SimFile): void {
    if (this.#visibleFiles.has(file)) throw ruleBroken('O3', `the visible file ${path} was changed`)
  }

  onNamesSynced(path: string, directory: SimDirectory): void {
    if (path === `${this.#stateRoot}/manifests`) this.#notePublished(directory.stable)
  }

  beforeCrash(): void {
    this.#stableBefore = [...this.#disk.stableFiles().keys()].filter((path) => this.#visible.has(path))
  }

  afterCrash(): void {
    const files = this.#disk.files()
    const gone = this.#stableBefore.find((path) => !files.has(path))
    if (gone !== undefined)
      throw ruleBroken('O3', `the visible file ${gone} disappeared in a crash, though its name was synced`)
    for (const [path, file] of files) {
      const content = this.#visible.get(path)
      if (content !== undefined && !isSame(content, file.content)) {
        throw ruleBroken(
          'O3',
          `the visible file ${path} lost some of its ${content.length} bytes in a crash: it was not synced`,
        )
      }
    }
    const manifests = [...files]
      .filter(([path]) => this.#isManifest(path))
      .map(([path, file]) => [nameOf(path), file] as const)
    this.#notePublished(new Map(manifests))
  }

  // O5
  expectNothingLeft(): void {
    const left = [...this.#disk.files().keys()].filter((path) => this.#isLeftOver(path) && !this.#sleepers.has(path))
    if (left.length > 0) throw ruleBroken('O5', `the job has finished and left behind ${left.join(', ')}`)
  }

  #onCommittedName(path: string, checkpoint: number, file: SimFile | undefined): void {
    if (file === undefined) throw ruleBroken('O3', `the visible file ${path} was removed or renamed`)
    // A cut whose own checkpoint was given up belongs to the next one.
    if (checkpoint > this.#newestPublished) {
      throw ruleBroken(
        'O2',
        `${path} became visible before checkpoint ${checkpoint} or a later one was published durably`,
      )
    }
    if (file.unsynced.length > 0) throw ruleBroken('O3', `${path} became visible before its bytes were synced`)
    const before = this.#visible.get(path)
    if (before !== undefined && !isSame(before, file.content))
      throw ruleBroken('O3', `${path} came back with another content`)
    this.#visible.set(path, file.content.slice())
    this.#visibleFiles.add(file)
  }

  /** O4 */
  #notePublished(stable: ReadonlyMap<string, SimNode>): void {
    const ids = [...stable].flatMap(([name, node]) => {
      const id = MANIFEST_NAME.exec(name)?.[1]
      return id === undefined || node.kind !== 'file' || node.unsynced.length > 0 || isSeal(node.content)
        ? []
        : [Number(id)]
    })
    const floor = floorIn(stable.keys())
    for (const id of ids.sort((a, b) => a - b)) {
      if (this.#published.has(id) || id <= floor) continue
      assert(Number.isSafeInteger(id), 'a manifest without a number')
      const newest = this.#concurrent === 'one-at-a-time' ? this.#newestPublished : this.#newestBefore
      if (id <= newest) throw ruleBroken('O4', `checkpoint ${id} was published behind checkpoint ${newest}`)
      this.#published.add(id)
      this.#newestPublished = Math.max(this.#newestPublished, id)
    }
  }

  #isManifest(path: string): boolean {
    return path.startsWith(`${this.#stateRoot}/manifests/`) && MANIFEST_NAME.test(nameOf(path))
  }

  /** At or below the floor nothing is published, whatever is there: docs/spec/checkpoint.md, "Fencing". */
  #isForgotten(path: string): boolean {
    const folder = `${this.#stateRoot}/manifests/`
    const names = [...this.#disk.files().keys()].filter((name) => name.startsWith(folder)).map(nameOf)
    return Number(MANIFEST_NAME.exec(nameOf(path))?.[1] ?? 0) <= floorIn(names)
  }

  #isLeftOver(path: string): boolean {
    if (path.startsWith(`${this.#stateRoot}/`)) return !isKeptState(path.slice(this.#stateRoot.length + 1))
    if (path.includes('/.superseded/')) return true
    return path.includes('/.in-progress/') && nameOf(path) !== 'run'
  }
}

function floorIn(names: Iterable<string>): number {
  let floor = 0
  for (const name of names) floor = Math.max(floor, Number(FLOOR_NAME.exec(name)?.[1] ?? 0))
  return floor
}

/** What stays of the state of a finished job: that it has finished, and which leader epochs and checkpoint ids were used or reserved. */
function isKeptState(name: string): boolean {
  return (
    name === 'job.json' ||
    name.startsWith('epochs/') ||
    /^blocks\/\d{6,}$/.test(name) ||
    /^manifests\/\d{6,}\.floor$/.test(name)
  )
}

export function isHidden(path: string): boolean {
  return path.includes('/.')
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/**
 * Hidden files that a process makes when the sink has been prepared for its successor: it was stopped, or its disk hung, while the file was being opened.
 * When that takes effect at last nobody who knows of the file lives any more. The next start of the sink removes it.
 */
class SleepersFiles {
  /** How often the sink of a folder was prepared. */
  readonly #preparations = new Map<string, number>()
  /** By folder and incarnation: the preparation that it belongs to. */
  readonly #incarnations = new Map<string, number>()
  readonly #paths = new Set<string>()

  onName(path: string): void {
    const [, folder, name = ''] = HIDDEN_NAME.exec(path) ?? []
    if (folder === undefined) return
    const preparation = this.#preparations.get(folder) ?? 0
    if (name === 'run') this.#preparations.set(folder, preparation + 1)
    const [incarnation] = INCARNATION.exec(name) ?? []
    if (incarnation === undefined) return
    const own = this.#incarnations.get(`${folder}/${incarnation}`) ?? preparation
    this.#incarnations.set(`${folder}/${incarnation}`, own)
    if (own < preparation) this.#paths.add(path)
  }

  has(path: string): boolean {
    return this.#paths.has(path)
  }
}

const HIDDEN_NAME = /^(.*\/\.in-progress\/[^/]+)\/([^/]+)$/
const INCARNATION = /^\d+-\d+(?=-s)/
