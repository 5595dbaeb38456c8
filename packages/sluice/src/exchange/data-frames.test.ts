import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointId } from '../base/ids.ts'
import { NetworkError } from '../base/network-error.ts'
import { decodeFrame, encodeHead, type LinkFrame } from './data-frames.ts'

const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const channel = fc.maxSafeNat()
const checkpoint = fc.maxSafeNat().map(checkpointId)
const element = fc.oneof(
  fc.record({ kind: fc.constant('watermark' as const), timestamp: fc.maxSafeInteger().map((value) => value + 0) }),
  fc.record({ kind: fc.constant('idleness' as const), idle: fc.boolean() }),
  fc.record({
    kind: fc.constant('barrier' as const),
    checkpoint,
    mode: fc.constantFrom('exactly-once' as const, 'at-least-once' as const),
  }),
  fc.record({ kind: fc.constant('cancel-barrier' as const), checkpoint }),
  fc.record({ kind: fc.constant('end' as const) }),
)
const frames: fc.Arbitrary<LinkFrame> = fc.oneof(
  fc.record({
    kind: fc.constant('batch' as const),
    channel,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
  }),
  fc.record({ kind: fc.constant('control' as const), channel, element }),
  fc.record({ kind: fc.constant('credit' as const), channel, batches: count }),
  fc.record({ kind: fc.constant('credit' as const), channel, batches: count, recordsMax: count }),
  fc.constantFrom<LinkFrame>({ kind: 'alive' }, { kind: 'bye' }),
)

function bytesOf(frame: LinkFrame): Uint8Array {
  const head = encodeHead(frame)
  return frame.kind === 'batch' ? Buffer.concat([head, frame.bytes]) : head
}

function plain(frame: LinkFrame): unknown {
  return frame.kind === 'batch' ? { ...frame, bytes: [...frame.bytes] } : frame
}

describe('data frames', () => {
  test('every frame comes back as it was', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(plain(decodeFrame(bytesOf(frame)))).toEqual(plain(frame))
      }),
    )
  })

  test('a frame that was cut short or got longer is refused, unless it is a batch', () => {
    fc.assert(
      fc.property(frames, fc.uint8Array({ minLength: 1, maxLength: 4 }), (frame, more) => {
        fc.pre(frame.kind !== 'batch')
        const bytes = bytesOf(frame)
        expect(() => decodeFrame(Buffer.concat([bytes, more]))).toThrow(NetworkError)
        for (let length = 0; length < bytes.length; length++)
          expect(() => decodeFrame(bytes.subarray(0, length))).toThrow(NetworkError)
      }),
    )
  })

  test('any bytes give a frame that is written back as some bytes, or a protocol error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        let frame: LinkFrame
        try {
          frame = decodeFrame(bytes)
        } catch (error) {
          expect(error).toMatchObject({ failure: 'protocol' })
          return
        }
        expect(plain(decodeFrame(bytesOf(frame)))).toEqual(plain(frame))
      }),
      { numRuns: 2000 },
    )
  })

  test('an unknown kind, an empty batch and a credit of nothing are refused', () => {
    for (const bytes of [
      [12, 0],
      [255, 1],
      [1, 0],
      [2, 0, 0],
      [3, 0, 1, 0],
    ])
      expect(() => decodeFrame(new Uint8Array(bytes))).toThrow(/damaged/)
  })

  test('a batch is a view of what was received', () => {
    const frame = decodeFrame(new Uint8Array([1, 5, 9, 9, 9]))
    expect(frame).toMatchObject({ kind: 'batch', channel: 5 })
    if (frame.kind === 'batch') expect(frame.bytes.byteOffset).toBe(2)
  })

  test('a small frame is a few bytes', () => {
    expect(encodeHead({ kind: 'credit', channel: 3, batches: 4 })).toHaveLength(3)
    expect(encodeHead({ kind: 'alive' })).toHaveLength(1)
  })
})
