import { createHash } from 'node:crypto'
import { EngineError } from '../base/errors.ts'
import type { JobId } from '../base/ids.ts'
import type { RegistryFiles } from './registry-files.ts'
import { decodeNameHolder, encodeRecord } from './registry-records.ts'

const ENTRY_NAME = /^(\d{6,})\.json$/
const SEGMENT_LENGTH_MAX = 200

/**
 * Which job has which name: one entry after the other below `names/<encoded name>/`, the newest counts. An entry is never replaced, so two
 * that take a name at once meet at the same number.
 */
export class JobNames {
  readonly #files: RegistryFiles

  constructor(files: RegistryFiles) {
    this.#files = files
  }

  async holderOf(name: string): Promise<JobId | undefined> {
    const folder = this.#folderOf(name)
    return this.#holderIn(folder, await this.#newestIn(folder))
  }

  /** Fine when the job has it already. JOB1102 unless the name is free: `isOver` says whether the job that has it needs it no more. */
  async take(name: string, job: JobId, isOver: (holder: JobId) => Promise<boolean>): Promise<void> {
    const folder = this.#folderOf(name)
    await this.#files.makeFolder(folder)
    const newest = await this.#newestIn(folder)
    const holder = await this.#holderIn(folder, newest)
    if (holder === job) return
    if (holder !== undefined && !(await isOver(holder))) throw nameTaken(name, holder)
    const outcome = await this.#files.create(folder, entryName(newest + 1), encodeRecord({ job }))
    // Old entries are removed: one that is created late is not the newest.
    const last = await this.#newestIn(folder)
    if (outcome === 'exists' || last !== newest + 1) throw nameTaken(name, await this.#holderIn(folder, last))
    if (newest > 0) await this.#files.remove(folder, entryName(newest))
  }

  async #newestIn(folder: string): Promise<number> {
    const names = await this.#files.list(folder)
    return Math.max(0, ...names.map((name) => Number(ENTRY_NAME.exec(name)?.[1] ?? 0)))
  }

  async #holderIn(folder: string, entry: number): Promise<JobId | undefined> {
    const path = `${folder}/${entryName(entry)}`
    const bytes = entry === 0 ? undefined : await this.#files.read(path)
    if (bytes === undefined) return undefined
    return decodeNameHolder(bytes, (problem) => nameDamaged(path, problem))
  }

  #folderOf(name: string): string {
    return `${this.#files.root}/names/${nameSegment(name)}`
  }
}

/** One path segment for any name; different names never share one. */
export function nameSegment(name: string): string {
  const encoded = Array.from(name, (character) => (/^[A-Za-z0-9_-]$/.test(character) ? character : escaped(character)))
  const segment = encoded.join('')
  if (segment.length > 0 && segment.length <= SEGMENT_LENGTH_MAX) return segment
  return `%sha256-${createHash('sha256').update(name).digest('hex')}`
}

function escaped(character: string): string {
  return `%${(character.codePointAt(0) ?? 0).toString(16)}.`
}

function entryName(entry: number): string {
  return `${String(entry).padStart(6, '0')}.json`
}

function nameTaken(name: string, holder: JobId | undefined): EngineError {
  return new EngineError(
    'JOB1102',
    `job name "${name}" belongs to job ${holder ?? 'of another submission'}, which has not ended. Nothing was submitted: two jobs of one name would share their checkpoints. Stop that job first, or give this one another name.`,
    { context: { job: name } },
  )
}

function nameDamaged(path: string, problem: string): EngineError {
  return new EngineError(
    'JOB1108',
    `${path} does not say which job has the name: ${problem}. Jobs of this name are not touched and none can be submitted. Bring the file back from a copy, or remove it if no such job runs.`,
    { context: { path } },
  )
}
