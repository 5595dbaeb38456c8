/**
 * The folder of one process for what is worth nothing after its end, beside those of other processes.
 *
 * Owns: the folder, a file in it that says whose it is, the removal of folders whose process was killed and could not remove them.
 *
 * F1 Only folders that say whose they are, and whose process is certainly gone, are removed.
 * F2 Nothing here fails a start: whoever needs the folder makes it, and tells when that is not possible.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRecord } from '../base/json.ts'
import { type ProcessIdentity, type ProcessTable, systemProcesses } from './process-identity.ts'

export interface ProcessFolder {
  readonly path: string
  /** Idempotent. */
  remove(): void
}

const PREFIX = 'sluice-'
const OWNER = '.owner'
/** Jobs' code and state: nobody else's business. */
const PRIVATE = 0o700

/** @param id unique for ever */
export function claimProcessFolder(
  parent: string,
  id: string,
  processes: ProcessTable = systemProcesses(),
): ProcessFolder {
  const path = join(parent, `${PREFIX}${id}`)
  quietly(() => sweep(parent, processes))
  quietly(() => {
    mkdirSync(path, { recursive: true, mode: PRIVATE })
    writeFileSync(join(path, OWNER), `${JSON.stringify(processes.own)}\n`)
  })
  return { path, remove: () => quietly(() => rmSync(path, { recursive: true, force: true })) }
}

// F1
function sweep(parent: string, processes: ProcessTable): void {
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = join(parent, name)
    const owner = ownerOf(folder)
    if (owner !== undefined && processes.stateOf(owner) === 'gone')
      quietly(() => rmSync(folder, { recursive: true, force: true }))
  }
}

/** Undefined when it does not say, or not in our words. */
function ownerOf(folder: string): ProcessIdentity | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(join(folder, OWNER), 'utf8'))
    if (!isRecord(owner)) return undefined
    const { host, pid, start } = owner
    return typeof host === 'string' && typeof pid === 'number' && typeof start === 'string'
      ? { host, pid, start }
      : undefined
  } catch {
    return undefined // no such file: the folder is another program's, or was made just now
  }
}

// F2
function quietly(run: () => void): void {
  try {
    run()
  } catch {
    // a folder of another user, or a disk that does not work: told by whoever needs it
  }
}
