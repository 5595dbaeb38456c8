import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ObservationWindow } from './observation-window.ts'

function windowOf(size: number, values: readonly number[]): ObservationWindow {
  const window = new ObservationWindow(size)
  for (const value of values) window.observe(value)
  return window
}

describe('a window of observations', () => {
  test('is empty at first, and says so', () => {
    expect(windowOf(4, []).summary()).toEqual({
      count: 0,
      sum: 0,
      min: NaN,
      max: NaN,
      mean: NaN,
      p50: NaN,
      p95: NaN,
      p99: NaN,
    })
  })

  test('quantiles are values that were observed', () => {
    const values = Array.from({ length: 100 }, (_, n) => 100 - n)
    expect(windowOf(100, values).summary()).toEqual({
      count: 100,
      sum: 5050,
      min: 1,
      max: 100,
      mean: 50.5,
      p50: 50,
      p95: 95,
      p99: 99,
    })
  })

  test('the oldest fall out of the quantiles and stay in count and sum', () => {
    expect(windowOf(2, [1000, 3, 1]).summary()).toEqual({
      count: 3,
      sum: 1004,
      min: 1,
      max: 3,
      mean: 2,
      p50: 1,
      p95: 3,
      p99: 3,
    })
  })

  test('for any observations: min ≤ p50 ≤ p95 ≤ p99 ≤ max, all of the newest', () => {
    const numbers = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), numbers, (size, values) => {
        const { min, p50, p95, p99, max } = windowOf(size, values).summary()
        const newest = values.slice(-size)
        const ordered = [min, p50, p95, p99, max]
        expect(ordered).toEqual([...ordered].sort((a, b) => a - b))
        for (const value of ordered) expect(newest.some((one) => one === value)).toBe(true)
        expect([min + 0, max + 0]).toEqual([Math.min(...newest) + 0, Math.max(...newest) + 0])
      }),
    )
  })
})
