/**
 * Who may write to a state directory: at most one process.
 *
 * Owns: the files below `owner/`, one for each claim, whose name says who claims.
 *
 * O1 A claim is written before the others are looked at, and withdrawn when any other claimant may be alive: two processes that start
 *    in the same moment may both withdraw, but never both stay.
 * O2 The claim of a process that is gone is removed by the next one.
 */
import { DiskError } from '../base/disk-error.ts'
import type { Disk } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { ProcessIdentity, ProcessTable } from './process-identity.ts'

export interface StateClaim {
  /** Idempotent. */
  release(): Promise<void>
}

/** @throws JOB1004 when another process uses the directory */
export async function claimState(disk: Disk, root: string, processes: ProcessTable): Promise<StateClaim> {
  const folder = `${root}/owner`
  await disk.makeDirectory(folder)
  const name = nameOf(processes.own)
  const path = `${folder}/${name}`
  await createClaim(disk, path, root, processes.own)
  for (const { name: other } of await disk.list(folder)) {
    if (other === name) continue
    const owner = identityOf(other)
    const state = owner === undefined ? 'gone' : processes.stateOf(owner)
    if (state === 'gone') {
      await disk.remove(`${folder}/${other}`) // O2
    } else if (owner !== undefined) {
      await disk.remove(path) // O1
      throw state === 'alive' ? inUse(root, owner) : inUseElsewhere(root, owner, `${folder}/${other}`)
    }
  }
  return { release: async () => void (await disk.remove(path)) }
}

async function createClaim(disk: Disk, path: string, root: string, own: ProcessIdentity): Promise<void> {
  try {
    await (await disk.openWrite(path, 'create')).close()
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'exists') throw inUse(root, own)
    throw error
  }
}

function nameOf({ host, pid, start }: ProcessIdentity): string {
  return `${pid}~${start}~${encodeURIComponent(host)}`
}

function identityOf(name: string): ProcessIdentity | undefined {
  const match = /^(\d+)~(\d*)~(.*)$/.exec(name)
  if (match === null) return undefined
  const [, pid = '', start = '', host = ''] = match
  return { pid: Number(pid), start, host: decodeURIComponent(host) }
}

function inUse(root: string, { pid }: ProcessIdentity): EngineError {
  return new EngineError(
    'JOB1004',
    `the state directory ${root} is in use by process ${pid}. Nothing was started and nothing was changed. ` +
      'Wait for that process, stop it, or give another --state-dir.',
    { context: { path: root } },
  )
}

function inUseElsewhere(root: string, { pid, host }: ProcessIdentity, claim: string): EngineError {
  return new EngineError(
    'JOB1004',
    `the state directory ${root} was claimed by process ${pid} on machine ${host}. Nothing was started and nothing was changed. ` +
      `Whether that process still runs cannot be seen from here: stop it, or delete ${claim} if it is gone.`,
    { context: { path: root } },
  )
}
