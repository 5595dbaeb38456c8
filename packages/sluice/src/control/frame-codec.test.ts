import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NetworkError } from '../base/network-error.ts'
import { FRAME_HEADER_BYTES, FrameDecoder, FrameEncoder, STRANGER_FRAME_BYTES_MAX } from './frame-codec.ts'

type SentFrame = readonly [head: Uint8Array, rest: Uint8Array | undefined]

function encode(frames: readonly SentFrame[]): Uint8Array {
  const encoder = new FrameEncoder()
  for (const [head, rest] of frames) encoder.add(head, rest)
  const expected = encoder.bytes
  const stream = Buffer.concat(encoder.take())
  expect(stream.length).toBe(expected)
  expect(encoder.bytes).toBe(0)
  return new Uint8Array(stream)
}

/** What a decoder hands out, as copies: frames may be views of chunks. */
function decode(chunks: readonly Uint8Array[], bytesMax?: number) {
  const frames: Uint8Array[] = []
  const decoder = new FrameDecoder((frame) => void frames.push(frame.slice()), bytesMax)
  let error: unknown
  try {
    for (const chunk of chunks) decoder.push(chunk)
  } catch (thrown) {
    error = thrown
  }
  return { frames, error, decoder }
}

function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...places.map((place) => place % (stream.length + 1)), 0, stream.length].sort((a, b) => a - b)
  return sorted.slice(1).map((end, index) => stream.slice(sorted[index] ?? 0, end))
}

const part = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 2000, maxLength: 6000 }))
const frame = fc.tuple(part, fc.option(part, { nil: undefined }))
const places = fc.array(fc.nat(), { maxLength: 30 })

function joined([head, rest]: SentFrame): Uint8Array {
  return new Uint8Array(Buffer.concat(rest === undefined ? [head] : [head, rest]))
}

describe('frames', () => {
  test('come back as they were, however the stream is cut (F1)', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), places, (sent, at) => {
        const { frames, error, decoder } = decode(cut(encode(sent), at))
        expect(error).toBeUndefined()
        expect(frames).toEqual(sent.map(joined))
        expect(decoder.isBetweenFrames).toBe(true)
      }),
    )
  })

  test('that were changed in one bit are never handed out as something else (F1)', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), places, fc.nat(), (sent, at, bit) => {
        const stream = encode(sent)
        const changed = bit % (stream.length * 8)
        stream[changed >> 3] = (stream[changed >> 3] ?? 0) ^ (1 << (changed & 7))
        const { frames } = decode(cut(stream, at))
        const originals = sent.map(joined)
        expect(frames.length).toBeLessThan(originals.length)
        expect(frames).toEqual(originals.slice(0, frames.length))
      }),
    )
  })

  test('are not found in bytes of somebody else, and nothing is taken behind them (F2, F4)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: FRAME_HEADER_BYTES, maxLength: 400 }), places, (stream, at) => {
        const { frames } = decode(cut(stream, at))
        expect(frames).toEqual([])
      }),
    )
  })

  test.for([
    ['zeros', new Uint8Array(64)],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['the beginning of TLS', Buffer.from([0x16, 0x03, 0x01, 0x00, 0xf4, 0x01, 0x00, 0x00, 0xf0, 0x03, 0x03])],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ] as const)('%s is refused at the first header', ([, stream]) => {
    const { frames, error, decoder } = decode([stream])
    expect(frames).toEqual([])
    expect(error).toMatchObject({ name: 'NetworkError', failure: 'protocol' })
    expect(() => decoder.push(encode([[new Uint8Array(1), undefined]]))).toThrow(NetworkError)
  })

  test('at the limit are taken, beyond it refused before their bytes come; the limit can be raised', () => {
    expect(decode([encode([[new Uint8Array(STRANGER_FRAME_BYTES_MAX), undefined]])]).frames).toHaveLength(1)
    const longer = encode([[new Uint8Array(STRANGER_FRAME_BYTES_MAX + 1), undefined]])
    expect(decode([longer.subarray(0, FRAME_HEADER_BYTES)]).error).toMatchObject({ failure: 'protocol' })
    const { decoder, frames } = decode([])
    decoder.limit(STRANGER_FRAME_BYTES_MAX + 1)
    decoder.push(longer)
    expect(frames).toHaveLength(1)
  })

  test('within one chunk are views of it; long parts are sent as they are', () => {
    const chunk = encode([[new Uint8Array([1, 2, 3]), undefined]])
    const seen: Uint8Array[] = []
    new FrameDecoder((view) => void seen.push(view)).push(chunk)
    expect(seen[0]?.buffer).toBe(chunk.buffer)
    const long = new Uint8Array(10_000)
    const encoder = new FrameEncoder()
    encoder.add(new Uint8Array(5), long)
    expect(encoder.take()[1]).toBe(long)
  })
})
