import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TIMESTAMP_LIMIT_MS, WINDOW_LENGTH_MAX_MS } from './event-time.ts'
import { windowIndex } from './window-index.ts'

const slideOf = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: WINDOW_LENGTH_MAX_MS }))
const timestampOf = fc.integer({ min: -TIMESTAMP_LIMIT_MS, max: TIMESTAMP_LIMIT_MS })

test('the start is what the remainder of whole numbers gives, over the whole range of timestamps', () => {
  fc.assert(
    fc.property(timestampOf, slideOf, fc.double({ min: -1, max: 1, noNaN: true }), (timestamp, slideMs, share) => {
      const offsetMs = Math.trunc(share * (slideMs - 1))
      expect(windowStart(timestamp, offsetMs, slideMs)).toBe(exactStart(timestamp, offsetMs, slideMs))
    }),
    { numRuns: 2000 },
  )
})

test('timestamps at and beside a border belong to the right window, however far from 1970', () => {
  fc.assert(
    fc.property(timestampOf, slideOf, fc.constantFrom(-1, 0, 1), (near, slideMs, beside) => {
      const border = exactStart(near, 0, slideMs)
      const timestamp = Math.max(-TIMESTAMP_LIMIT_MS, border + beside)
      expect(windowStart(timestamp, 0, slideMs)).toBe(exactStart(timestamp, 0, slideMs))
    }),
    { numRuns: 2000 },
  )
})

function windowStart(timestamp: number, offsetMs: number, slideMs: number): number {
  return windowIndex(timestamp, offsetMs, slideMs) * slideMs + offsetMs
}

function exactStart(timestamp: number, offsetMs: number, slideMs: number): number {
  const remainder = (BigInt(timestamp) - BigInt(offsetMs)) % BigInt(slideMs)
  return Number(BigInt(timestamp) - (remainder < 0n ? remainder + BigInt(slideMs) : remainder))
}
