import { ERROR_CODES, type ErrorCode } from '../base/error-codes.ts'

/** Exit codes of the command line; docs/guide/cli.md lists them. */
export const EXIT = {
  /** Finished, or stopped on request. */
  done: 0,
  failed: 1,
  /** Not started: the command line, the options, the job module or its surroundings are wrong. */
  refused: 2,
  /** Cancelled by a second signal. */
  interrupted: 130,
  /** Whoever read the output has gone, as with `sluice run … | head`. */
  outputClosed: 141,
} as const

/** The user's mistake, found before anything ran: the JobMaster gives such errors as they are, every other as JOB1003. */
export function isRefusal(code: ErrorCode): boolean {
  const { domain, retry } = ERROR_CODES[code]
  return code === 'CKP1008' || (code !== 'JOB1003' && code !== 'TSK1007' && domain === 'user' && retry === 'never')
}
