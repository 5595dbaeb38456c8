import { ERROR_CODES, type ErrorCode, type ErrorDomain, type ErrorRetry } from './error-codes.ts'

/** Where in a running system an error belongs. Added once, at the border where it is known. */
export interface ErrorContext {
  readonly job?: string
  /** uid of the operator that failed. */
  readonly operator?: string
  readonly vertex?: string
  /** Zero-based subtask index. */
  readonly subtask?: number
  readonly attempt?: number
  readonly checkpoint?: number
  readonly path?: string
  /** Position of the record in its source, as the source words it (file and byte offset, row, index). */
  readonly record?: string
}

/** An error as data: what crosses threads and processes. Recognised by `code`, never by class. */
export interface ErrorData {
  readonly code: ErrorCode
  readonly message: string
  readonly context: ErrorContext
  readonly stack?: string
  readonly cause?: string
}

export interface EngineErrorOptions {
  readonly context?: ErrorContext
  readonly cause?: unknown
}

/**
 * The one error class. The message answers, in this order: what failed with its values, what it means now, what to do.
 *
 * @example throw new EngineError('CFG1001', `option "checkpoint.intervall" is unknown. The job was not started. Did you mean "checkpoint.interval"?`)
 */
export class EngineError extends Error {
  /** By which programs tell errors apart: messages may change. */
  readonly code: ErrorCode
  /** Where it happened, as far as that is known. */
  readonly context: ErrorContext

  constructor(code: ErrorCode, message: string, options: EngineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'EngineError'
    this.code = code
    this.context = options.context ?? {}
  }

  /** Who has to act: the author of the job (`user`), somebody outside (`external`), or the makers of the engine (`internal`). */
  get domain(): ErrorDomain {
    return ERROR_CODES[this.code].domain
  }

  /** Whether trying again may help: `never`, `backoff` (the same call, later), `restart` (of the job). */
  get retry(): ErrorRetry {
    return ERROR_CODES[this.code].retry
  }

  /** The same error with more known about where it happened; what is already known stays. */
  within(context: ErrorContext): EngineError {
    const next = new EngineError(this.code, this.message, {
      context: { ...context, ...this.context },
      cause: this.cause,
    })
    if (this.stack !== undefined) next.stack = this.stack
    return next
  }
}

/** Any thrown thing as an EngineError; what is none yet gets `code` and `what` in front of its own message. */
export function asEngineError(thrown: unknown, code: ErrorCode, what: string, context: ErrorContext = {}): EngineError {
  if (thrown instanceof EngineError) return thrown.within(context)
  return new EngineError(code, `${what}: ${messageOf(thrown)}`, { context, cause: thrown })
}

/** The words of any thrown thing. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message
  if (typeof thrown === 'string') return thrown
  return JSON.stringify(thrown) ?? 'undefined'
}

/**
 * `[CKP1004] message (operator "x", subtask 3/…)` – one line for people.
 *
 * @example
 * try {
 *   await execute(job)
 * } catch (error) {
 *   if (error instanceof EngineError) console.error(formatError(error))
 * }
 */
export function formatError(error: ErrorData | EngineError): string {
  const where = Object.entries(error.context)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join(', ')
  return `[${error.code}] ${error.message}${where === '' ? '' : ` (${where})`}`
}

export function errorToData(error: EngineError): ErrorData {
  const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : undefined
  return {
    code: error.code,
    message: error.message,
    context: error.context,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(cause === undefined ? {} : { cause }),
  }
}

export function errorFromData(data: ErrorData): EngineError {
  const error = new EngineError(data.code, data.message, { context: data.context, cause: data.cause })
  if (data.stack !== undefined) error.stack = data.stack
  return error
}
