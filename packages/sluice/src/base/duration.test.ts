import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

describe('a duration', () => {
  test('is a whole number and a unit', () => {
    expect(['250ms', '30s', '5m', '2h', '1d', ' 7 s '].map((text) => parseDuration(text))).toEqual([
      250, 30_000, 300_000, 7_200_000, 86_400_000, 7000,
    ])
  })

  test.each(['', '5', 'ms', '1.5s', '-1s', '1w', '1h30m', '0x1s', '9007199254740993ms', '999999999999d'])(
    'is not %j',
    (text) => {
      expect(() => parseDuration(text, 'checkpoint.interval')).toThrow(/checkpoint\.interval .* is not a duration/)
    },
  )

  test('comes back as it was written', () => {
    fc.assert(fc.property(fc.nat(1_000_000_000), (ms) => parseDuration(formatDuration(ms)) === ms))
    expect([0, 1500, 7_200_000, 172_800_000].map(formatDuration)).toEqual(['0ms', '1500ms', '2h', '2d'])
  })
})
