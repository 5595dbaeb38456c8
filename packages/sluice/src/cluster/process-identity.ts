/** Which process is which, over restarts and reuse of process ids. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { errnoOf } from './disk-failures.ts'

export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  /** When it started, in a unit of the system; empty where that cannot be read. */
  readonly start: string
}

export interface ProcessTable {
  readonly own: ProcessIdentity
  /** `foreign`: of another machine, so nobody here can tell. */
  stateOf(process: ProcessIdentity): 'alive' | 'gone' | 'foreign'
}

export function systemProcesses(): ProcessTable {
  const own = identityOf(process.pid)
  return {
    own,
    stateOf(other) {
      if (other.host !== own.host) return 'foreign'
      if (!exists(other.pid) || hasEnded(other.pid)) return 'gone'
      return startOf(other.pid) === other.start ? 'alive' : 'gone'
    },
  }
}

/** Of a process of this machine that lives. */
export function identityOf(pid: number): ProcessIdentity {
  return { host: hostname(), pid, start: startOf(pid) }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return errnoOf(thrown) === 'EPERM' // it is there and belongs to somebody else
  }
}

const START_FIELD = 22
const FIELDS_BEFORE_STATE = 2

/** Linux only: it is gone, and its parent has not asked yet how it ended. */
function hasEnded(pid: number): boolean {
  return ENDED_STATES.includes(statusFields(pid)[0] ?? '')
}

const ENDED_STATES: readonly string[] = ['Z', 'X']

function startOf(pid: number): string {
  return statusFields(pid)[START_FIELD - FIELDS_BEFORE_STATE - 1] ?? ''
}

/** Linux only: of the status line from its third field on; the second is the name in parentheses and may hold anything. */
function statusFields(pid: number): readonly string[] {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return status.slice(status.lastIndexOf(')') + 2).split(' ')
  } catch {
    return [] // no such process, or another system: then the process id alone decides
  }
}
