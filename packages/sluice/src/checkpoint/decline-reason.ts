import type { EngineError } from '../base/errors.ts'
import type { DeclineReason } from './handles.ts'

/** Why a task declined, from the error it sent: CKP1009 is what it gave up for the sake of others, everything else failed in it. */
export function declineReasonOf(error: EngineError): DeclineReason {
  return error.code === 'CKP1009' ? 'cancelled-upstream' : 'failed'
}
