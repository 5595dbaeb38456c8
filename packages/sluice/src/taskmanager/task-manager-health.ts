/** Whether a TaskManager is of use, for load balancers, probes and people. Pure. */
import type { Registration } from './task-manager-meters.ts'

/** Without a leader for so long it is not healthy: shorter breaks are how a new leader is found. */
export const SEARCH_MAX_MS = 10_000

export interface TaskManagerHealth {
  readonly state: 'registered' | 'searching' | 'ended'
  /** What is wrong, as whole sentences; undefined while it serves. */
  readonly problem: string | undefined
}

export function taskManagerHealth(registration: Registration, nowMs: number): TaskManagerHealth {
  if (registration.kind === 'registered') return { state: 'registered', problem: undefined }
  if (registration.kind === 'ended')
    return { state: 'ended', problem: 'This TaskManager has ended. Its tasks run elsewhere. Start it again.' }
  const searchMs = nowMs - registration.sinceMs
  return { state: 'searching', problem: searchMs <= SEARCH_MAX_MS ? undefined : tooLong(searchMs, registration.reason) }
}

function tooLong(searchMs: number, reason: string | undefined): string {
  const why = reason === undefined ? '' : ` The last attempt: ${reason.replace(/[.\s]+$/, '')}.`
  return (
    `This TaskManager has not been registered with a leading JobManager for ${Math.floor(searchMs / 1000)} s. ` +
    `It runs no tasks and goes on trying.${why} See whether a JobManager leads, and whether its address is right.`
  )
}
