/** What a JobManager tells about itself and its jobs: typed data for logs and tests. Nothing here decides anything. */
import type { ErrorData } from '../base/errors.ts'
import type { JobId, LeaderEpoch } from '../base/ids.ts'
import type { ControlEvent } from './control-events.ts'
import type { JobEvent } from './job-events.ts'
import type { PublicJobState } from './cluster-api.ts'

export type ClusterEvent =
  | { readonly kind: 'standby'; readonly leader: string | undefined }
  | { readonly kind: 'leading'; readonly epoch: LeaderEpoch }
  /** What it led goes on elsewhere. */
  | { readonly kind: 'leadership-lost'; readonly epoch: LeaderEpoch; readonly reason: string }
  /** Leading could not begin: another one may try. */
  | { readonly kind: 'leading-failed'; readonly epoch: LeaderEpoch; readonly error: ErrorData }
  | { readonly kind: 'job-submitted'; readonly job: JobId; readonly name: string }
  | { readonly kind: 'job-recovered'; readonly job: JobId; readonly name: string }
  /** It is tried again. */
  | { readonly kind: 'job-start-failed'; readonly job: JobId; readonly error: ErrorData; readonly inMs: number }
  | { readonly kind: 'job-event'; readonly job: JobId; readonly event: JobEvent }
  | {
      readonly kind: 'job-ended'
      readonly job: JobId
      readonly name: string
      readonly state: PublicJobState
      readonly error?: ErrorData
    }
  /** Its result could not be written yet, or its checkpoints not be removed; it is tried again. */
  | { readonly kind: 'job-unsettled'; readonly job: JobId; readonly error: ErrorData; readonly inMs: number }
  | { readonly kind: 'registry-damaged'; readonly error: ErrorData }
  | ControlEvent
