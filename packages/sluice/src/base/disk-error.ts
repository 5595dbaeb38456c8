import type { DiskFailureKind } from './env.ts'
import { EngineError } from './errors.ts'

/** A failed file operation. A subclass because callers branch on `kind`. */
export class DiskError extends EngineError {
  readonly kind: DiskFailureKind
  /** Why, without what was tried where: for a message that says so itself. */
  readonly reason: string

  constructor(kind: DiskFailureKind, operation: string, path: string, cause?: unknown) {
    super('DSK1001', `${operation} of ${path} failed: ${KIND_WORDS[kind]}`, { context: { path }, cause })
    this.name = 'DiskError'
    this.kind = kind
    this.reason = KIND_WORDS[kind]
  }
}

const KIND_WORDS: Readonly<Record<DiskFailureKind, string>> = {
  'not-found': 'no such file or directory (ENOENT)',
  exists: 'it exists already (EEXIST)',
  'no-space': 'no space left on the disk (ENOSPC)',
  denied: 'permission denied (EACCES)',
  'not-a-directory': 'a part of the path is not a directory (ENOTDIR)',
  'is-a-directory': 'it is a directory (EISDIR)',
  io: 'input/output error (EIO)',
}
