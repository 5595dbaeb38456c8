/** What a TaskManager tells its process, for logs: data, and the words for people. */
import type { NetworkAddress } from '../base/env.ts'
import { formatError, type ErrorData } from '../base/errors.ts'
import type { AllocationId, ArtifactHash, LeaderEpoch, SlotIndex } from '../base/ids.ts'
import { addressText } from '../base/network-address.ts'

export type TaskManagerEvent =
  /** No JobManager takes it. Told once, until it was registered again. */
  | { readonly kind: 'waiting'; readonly jobManagers: readonly NetworkAddress[]; readonly error: ErrorData }
  /** A JobManager refuses it, and would again. Told once for each address and reason, until it was registered again. */
  | { readonly kind: 'refused'; readonly jobManager: NetworkAddress; readonly error: ErrorData }
  | { readonly kind: 'registered'; readonly jobManager: NetworkAddress; readonly epoch: LeaderEpoch }
  /** The connection or the lease ended; its slots are being ended. */
  | {
      readonly kind: 'disconnected'
      readonly jobManager: NetworkAddress
      readonly error: ErrorData
      readonly slotCount: number
    }
  | { readonly kind: 'artifact-fetched'; readonly artifact: ArtifactHash; readonly bytes: number }
  | { readonly kind: 'slot-started'; readonly allocation: AllocationId; readonly job: string; readonly slot: SlotIndex }
  | { readonly kind: 'slot-ended'; readonly allocation: AllocationId; readonly job: string; readonly slot: SlotIndex }
  | {
      readonly kind: 'slot-lost'
      readonly allocation: AllocationId
      readonly job: string
      readonly slot: SlotIndex
      readonly error: ErrorData
    }
  /** Something came for an allocation that has ended, or that is no message of ours. Told for the first, then counted. */
  | { readonly kind: 'dropped'; readonly what: string; readonly count: number }
  /** A message was too large. */
  | { readonly kind: 'not-sent'; readonly error: ErrorData }
  | { readonly kind: 'ended'; readonly error: ErrorData | undefined }

/** One line for people. */
export function taskManagerEventText(event: TaskManagerEvent): string {
  switch (event.kind) {
    case 'waiting':
      return `taskmanager waits for a JobManager at ${event.jobManagers.map(addressText).join(', ')}: ${formatError(event.error)}`
    case 'refused':
      return `the JobManager at ${addressText(event.jobManager)} refuses this taskmanager: ${formatError(event.error)}`
    case 'registered':
      return `registered with the JobManager at ${addressText(event.jobManager)} (leader epoch ${event.epoch})`
    case 'disconnected':
      return `lost the JobManager at ${addressText(event.jobManager)}; its ${event.slotCount} running slots are ended: ${formatError(event.error)}`
    case 'artifact-fetched':
      return `fetched job bundle ${event.artifact.slice(0, SHORT_HASH)} (${event.bytes} bytes)`
    case 'slot-started':
      return `slot ${event.slot} of job "${event.job}" started (allocation ${event.allocation})`
    case 'slot-ended':
      return `slot ${event.slot} of job "${event.job}" was given back (allocation ${event.allocation})`
    case 'slot-lost':
      return `slot ${event.slot} of job "${event.job}" was lost (allocation ${event.allocation}): ${formatError(event.error)}`
    case 'dropped':
      return `dropped ${event.what} (${event.count} so far)`
    case 'not-sent':
      return `an answer to the JobManager was not sent: ${formatError(event.error)}`
    case 'ended':
      return event.error === undefined ? 'taskmanager ended' : `taskmanager ends: ${formatError(event.error)}`
  }
}

const SHORT_HASH = 12
