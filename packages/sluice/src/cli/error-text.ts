import type { ErrorData } from '../base/errors.ts'
import { formatError } from '../base/errors.ts'
import { userFrames } from '../cluster/user-frames.ts'

const FRAMES_MAX = 8

/** What a person reads about an error: code and message, where in their code it happened, and the page with more. */
export function errorLines(error: ErrorData): readonly string[] {
  const frames = framesOf(error).filter((frame) => !error.message.includes(frame))
  return [formatError(error), ...frames.map((frame) => `    ${frame}`), `  See ${errorPage(error)}`]
}

/** Frames of the user's own code, innermost first. */
export function framesOf({ cause, stack }: ErrorData): readonly string[] {
  const ofCause = userFrames(cause)
  return (ofCause.length > 0 ? ofCause : userFrames(stack)).slice(0, FRAMES_MAX)
}

export function errorPage({ code }: ErrorData): string {
  return `docs/errors/${code}.md`
}
