/** What failed storage means and what to do about it; one wording per kind of failure. */
import { DiskError } from '../../base/disk-error.ts'
import type { DiskFailureKind } from '../../base/env.ts'
import { EngineError, messageOf } from '../../base/errors.ts'
import type { CheckpointId } from '../../base/ids.ts'
import type { DataHandle } from '../handles.ts'

const WRITE_ADVICE: Readonly<Record<DiskFailureKind, string>> = {
  'no-space': 'Free space there or set checkpoint.storage.uri to another disk.',
  denied: 'Give the process write access or set checkpoint.storage.uri to another directory.',
  'not-found':
    'Somebody removed a directory of the storage while the job ran: bring it back or set checkpoint.storage.uri.',
  exists: 'Another process writes to this storage: let one job at a time use it.',
  'not-a-directory': 'Set checkpoint.storage.uri to a directory.',
  'is-a-directory': 'A directory has the name of a file of the storage: remove it.',
  io: 'Check the disk, or set checkpoint.storage.uri to another one.',
}

const READ_ADVICE: Readonly<Record<DiskFailureKind, string>> = {
  ...WRITE_ADVICE,
  'no-space': 'Free space there.',
  denied: 'Give the process read access.',
  io: 'Check the disk, then start the job again.',
}

/** CKP1001 */
export function writeFailed(what: string, path: string, cause: unknown): EngineError {
  return new EngineError(
    'CKP1001',
    `${what} could not be written to ${path}: ${reasonOf(path, cause)}. Nothing that was restorable before is touched. ${adviceFor(WRITE_ADVICE, cause)}`,
    { context: { path }, cause },
  )
}

/** CKP1002 */
export function readFailed(what: string, path: string, cause: unknown): EngineError {
  return new EngineError(
    'CKP1002',
    `${what} could not be read from ${path}: ${reasonOf(path, cause)}. It may be whole, so no older state is taken instead. ${adviceFor(READ_ADVICE, cause)}`,
    { context: { path }, cause },
  )
}

/** CKP1003 */
export function manifestMissing(checkpoint: CheckpointId, path: string): EngineError {
  return new EngineError(
    'CKP1003',
    `there is no manifest of checkpoint ${checkpoint} at ${path}. It was never completed or somebody removed it; it cannot be restored. Restore an older one.`,
    { context: { checkpoint, path } },
  )
}

/** CKP1003 */
export function dataMissing(path: string): EngineError {
  return new EngineError(
    'CKP1003',
    `the data file ${path} is gone. Its checkpoint cannot be restored; older retained ones are not affected. Find out what removed it.`,
    { context: { path } },
  )
}

/** CKP1003; undefined when the bytes are the ones that were written. */
export function dataMismatch(
  handle: DataHandle,
  path: string,
  sizeBytes: number,
  crc: number,
): EngineError | undefined {
  if (sizeBytes === handle.sizeBytes && crc === handle.crc32) return undefined
  const problem =
    sizeBytes === handle.sizeBytes
      ? `has checksum ${hex(crc)} instead of ${hex(handle.crc32)}`
      : `is ${sizeBytes} bytes long instead of ${handle.sizeBytes}`
  return new EngineError(
    'CKP1003',
    `the data file ${path} ${problem}. Its checkpoint cannot be restored; older retained ones are not affected. Find out what changed it.`,
    { context: { path } },
  )
}

/** The message around it names `path` already. */
function reasonOf(path: string, cause: unknown): string {
  return cause instanceof DiskError && cause.context.path === path ? cause.reason : messageOf(cause)
}

function adviceFor(advice: Readonly<Record<DiskFailureKind, string>>, cause: unknown): string {
  return advice[cause instanceof DiskError ? cause.kind : 'io']
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
