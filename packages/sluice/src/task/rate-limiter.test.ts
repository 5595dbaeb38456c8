import { expect, test } from 'vitest'
import { RateLimiter } from './rate-limiter.ts'

test('lets through what has gathered, a tenth of a second of it at the most', () => {
  const rate = new RateLimiter(100, 0)
  expect(rate.available(50)).toBe(5)
  rate.take(5)
  expect([rate.available(55), rate.freeAtMs(55)]).toEqual([0, 60])
  expect(rate.available(5000)).toBe(10)
})

test('a reader that gave more than it was asked for waits until that is made up for', () => {
  const rate = new RateLimiter(10, 0)
  expect(rate.available(100)).toBe(1)
  rate.take(5)
  expect(rate.available(100)).toBe(0)
  expect(rate.freeAtMs(100)).toBe(600)
  expect(rate.available(599)).toBe(0)
  expect(rate.available(600)).toBe(1)
})
