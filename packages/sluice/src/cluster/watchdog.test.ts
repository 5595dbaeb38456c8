import { expect, test } from 'vitest'
import { StillnessWatch } from './watchdog.ts'

const limits = { timeoutMs: 800, lookIntervalMs: 100 }

/** Looks every 100 ms at a pulse that never moves. */
function stillAfter(looks: number): number | undefined {
  const watch = new StillnessWatch(limits)
  let still: number | undefined
  for (let at = 0; at <= looks; at++) still = watch.look(7, 1000 + at * 100)
  return still
}

test('a pulse that stands still for the whole timeout is reported with its time', () => {
  expect(stillAfter(7)).toBeUndefined()
  expect(stillAfter(8)).toBe(800)
})

test('a pulse that moves begins the time anew', () => {
  const watch = new StillnessWatch(limits)
  for (let at = 0; at < 100; at++) expect(watch.look(Math.floor(at / 7), at * 100)).toBeUndefined()
})

test('time in which the looker stood still counts as two looks at most', () => {
  const watch = new StillnessWatch(limits)
  watch.look(7, 0)
  expect(watch.look(7, 3_600_000)).toBeUndefined()
  expect(watch.look(7, 3_600_100)).toBeUndefined()
})
