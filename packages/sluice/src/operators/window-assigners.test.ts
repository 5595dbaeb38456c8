import { expect, test } from 'vitest'
import { EventTimeSessionWindows, SlidingEventTimeWindows, TumblingEventTimeWindows } from './window-assigners.ts'

const invalid = expect.objectContaining({ code: 'GRA1005' })

test('assigners are frozen plain data', () => {
  const assigners = [
    TumblingEventTimeWindows.of('1h', '-15m'),
    SlidingEventTimeWindows.of('1h', '5m', '1m'),
    EventTimeSessionWindows.withGap('30s'),
  ]
  expect(assigners).toEqual([
    { kind: 'tumbling', sizeMs: 3_600_000, offsetMs: -900_000 },
    { kind: 'sliding', sizeMs: 3_600_000, slideMs: 300_000, offsetMs: 60_000 },
    { kind: 'session', gapMs: 30_000 },
  ])
  expect(assigners.every((assigner) => Object.isFrozen(assigner))).toBe(true)
})

test('no offset is 0, never -0', () => {
  expect(Object.is(TumblingEventTimeWindows.of('1s', '-0s').offsetMs, 0)).toBe(true)
})

test('a length of zero is refused', () => {
  expect(() => TumblingEventTimeWindows.of('0ms')).toThrow(invalid)
  expect(() => SlidingEventTimeWindows.of('0s', '1s')).toThrow(invalid)
  expect(() => SlidingEventTimeWindows.of('1s', '0s')).toThrow(invalid)
  expect(() => EventTimeSessionWindows.withGap('0m')).toThrow(invalid)
})

test('a length that leaves no room for exact timestamps is refused', () => {
  expect(TumblingEventTimeWindows.of('1000000d').sizeMs).toBe(8.64e13)
  expect(() => TumblingEventTimeWindows.of('1000001d')).toThrow(invalid)
})

test('an offset is shorter than the size, or than the slide', () => {
  expect(TumblingEventTimeWindows.of('10ms', '9ms').offsetMs).toBe(9)
  expect(TumblingEventTimeWindows.of('10ms', '-9ms').offsetMs).toBe(-9)
  expect(() => TumblingEventTimeWindows.of('10ms', '10ms')).toThrow(invalid)
  expect(() => TumblingEventTimeWindows.of('10ms', '-10ms')).toThrow(invalid)
  expect(() => SlidingEventTimeWindows.of('10ms', '5ms', '5ms')).toThrow(invalid)
})

test('a record is in at most ten million sliding windows', () => {
  expect(SlidingEventTimeWindows.of('10000s', '1ms').slideMs).toBe(1)
  expect(() => SlidingEventTimeWindows.of('10001s', '1ms')).toThrow(invalid)
})

test('what is no duration is refused as such', () => {
  expect(() => TumblingEventTimeWindows.of('an hour')).toThrow(expect.objectContaining({ code: 'CFG1002' }))
  expect(() => TumblingEventTimeWindows.of('1h', '--5m')).toThrow(expect.objectContaining({ code: 'CFG1002' }))
})
