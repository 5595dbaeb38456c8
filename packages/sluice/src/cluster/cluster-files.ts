/**
 * The folder of a local cluster: which processes belong to it, their logs, the storage they share.
 *
 *   processes/NAME.json        a process that was started: which one, and where it logs
 *   processes/NAME.ready.json  written by the process itself when it serves: its addresses
 *   logs/NAME.log              its output
 *   storage/                   leadership, jobs, bundles, checkpoints; stays when the cluster stops
 *   secret                     what the processes know each other by; readable by its owner only
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { EngineError, messageOf } from '../base/errors.ts'
import { isRecord } from '../base/json.ts'
import { errnoOf } from './disk-failures.ts'
import type { ProcessIdentity, ProcessTable } from './process-identity.ts'

export type ProcessRole = 'jobmanager' | 'taskmanager'

export interface ProcessRecord {
  readonly name: string
  readonly role: ProcessRole
  readonly identity: ProcessIdentity
}

/** What a process says when it serves. */
export interface ReadyFacts {
  readonly name: string
  /** Where TaskManagers connect, `host:port`. */
  readonly control?: string
  readonly restUrl?: string
}

const SECRET_BYTES = 32
const OWNER_ONLY = 0o600

export class ClusterFiles {
  readonly root: string
  readonly storage: string
  readonly secret: string
  readonly #processes: string
  readonly #logs: string

  constructor(dir: string) {
    this.root = resolve(dir)
    this.storage = join(this.root, 'storage')
    this.secret = join(this.root, 'secret')
    this.#processes = join(this.root, 'processes')
    this.#logs = join(this.root, 'logs')
  }

  /** Makes what is missing. @throws CLU1010 */
  prepare(): void {
    for (const folder of [this.storage, this.#processes, this.#logs]) makeFolder(folder)
    if (!existsSync(this.secret))
      writeFileSync(this.secret, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, { mode: OWNER_ONLY })
  }

  log(name: string): string {
    return join(this.#logs, `${name}.log`)
  }

  readyFile(name: string): string {
    return join(this.#processes, `${name}.ready.json`)
  }

  /** In order of their names; files that are no records are left out. */
  records(): readonly ProcessRecord[] {
    if (!existsSync(this.#processes)) return []
    const names = readdirSync(this.#processes).filter((file) => file.endsWith('.json') && !file.endsWith('.ready.json'))
    return names
      .map((file) => asRecord(readJson(join(this.#processes, file))))
      .filter((record) => record !== undefined)
      .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  }

  add(record: ProcessRecord): void {
    writeJson(this.#record(record.name), record)
  }

  remove(name: string): void {
    rmSync(this.#record(name), { force: true })
    rmSync(this.readyFile(name), { force: true })
  }

  ready(name: string): ReadyFacts | undefined {
    return asReady(readJson(this.readyFile(name)))
  }

  /** One start or stop at a time. @throws CLU1010 when another process is at it, or the folder cannot be made */
  claim(processes: ProcessTable): { release(): void } {
    makeFolder(this.root)
    const path = join(this.root, 'busy')
    for (;;) {
      if (created(path, JSON.stringify(processes.own))) return { release: () => rmSync(path, { force: true }) }
      const owner = asIdentity(readJson(path))
      if (owner !== undefined && processes.stateOf(owner) !== 'gone') throw busy(this.root, owner)
      rmSync(path, { force: true })
    }
  }

  #record(name: string): string {
    return join(this.#processes, `${name}.json`)
  }
}

/** Whole or not at all. */
export function writeJson(path: string, value: object): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(value, undefined, 2)}\n`)
  renameSync(`${path}.tmp`, path)
}

function created(path: string, text: string): boolean {
  try {
    const file = openSync(path, 'wx')
    writeSync(file, text)
    closeSync(file)
    return true
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false
    throw thrown
  }
}

/** Undefined when there is none, or it is not whole. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined // whoever asks treats it as missing
  }
}

function asRecord(value: unknown): ProcessRecord | undefined {
  if (!isRecord(value)) return undefined
  const { name, role, identity } = value
  const known = asIdentity(identity)
  if (typeof name !== 'string' || (role !== 'jobmanager' && role !== 'taskmanager') || known === undefined)
    return undefined
  return { name, role, identity: known }
}

function asReady(value: unknown): ReadyFacts | undefined {
  if (!isRecord(value) || typeof value['name'] !== 'string') return undefined
  const { name, control, restUrl } = value
  return {
    name,
    ...(typeof control === 'string' ? { control } : {}),
    ...(typeof restUrl === 'string' ? { restUrl } : {}),
  }
}

function asIdentity(value: unknown): ProcessIdentity | undefined {
  if (!isRecord(value)) return undefined
  const { host, pid, start } = value
  if (typeof host !== 'string' || typeof pid !== 'number' || typeof start !== 'string') return undefined
  return { host, pid, start }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (thrown) {
    throw new EngineError(
      'CLU1010',
      `the folder ${path} of the local cluster cannot be made: ${messageOf(thrown)}. Nothing was started or stopped. ` +
        'Give a folder that this user may write with --dir.',
      { context: { path }, cause: thrown },
    )
  }
}

function busy(root: string, { pid }: ProcessIdentity): EngineError {
  return new EngineError(
    'CLU1010',
    `process ${pid} is starting or stopping the local cluster in ${root} just now. Nothing was changed. Wait until it is done.`,
    { context: { path: root } },
  )
}
