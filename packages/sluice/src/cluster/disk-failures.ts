import { DiskError } from '../base/disk-error.ts'
import type { DiskFailureKind } from '../base/env.ts'

const KIND_BY_ERRNO: Readonly<Record<string, DiskFailureKind>> = {
  ENOENT: 'not-found',
  EEXIST: 'exists',
  ENOTEMPTY: 'exists',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EFBIG: 'no-space',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOTDIR: 'not-a-directory',
  EISDIR: 'is-a-directory',
}

/** The system's error code (`ENOENT`) of anything thrown. */
export function errnoOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
}

/** Runs one file operation; whatever it throws comes out as a DiskError. */
export async function diskOperation<T>(operation: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (thrown) {
    if (thrown instanceof DiskError) throw thrown
    throw new DiskError(KIND_BY_ERRNO[errnoOf(thrown) ?? ''] ?? 'io', operation, path, thrown)
  }
}
