/**
 * Data frames as bytes: what two slots of different processes say over one connection. docs/spec/exchange.md, "Frames".
 *
 * Owns: the format of a frame. Does not own: its length and checksum (control/frame-codec.ts), the content of batches.
 *
 * F1 What comes out of the bytes of a frame is what went in, or an error: an unknown kind, a wrong length, a value out of range are refused.
 * F2 A batch is not copied: it goes out behind its head, and comes in as a view of what was received.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { messageOf } from '../base/errors.ts'
import { checkpointId } from '../base/ids.ts'
import { NetworkError } from '../base/network-error.ts'
import type { ControlElement } from '../stream/element.ts'
import type { DataFrame } from './data-link.ts'

/** The first byte of a frame. All but `alive` and `bye` go on with the number of their channel. */
const KIND = {
  alive: 0,
  batch: 1,
  credit: 2,
  creditWithLimit: 3,
  watermark: 4,
  idle: 5,
  active: 6,
  barrierExactlyOnce: 7,
  barrierAtLeastOnce: 8,
  cancelBarrier: 9,
  end: 10,
  bye: 11,
} as const

/** `alive`: the sender is there. `bye`: it has ended the attempt and says nothing more. */
export type LinkFrame = DataFrame | { readonly kind: 'alive' } | { readonly kind: 'bye' }

/** A kind, a channel and two numbers at their longest. */
const HEAD_BYTES_MAX = 1 + 3 * 8
/** Empty between two calls. */
const out = new ByteWriter(HEAD_BYTES_MAX)

/** All of a frame but the bytes of a batch, which follow behind it. */
export function encodeHead(frame: LinkFrame): Uint8Array<ArrayBuffer> {
  writeHead(frame)
  return out.take()
}

/** @throws NetworkError `protocol` */
export function decodeFrame(bytes: Uint8Array): LinkFrame {
  const reader = new ByteReader(bytes)
  try {
    const frame = readFrame(reader)
    reader.finish('a frame')
    return frame
  } catch (error) {
    throw new NetworkError('protocol', `a data frame of ${bytes.length} bytes is damaged: ${messageOf(error)}`, error)
  }
}

function writeHead(frame: LinkFrame): void {
  switch (frame.kind) {
    case 'batch':
      out.u8(KIND.batch)
      return out.varint(frame.channel)
    case 'credit':
      return writeCredit(frame)
    case 'control':
      return writeControl(frame.channel, frame.element)
    case 'alive':
      return out.u8(KIND.alive)
    case 'bye':
      return out.u8(KIND.bye)
  }
}

function writeCredit(frame: Extract<DataFrame, { kind: 'credit' }>): void {
  const { recordsMax } = frame
  out.u8(recordsMax === undefined ? KIND.credit : KIND.creditWithLimit)
  out.varint(frame.channel)
  out.varint(frame.batches)
  if (recordsMax !== undefined) out.varint(recordsMax)
}

function writeControl(channel: number, element: ControlElement): void {
  out.u8(kindOf(element))
  out.varint(channel)
  if (element.kind === 'watermark') out.zigzag(element.timestamp)
  else if (element.kind === 'barrier' || element.kind === 'cancel-barrier') out.varint(element.checkpoint)
}

function kindOf(element: ControlElement): number {
  switch (element.kind) {
    case 'watermark':
      return KIND.watermark
    case 'idleness':
      return element.idle ? KIND.idle : KIND.active
    case 'barrier':
      return element.mode === 'exactly-once' ? KIND.barrierExactlyOnce : KIND.barrierAtLeastOnce
    case 'cancel-barrier':
      return KIND.cancelBarrier
    case 'end':
      return KIND.end
  }
}

function readFrame(reader: ByteReader): LinkFrame {
  const kind = reader.u8()
  if (kind === KIND.alive) return { kind: 'alive' }
  if (kind === KIND.bye) return { kind: 'bye' }
  const channel = reader.varint()
  if (kind === KIND.batch) return { kind: 'batch', channel, bytes: rest(reader) }
  if (kind === KIND.credit) return { kind: 'credit', channel, batches: positive(reader) }
  if (kind === KIND.creditWithLimit)
    return { kind: 'credit', channel, batches: positive(reader), recordsMax: positive(reader) }
  return { kind: 'control', channel, element: readControl(kind, reader) }
}

function readControl(kind: number, reader: ByteReader): ControlElement {
  switch (kind) {
    case KIND.watermark:
      return { kind: 'watermark', timestamp: reader.zigzag() }
    case KIND.idle:
      return { kind: 'idleness', idle: true }
    case KIND.active:
      return { kind: 'idleness', idle: false }
    case KIND.barrierExactlyOnce:
      return { kind: 'barrier', checkpoint: checkpointId(reader.varint()), mode: 'exactly-once' }
    case KIND.barrierAtLeastOnce:
      return { kind: 'barrier', checkpoint: checkpointId(reader.varint()), mode: 'at-least-once' }
    case KIND.cancelBarrier:
      return { kind: 'cancel-barrier', checkpoint: checkpointId(reader.varint()) }
    case KIND.end:
      return { kind: 'end' }
    default:
      throw reader.malformed(`a frame has the unknown kind ${kind}`)
  }
}

function positive(reader: ByteReader): number {
  const value = reader.varint()
  if (value === 0) throw reader.malformed('a credit is at least 1')
  return value
}

// F2
function rest(reader: ByteReader): Uint8Array<ArrayBuffer> {
  if (reader.remaining === 0) throw reader.malformed('a batch has no bytes')
  return reader.slice(reader.remaining) as Uint8Array<ArrayBuffer> // connections give no shared memory
}
