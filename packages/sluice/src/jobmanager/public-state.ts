/** The states of a job as clients of Flink's REST API know them. Pure. */
import type { PublicJobState } from './cluster-api.ts'
import type { JobOutcome, JobStateName } from './job-events.ts'

export type EndState = 'FINISHED' | 'CANCELED' | 'FAILED'

/** A stop is an end on purpose with everything committed, which Flink calls finished. */
const END_STATES: Readonly<Record<Exclude<JobOutcome, 'suspended'>, EndState>> = {
  finished: 'FINISHED',
  stopped: 'FINISHED',
  canceled: 'CANCELED',
  failed: 'FAILED',
}

export function endStateOf(outcome: Exclude<JobOutcome, 'suspended'>): EndState {
  return END_STATES[outcome]
}

/** @param hasRun whether its tasks ran before: else it is on its way to its first run */
export function publicStateOf(phase: JobStateName, hasRun: 'ran' | 'new'): PublicJobState {
  switch (phase) {
    case 'created':
      return 'INITIALIZING'
    case 'acquiring':
    case 'restoring':
    case 'deploying':
      return hasRun === 'new' ? 'CREATED' : 'RESTARTING'
    case 'running':
    case 'draining':
    case 'finishing':
    case 'stopping':
      return 'RUNNING'
    case 'restarting':
      return 'RESTARTING'
    case 'closing':
      return 'CANCELLING'
    case 'suspended':
      return 'SUSPENDED'
    default:
      return endStateOf(phase)
  }
}
