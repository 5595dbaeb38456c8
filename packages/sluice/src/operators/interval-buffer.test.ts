import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { dropUntil, insertByTime, placeFrom, type IntervalBuffer } from './interval-buffer.ts'

const bufferOf = (timestamps: readonly number[]): IntervalBuffer<number> => {
  const buffer: IntervalBuffer<number> = { timerAt: 0, times: [], values: [] }
  for (const [index, timestamp] of timestamps.entries()) insertByTime(buffer, index, timestamp)
  return buffer
}

test('a buffer is sorted by time, and by arrival within one time', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 5 })), fc.integer({ min: -7, max: 7 }), (timestamps, bound) => {
      const sorted = timestamps.map((time, index) => ({ time, index })).sort((a, b) => a.time - b.time)
      const buffer = bufferOf(timestamps)
      expect(buffer.times).toEqual(sorted.map(({ time }) => time))
      expect(buffer.values).toEqual(sorted.map(({ index }) => index))
      expect(placeFrom(buffer.times, bound)).toBe(sorted.filter(({ time }) => time < bound).length)
      dropUntil(buffer, bound)
      expect(buffer.values).toEqual(sorted.filter(({ time }) => time > bound).map(({ index }) => index))
      expect(buffer.times).toHaveLength(buffer.values.length)
    }),
  )
})

test('finding the records of an interval does not look at the others', () => {
  const times = Array.from({ length: 1_000_000 }, (_, index) => index)
  let lookCount = 0
  const counted = new Proxy(times, {
    get: (target, name, receiver) => {
      if (name !== 'length') lookCount++
      return Reflect.get(target, name, receiver) as unknown
    },
  })
  expect(placeFrom(counted, 999_000)).toBe(999_000)
  expect(lookCount).toBeLessThanOrEqual(20)
})
