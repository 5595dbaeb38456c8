/**
 * Frames on a stream of bytes: `u32 length`, `u32 checksum`, then `length` bytes (docs/spec/transport.md, "Frames").
 *
 * Owns: where a frame begins and ends, its limit, its checksum. Does not own: what the bytes mean, sockets.
 *
 * F1 What a decoder hands out is what an encoder was given, frame by frame, however the stream was cut into chunks; else it breaks.
 * F2 The checksum starts from the length: a stream of zeros, or one that lost a byte, is not a sequence of frames.
 * F3 A decoder holds at most twice the bytes that really came of one frame, whatever its length says, beyond `FIRST_PART_BYTES`.
 * F4 A broken decoder stays broken: nothing behind a bad byte is trusted.
 */
import { Buffer } from 'node:buffer'
import { assert } from '../base/assert.ts'
import { crc32 } from '../base/bytes.ts'
import { NetworkError } from '../base/network-error.ts'

export const FRAME_HEADER_BYTES = 8
/** Longest frame there can be, unless a limit says less. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024
/** Longest frame taken from somebody who has not shown yet who it is. */
export const STRANGER_FRAME_BYTES_MAX = 64 * 1024

/** Frames below this are copied into one piece with their neighbours: cheaper than a piece each. */
const COPIED_BYTES_MAX = 2048
/** Memory that a frame gets before its bytes are there. */
const FIRST_PART_BYTES = 256 * 1024

/** F2 */
const CHECKSUM_SALT = 0x534c_5543

function checksumSeed(length: number): number {
  return (length ^ CHECKSUM_SALT) >>> 0
}

interface OutgoingFrame {
  readonly head: Uint8Array
  readonly rest: Uint8Array | undefined
  readonly length: number
}

/** Collects frames and gives them back as few pieces of memory, small ones copied together, large ones as they are. */
export class FrameEncoder {
  #frames: OutgoingFrame[] = []
  #bytes = 0

  /** Bytes that `take` would give. */
  get bytes(): number {
    return this.#bytes
  }

  /** The bytes belong to the encoder afterwards. */
  add(head: Uint8Array, rest?: Uint8Array): void {
    const length = head.length + (rest?.length ?? 0)
    assert(length <= FRAME_BYTES_MAX, 'a frame is within its limit before it is sent', {
      length,
      limit: FRAME_BYTES_MAX,
    })
    this.#frames.push({ head, rest, length })
    this.#bytes += FRAME_HEADER_BYTES + length
  }

  take(): readonly Uint8Array[] {
    const frames = this.#frames
    this.#frames = []
    this.#bytes = 0
    return frames.length === 0 ? [] : new PieceWriter(frames).write()
  }
}

/** Copies headers and short parts into one block; long parts are handed on as views. */
class PieceWriter {
  readonly #frames: readonly OutgoingFrame[]
  readonly #block: Uint8Array<ArrayBuffer>
  readonly #view: DataView
  readonly #pieces: Uint8Array[] = []
  #from = 0
  #at = 0

  constructor(frames: readonly OutgoingFrame[]) {
    this.#frames = frames
    let copied = 0
    for (const { head, rest } of frames) copied += FRAME_HEADER_BYTES + copiedBytes(head) + copiedBytes(rest)
    this.#block = new Uint8Array(copied)
    this.#view = new DataView(this.#block.buffer)
  }

  write(): readonly Uint8Array[] {
    for (const frame of this.#frames) this.#frame(frame)
    this.#cut()
    return this.#pieces
  }

  #frame({ head, rest, length }: OutgoingFrame): void {
    let checksum = crc32(head, checksumSeed(length))
    if (rest !== undefined) checksum = crc32(rest, checksum)
    this.#view.setUint32(this.#at, length, true)
    this.#view.setUint32(this.#at + 4, checksum, true)
    this.#at += FRAME_HEADER_BYTES
    this.#part(head)
    if (rest !== undefined) this.#part(rest)
  }

  #part(bytes: Uint8Array): void {
    if (bytes.length <= COPIED_BYTES_MAX) {
      this.#block.set(bytes, this.#at)
      this.#at += bytes.length
    } else {
      this.#cut()
      this.#pieces.push(bytes)
    }
  }

  #cut(): void {
    if (this.#at > this.#from) this.#pieces.push(this.#block.subarray(this.#from, this.#at))
    this.#from = this.#at
  }
}

function copiedBytes(part: Uint8Array | undefined): number {
  return part === undefined || part.length > COPIED_BYTES_MAX ? 0 : part.length
}

type Reading = 'header' | 'body' | 'broken'

/** Frames from chunks. A frame that lies within one chunk is a view of it; any other is copied once. */
export class FrameDecoder {
  readonly #onFrame: (frame: Uint8Array) => void
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES)
  readonly #headerView = new DataView(this.#header.buffer)
  #bytesMax: number
  #reading: Reading = 'header'
  #headerFilled = 0
  #length = 0
  #checksum = 0
  #body = new Uint8Array(0)
  #bodyFilled = 0

  constructor(onFrame: (frame: Uint8Array) => void, bytesMax = STRANGER_FRAME_BYTES_MAX) {
    this.#onFrame = onFrame
    this.#bytesMax = bytesMax
  }

  /** Counts for the next header that is read. */
  limit(bytesMax: number): void {
    assert(bytesMax > 0 && bytesMax <= FRAME_BYTES_MAX, 'the limit of a frame is within the format', { bytesMax })
    this.#bytesMax = bytesMax
  }

  /** The stream may end here: no frame has begun. */
  get isBetweenFrames(): boolean {
    return this.#reading === 'header' && this.#headerFilled === 0
  }

  /** The memory of the chunk belongs to the frames afterwards. Throws a NetworkError (`protocol`). */
  push(chunk: Uint8Array): void {
    if (this.#reading === 'broken') throw broken('bytes behind a broken frame') // F4
    let at = 0
    while (at < chunk.length) at = this.#reading === 'header' ? this.#readHeader(chunk, at) : this.#readBody(chunk, at)
  }

  #readHeader(chunk: Uint8Array, from: number): number {
    let at = from
    while (at < chunk.length && this.#headerFilled < FRAME_HEADER_BYTES)
      this.#header[this.#headerFilled++] = chunk[at++] ?? 0 // within the chunk by the condition
    if (this.#headerFilled < FRAME_HEADER_BYTES) return at
    this.#headerFilled = 0
    this.#length = this.#headerView.getUint32(0, true)
    this.#checksum = this.#headerView.getUint32(4, true)
    if (this.#length > this.#bytesMax)
      throw this.#break(`a frame of ${this.#length} bytes is longer than the limit of ${this.#bytesMax}`)
    this.#reading = 'body'
    return this.#length === 0 ? this.#readBody(chunk, at) : at // there may be no byte that would lead to it
  }

  #readBody(chunk: Uint8Array, from: number): number {
    const missing = this.#length - this.#bodyFilled
    const there = Math.min(missing, chunk.length - from)
    const end = from + there
    if (this.#bodyFilled === 0 && there === missing) {
      this.#finish(new Uint8Array(chunk.buffer, chunk.byteOffset + from, there))
      return end
    }
    this.#append(chunk, from, there)
    if (there === missing) {
      const body = this.#body.subarray(0, this.#length)
      this.#body = NO_BYTES
      this.#bodyFilled = 0
      this.#finish(body)
    }
    return end
  }

  // F3
  #append(chunk: Uint8Array, from: number, count: number): void {
    const needed = this.#bodyFilled + count
    if (needed > this.#body.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(2 * needed, FIRST_PART_BYTES)))
      grown.set(this.#body.subarray(0, this.#bodyFilled))
      this.#body = new Uint8Array(grown.buffer)
    }
    this.#body.set(chunk.subarray(from, from + count), this.#bodyFilled)
    this.#bodyFilled = needed
  }

  #finish(frame: Uint8Array): void {
    if (crc32(frame, checksumSeed(this.#length)) !== this.#checksum)
      throw this.#break(`a frame of ${this.#length} bytes has a wrong checksum`)
    this.#reading = 'header'
    this.#onFrame(frame)
  }

  #break(problem: string): NetworkError {
    this.#reading = 'broken'
    return broken(problem)
  }
}

const NO_BYTES = new Uint8Array(0)

function broken(problem: string): NetworkError {
  return new NetworkError('protocol', problem)
}
