import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Random } from '../base/env.ts'
import { seededRandom } from '../base/random.ts'
import type { ExponentialDelayOptions } from '../config/options.ts'
import { NO_FAILURES, type RestartStrategy, type RestartVerdict, decide } from './restart-strategy.ts'

const MIDDLE: Random = { u32: () => 0x80000000, fraction: () => 0.5 }

const EXPONENTIAL: ExponentialDelayOptions = {
  strategy: 'exponential-delay',
  initialMs: 1000,
  maxMs: 60_000,
  multiplier: 1.5,
  jitter: 0.1,
  resetAfterMs: 3_600_000,
  attemptsMax: 'unlimited',
}

/** The verdicts for failures at these moments, in words: delay, `merged` or `give-up`. */
function verdicts(strategy: RestartStrategy, moments: readonly number[], random: Random = MIDDLE): (number | string)[] {
  let state = NO_FAILURES
  return moments.map((nowMs) => {
    const decision = decide(strategy, state, { nowMs, random })
    state = decision.state
    return words(decision.verdict, nowMs)
  })
}

function words(verdict: RestartVerdict, nowMs: number): number | string {
  return verdict.kind === 'restart' ? verdict.restartAtMs - nowMs : verdict.kind
}

/** A failure right after every restart. */
function delaysInARow(strategy: RestartStrategy, count: number, random: Random = MIDDLE): number[] {
  let state = NO_FAILURES
  let nowMs = 0
  return Array.from({ length: count }, () => {
    const decision = decide(strategy, state, { nowMs, random })
    state = decision.state
    const delayMs = state.restartAtMs - nowMs
    nowMs = state.restartAtMs + 1
    return delayMs
  })
}

describe('none', () => {
  test('gives up at the first failure', () => {
    expect(verdicts({ strategy: 'none' }, [0])).toEqual(['give-up'])
  })
})

describe('fixed delay', () => {
  test('restarts attemptsMax times after the same delay, then gives up', () => {
    const strategy = { strategy: 'fixed-delay', attemptsMax: 2, delayMs: 500 } as const
    expect(verdicts(strategy, [0, 10_000, 9_999_999])).toEqual([500, 500, 'give-up'])
  })

  test('with no attempts gives up at once, and unlimited never does', () => {
    expect(verdicts({ strategy: 'fixed-delay', attemptsMax: 0, delayMs: 1 }, [0])).toEqual(['give-up'])
    const unlimited = { strategy: 'fixed-delay', attemptsMax: 'unlimited', delayMs: 1 } as const
    expect(new Set(delaysInARow(unlimited, 1000))).toEqual(new Set([1]))
  })
})

describe('failure rate', () => {
  const strategy = { strategy: 'failure-rate', failuresMax: 2, failureIntervalMs: 100, delayMs: 7 } as const

  test.each([
    { moments: [0, 50, 100], expected: [7, 7, 'give-up'] },
    { moments: [0, 50, 101], expected: [7, 7, 7] },
    { moments: [0, 50, 101, 150], expected: [7, 7, 7, 'give-up'] },
    { moments: [0, 50, 101, 151], expected: [7, 7, 7, 7] },
  ])('failures at $moments give $expected', ({ moments, expected }) => {
    expect(verdicts(strategy, moments)).toEqual(expected)
  })

  test('gives up exactly when more than failuresMax failures fall into one interval', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 40 }), (gaps) => {
        const moments = gaps.map((_, at) => gaps.slice(0, at + 1).reduce((sum, gap) => sum + gap, 0))
        const actual = verdicts(strategy, moments)
        const expected = moments.map((now, at) => {
          const recent = moments.slice(0, at + 1).filter((moment) => now - moment <= strategy.failureIntervalMs)
          return recent.length > strategy.failuresMax ? 'give-up' : 7
        })
        expect(actual).toEqual(expected)
      }),
    )
  })
})

describe('exponential delay', () => {
  test('grows by the multiplier up to the limit', () => {
    const expected = [1000, 1500, 2250, 3375, 5062, 7593, 11_390, 17_085, 25_628, 38_443, 57_665, 60_000, 60_000]
    expect(delaysInARow({ ...EXPONENTIAL, jitter: 0 }, 13)).toEqual(expected)
  })

  test('merges failures up to the planned restart and counts the first one behind it', () => {
    expect(verdicts({ ...EXPONENTIAL, jitter: 0 }, [0, 1, 1000, 1001])).toEqual([1000, 'merged', 'merged', 1500])
  })

  test('starts over after the reset time without a failure', () => {
    const strategy = { ...EXPONENTIAL, jitter: 0, resetAfterMs: 10_000 }
    expect(verdicts(strategy, [0, 1001, 2501 + 9_999])).toEqual([1000, 1500, 2250])
    expect(verdicts(strategy, [0, 1001, 2501 + 10_000])).toEqual([1000, 1500, 1000])
  })

  test('gives up when the attempts since the last reset are used up', () => {
    const strategy = { ...EXPONENTIAL, jitter: 0, attemptsMax: 2, resetAfterMs: 50_000 }
    expect(verdicts(strategy, [0, 2000, 60_000, 70_000, 80_000])).toEqual([1000, 1500, 1000, 1500, 'give-up'])
  })

  test('stays between its limits whatever the random numbers, the multiplier and the count (R1)', () => {
    const options = fc.record({
      initialMs: fc.integer({ min: 1, max: 100_000 }),
      maxMs: fc.integer({ min: 1, max: 1_000_000 }),
      multiplier: fc.double({ min: 1, max: 100, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(options, fc.integer(), fc.integer({ min: 1, max: 600 }), (given, seed, count) => {
        for (const delayMs of delaysInARow({ ...EXPONENTIAL, ...given }, count, seededRandom(seed))) {
          expect(Number.isInteger(delayMs)).toBe(true)
          expect(delayMs).toBeGreaterThanOrEqual(given.initialMs)
          expect(delayMs).toBeLessThanOrEqual(Math.max(given.initialMs, given.maxMs))
        }
      }),
      { numRuns: 50 },
    )
  })

  test('jitter reaches both ends of its range', () => {
    const strategy = { ...EXPONENTIAL, initialMs: 10, multiplier: 10 }
    const second = (fraction: number): number | undefined =>
      delaysInARow(strategy, 2, { u32: () => 0, fraction: () => fraction })[1]
    expect([second(0), second(0.5), second(0.999999)]).toEqual([90, 100, 110])
  })
})
