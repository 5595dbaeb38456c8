/** Errors as HTTP answers: `{"errors":[…]}`, as Flink's clients expect. Pure. */
import type { ErrorCode } from '../base/error-codes.ts'
import { type EngineError, asEngineError } from '../base/errors.ts'
import type { ErrorBody } from './rest-types.ts'

type ErrorStatus = 400 | 401 | 403 | 404 | 409 | 413 | 500 | 501 | 503

const STATUS_OF: Readonly<Partial<Record<ErrorCode, ErrorStatus>>> = {
  CLU1001: 503,
  JOB1101: 404,
  JOB1102: 409,
  JOB1106: 409,
  NET1009: 404,
  NET1010: 413,
  NET1011: 501,
  NET1012: 503,
  SEC1003: 401,
  SEC1004: 403,
}

const STATUS_OF_DOMAIN = { user: 400, external: 503, internal: 500 } as const

export interface ErrorAnswer {
  readonly status: ErrorStatus
  readonly body: ErrorBody
  readonly error: EngineError
}

export function errorAnswer(thrown: unknown): ErrorAnswer {
  const error = asEngineError(thrown, 'INT1001', 'the request failed for a reason that is a bug of the engine')
  const status = STATUS_OF[error.code] ?? STATUS_OF_DOMAIN[error.domain]
  return { status, body: { errors: [error.message], code: error.code }, error }
}
