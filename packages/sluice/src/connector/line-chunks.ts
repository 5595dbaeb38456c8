/**
 * Lines of a range of bytes of a UTF-8 file.
 *
 * L1 A line belongs to the range in which it starts; so ranges of one file give every line exactly once, wherever they are cut.
 * L2 A line ends with \n or \r\n or the file; an empty rest behind the last \n is no line.
 * L3 Every read starts at the start of a line, so nothing is carried from one read to the next; a longer line is read again with a longer read.
 */
import { isUtf8 } from 'node:buffer'
import type { Disk } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import { checkUnchanged, readExactly, type FileSplit } from './file-splits.ts'

/** Bytes of one read. */
export const READ_BYTES = 256 * 1024
/** Longest line. */
export const LINE_BYTES_MAX = 64 * 1024 * 1024

const NEWLINE = 10
const CARRIAGE_RETURN = 13
const BOM = [0xef, 0xbb, 0xbf]

/** Whether the bytes of a line are what they should be. */
export type LineEncoding = 'utf8' | 'broken'

/** Some whole lines; `offset` is where they start in the file. */
export interface LineBlock {
  readonly offset: number
  readonly bytes: Buffer
}

/** The lines of `split` from its position on, in blocks. */
export async function* lineBlocks(disk: Disk, split: FileSplit, readBytes = READ_BYTES): AsyncGenerator<LineBlock> {
  const { path, end, fileBytes } = split
  await checkUnchanged(disk, path, fileBytes)
  let offset = await firstLineStart(disk, split, readBytes)
  let want = readBytes
  while (offset < end) {
    const length = Math.min(want, fileBytes - offset)
    const bytes = asBuffer(await readExactly(disk, path, offset, length))
    const cut = cutBlock(
      bytes,
      end - offset,
      offset + length === fileBytes ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1,
    )
    if (cut === 0) {
      if (length > LINE_BYTES_MAX) throw tooLong(path, offset)
      want = length * 2
      continue
    }
    yield { offset, bytes: bytes.subarray(0, cut) }
    offset += cut
    want = readBytes
  }
}

/** Start of the first line that belongs to the split (or its end). */
export async function firstLineStart(disk: Disk, split: FileSplit, readBytes: number): Promise<number> {
  const { path, start, position, end, fileBytes } = split
  if (position > start) return position
  if (start <= BOM.length && (await hasBom(disk, split))) return BOM.length // whatever split it is in
  if (start === 0) return 0
  // The byte in front tells whether a line starts exactly here.
  for (let offset = start - 1; offset < end; offset += readBytes) {
    const bytes = asBuffer(await readExactly(disk, path, offset, Math.min(readBytes, fileBytes - offset)))
    const newline = bytes.indexOf(NEWLINE)
    if (newline >= 0) return offset + newline + 1
  }
  return end
}

async function hasBom(disk: Disk, { path, fileBytes }: FileSplit): Promise<boolean> {
  if (fileBytes < BOM.length) return false
  const bytes = await readExactly(disk, path, 0, BOM.length)
  return BOM.every((byte, at) => bytes[at] === byte)
}

/** Length of the lines at the start of `bytes` that begin in front of `limit`; `whole` is the length of all complete lines. */
function cutBlock(bytes: Buffer, limit: number, whole: number): number {
  const newline = bytes.length > limit ? bytes.indexOf(NEWLINE, limit - 1) : -1
  return newline >= 0 ? newline + 1 : whole
}

/** Calls `onLine` for each line of the block. */
export function forEachLine(
  block: LineBlock,
  onLine: (line: string, offset: number, encoding: LineEncoding) => void,
): void {
  const { bytes, offset } = block
  const isValid = isUtf8(bytes)
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start)
    const next = newline < 0 ? bytes.length : newline + 1
    let end = newline < 0 ? bytes.length : newline
    if (newline > start && bytes[newline - 1] === CARRIAGE_RETURN) end--
    const encoding = isValid || isUtf8(bytes.subarray(start, end)) ? 'utf8' : 'broken'
    onLine(bytes.toString('utf8', start, end), offset + start, encoding)
    start = next
  }
}

/** Offset in the file of line `index` of the block, or of its end. */
export function lineStart(block: LineBlock, index: number): number {
  const { bytes, offset } = block
  let start = 0
  for (let line = 0; line < index && start < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, start)
    start = newline < 0 ? bytes.length : newline + 1
  }
  return offset + start
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function tooLong(path: string, offset: number): EngineError {
  return new EngineError(
    'SRC1002',
    `${path}: the line at byte ${offset} is longer than ${LINE_BYTES_MAX} bytes. The job stops there. Is it a text file with one record per line?`,
    { context: { path, record: `${path} byte ${offset}` } },
  )
}
