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
  const own = { host: hostname(), pid: process.pid, start: startOf(process.pid) }
  return {
    own,
    stateOf(other) {
      if (other.host !== own.host) return 'foreign'
      return exists(other.pid) && startOf(other.pid) === other.start ? 'alive' : 'gone'
    },
  }
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

/** Linux only: field 22 of the status line; the second field is the name in parentheses and may hold anything. */
function startOf(pid: number): string {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    return fields[START_FIELD - FIELDS_BEFORE_STATE - 1] ?? ''
  } catch {
    return '' // no such process, or another system: then the process id alone decides
  }
}
