/**
 * Bytes of a keyed-state chunk that both directions share: docs/spec/state.md, "Chunks". A change is a new format version.
 *
 * A chunk is self-delimiting and self-describing: chunks written one after the other can be told apart, and each says which states of
 * which operator it holds and how they were serialized.
 */
import { crc32 } from '../base/bytes.ts'
import { EngineError } from '../base/errors.ts'
import type { StateKind } from './declared-states.ts'

/** `SLKS` in the order of bytes. */
export const CHUNK_MAGIC = 0x534b4c53
export const CHUNK_FORMAT_VERSION = 1

/** The fixed part: magic u32, version u16, key group u16, length u32 (of the whole chunk), entry count u32. */
export const LENGTH_OFFSET = 8
export const ENTRY_COUNT_OFFSET = 12
export const FIXED_HEADER_BYTES = 16
export const CHECKSUM_BYTES = 4

/** An entry starts with the bits of its filled slots, so many a varint, lowest first. */
export const SLOT_BITS_PER_VARINT = 30

/** How a timer is written; without any, both are differences to the timer before and the namespace is a number. */
export const TIMER_ABSOLUTE_TIMESTAMP = 1
export const TIMER_ABSOLUTE_NAMESPACE = 2
export const TIMER_TEXT_NAMESPACE = 4
export const TIMER_FLAGS_MAX = 7

/** Index = kind byte. New ones go to the end. */
export const STATE_KINDS: readonly StateKind[] = [
  'value',
  'list',
  'map',
  'reducing',
  'aggregating',
  'expiring-value',
  'expiring-list',
  'expiring-map',
  'expiring-reducing',
  'expiring-aggregating',
]

/** The chunks of bytes that hold one after the other, checked. CKP1003 for what is none. */
export function splitChunks(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chunks: Uint8Array[] = []
  for (let start = 0; start < bytes.length;) {
    const end = start + checkedLength(view, start)
    if (crc32(bytes.subarray(start, end - CHECKSUM_BYTES)) !== view.getUint32(end - CHECKSUM_BYTES, true)) {
      throw corruptChunk(`the checksum of the chunk at byte ${start} does not match its ${end - start} bytes`)
    }
    chunks.push(bytes.subarray(start, end))
    start = end
  }
  return chunks
}

export function corruptChunk(problem: string, operator?: string): EngineError {
  return new EngineError(
    'CKP1003',
    `a snapshot of keyed state is damaged: ${problem}. Nothing of it was used. ` +
      'An older retained checkpoint may still be intact; check the disk that holds the checkpoints.',
    operator === undefined ? {} : { context: { operator } },
  )
}

function checkedLength(view: DataView, start: number): number {
  const left = view.byteLength - start
  if (left < FIXED_HEADER_BYTES + CHECKSUM_BYTES)
    throw corruptChunk(`${left} bytes at byte ${start} are too few for a chunk`)
  if (view.getUint32(start, true) !== CHUNK_MAGIC) throw corruptChunk(`no chunk starts at byte ${start}`)
  const version = view.getUint16(start + 4, true)
  if (version !== CHUNK_FORMAT_VERSION) {
    throw corruptChunk(
      `the chunk at byte ${start} has format version ${version}, and this program reads version ${CHUNK_FORMAT_VERSION}`,
    )
  }
  const length = view.getUint32(start + LENGTH_OFFSET, true)
  if (length < FIXED_HEADER_BYTES + CHECKSUM_BYTES || length > left) {
    throw corruptChunk(`the chunk at byte ${start} says it has ${length} bytes, and ${left} are there`)
  }
  return length
}
