/** Finds input files and cuts them into splits. */
import type { Disk } from '../base/env.ts'
import { DiskError } from '../base/disk-error.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { OrderedSplit } from './chunk-reader.ts'

export interface InputFile {
  readonly path: string
  readonly sizeBytes: number
}

/** What to read: a file, a folder, or a list of both. */
export type InputPaths = string | readonly string[]

/**
 * What is known about the event time of several files. `time`: they follow each other, in the order in which they are read. `unknown`: they may cover
 * the same time, or go back; none of their records is late because of the order in which they are read.
 */
export type FileOrder = 'unknown' | 'time'

/** Which file a split is of: where folders are watched, another one may come to the same path. */
export interface FileIdentity {
  readonly path: string
  /** Number of the first split that was found in the look that found the file; undefined: there is one look only. */
  readonly look?: number
}

export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.path === b.path && a.look === b.look
}

/** A range of bytes of one file. */
export interface FileSplit extends OrderedSplit, FileIdentity {
  readonly start: number
  /** Exclusive. */
  readonly end: number
  /** Size of the whole file when it was found: it must not change while the job reads it. */
  readonly fileBytes: number
  /** Where to go on: `start`, or the start of the first line not emitted yet. */
  readonly position: number
}

export function pathList(paths: InputPaths): readonly string[] {
  return typeof paths === 'string' ? [paths] : paths
}

/**
 * The files under `paths`, in order of `paths` and inside a folder sorted by name, folders entered where their name stands. Hidden ones (`.` and `_` in
 * front) are skipped inside folders; with `suffixes`, so are files that end in none of them.
 */
export async function findFiles(
  disk: Disk,
  paths: InputPaths,
  suffixes: readonly string[] = [],
): Promise<readonly InputFile[]> {
  const found: InputFile[] = []
  for (const path of pathList(paths)) {
    const stat = await disk.stat(path).catch((error: unknown) => failUnreadable(path, error))
    if (stat === undefined) throw missing(path)
    if (stat.kind === 'file') found.push({ path, sizeBytes: stat.sizeBytes })
    else await addFolder(disk, path, suffixes, found)
  }
  return found
}

async function addFolder(disk: Disk, folder: string, suffixes: readonly string[], found: InputFile[]): Promise<void> {
  const entries = await disk.list(folder).catch((error: unknown) => failUnreadable(folder, error))
  for (const { name, kind } of entries) {
    if (name.startsWith('.') || name.startsWith('_')) continue
    const path = joinPath(folder, name)
    if (kind === 'directory') await addFolder(disk, path, suffixes, found)
    else if (isWanted(name, suffixes)) found.push({ path, sizeBytes: await sizeOf(disk, path) })
  }
}

/** Whether a file of a folder is meant, by its name. */
export function isWanted(name: string, suffixes: readonly string[]): boolean {
  return suffixes.length === 0 || suffixes.some((suffix) => name.toLowerCase().endsWith(suffix))
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const stat = await disk.stat(path).catch((error: unknown) => failUnreadable(path, error))
  if (stat === undefined) throw missing(path)
  return stat.sizeBytes
}

/** The sequence that the splits of a file belong to. */
export function sequenceOf(path: string, order: FileOrder): string {
  return order === 'time' ? 'all files' : path
}

/** Byte ranges of about `splitBytes`; an empty file has none. */
export function byteSplits(
  files: readonly InputFile[],
  splitBytes: number,
  order: FileOrder = 'unknown',
): readonly FileSplit[] {
  const splits: FileSplit[] = []
  for (const { path, sizeBytes } of files) {
    for (let start = 0; start < sizeBytes; start += splitBytes) {
      const end = Math.min(sizeBytes, start + splitBytes)
      splits.push({
        id: `${path}@${start}`,
        index: splits.length,
        sequence: sequenceOf(path, order),
        path,
        start,
        end,
        fileBytes: sizeBytes,
        position: start,
      })
    }
  }
  return splits
}

/** Refuses a file that is not the one the splits were made for. */
export async function checkUnchanged(disk: Disk, path: string, fileBytes: number): Promise<void> {
  const sizeBytes = await sizeOf(disk, path)
  if (sizeBytes !== fileBytes) throw changed(path, fileBytes, sizeBytes)
}

/** Exactly these bytes; SRC1004 when the file ends before. */
export async function readExactly(disk: Disk, path: string, offset: number, lengthBytes: number): Promise<Uint8Array> {
  const bytes = await disk.readRange(path, offset, lengthBytes).catch((error: unknown) => failReading(path, error))
  if (bytes.length < lengthBytes) throw changed(path, offset + lengthBytes, offset + bytes.length)
  return bytes
}

export function joinPath(folder: string, name: string): string {
  return folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function missing(path: string): EngineError {
  return new EngineError(
    'SRC1001',
    `input ${path} does not exist. Nothing was read from it. Check the path; it is relative to the directory the job was started in.`,
    {
      context: { path },
    },
  )
}

export function failUnreadable(path: string, error: unknown): never {
  const reason = `input ${path} cannot be read: ${messageOf(error)}. Nothing was read from it. Check the path and its permissions.`
  throw new EngineError('SRC1001', reason, { context: { path }, cause: error })
}

function failReading(path: string, error: unknown): never {
  if (error instanceof DiskError && error.kind === 'not-found') throw missing(path)
  if (error instanceof DiskError && error.kind === 'denied') failUnreadable(path, error)
  const reason = `reading input ${path} failed: ${messageOf(error)}. The job restarts from its last checkpoint and reads it again. Check the disk if this comes back.`
  throw new EngineError('SRC1003', reason, { context: { path }, cause: error })
}

function changed(path: string, expectedBytes: number, actualBytes: number): EngineError {
  return new EngineError(
    'SRC1004',
    `input ${path} has ${actualBytes} bytes where ${expectedBytes} were expected: it was changed after the job found it. ` +
      'The job stops, because positions in it mean nothing any more. Put the original file back, or start fresh to read it as it is.',
    { context: { path } },
  )
}
