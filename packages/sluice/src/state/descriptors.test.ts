import { expect, test } from 'vitest'
import { average, count } from '../api/aggregates.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from './descriptors.ts'
import { broadcastState, operatorListState, unionListState } from './operator-descriptors.ts'
import type { StateTtlConfig } from './time-to-live.ts'

test('a time to live is plain data with all its defaults', () => {
  expect(valueState('v', 0, { ttl: '1h' })).toEqual({
    kind: 'value',
    name: 'v',
    defaultValue: 0,
    ttl: {
      afterMs: 3_600_000,
      time: 'processing',
      refresh: 'on-create-and-write',
      visibility: 'never-return-expired',
      lookCount: 5,
    },
  })
  const config: StateTtlConfig = {
    after: '2s',
    time: 'event',
    refresh: 'on-read-and-write',
    visibility: 'return-until-cleaned',
    cleanup: { incrementally: 'off' },
  }
  const states = [listState('s', { ttl: config }), mapState('s', { ttl: config }), reducingState('s', Math.max, { ttl: config }), aggregatingState('s', count(), { ttl: config })] // prettier-ignore
  for (const { ttl } of states)
    expect(ttl).toEqual({ ...config, after: undefined, cleanup: undefined, afterMs: 2000, lookCount: 0 })
})

test('declarations are frozen, and without a time to live they say nothing about one', () => {
  const states = [valueState('s'), listState('s'), mapState('s'), reducingState('s', Math.max), aggregatingState('s', average(Number)), operatorListState('s'), unionListState('s'), broadcastState('s')] // prettier-ignore
  for (const state of states) {
    expect(Object.isFrozen(state)).toBe(true)
    expect(state).not.toHaveProperty('ttl')
  }
})

test.each([
  [{ after: '0s' }, /would have expired when it is written/],
  [{ after: '1000001d' }, /would outlive the range of time/],
  [{ after: '1h', time: 'wall' }, /time in the time to live of state "s" is "wall".*"processing" or "event"/],
  [{ after: '1h', refresh: 'never' }, /refresh .* is "never"/],
  [{ after: '1h', visibility: 'always' }, /visibility .* is "always"/],
  [{ after: '1h', cleanup: { incrementally: 0 } }, /looks at 0 keys/],
  [{ after: '1h', cleanup: { incrementally: 1.5 } }, /looks at 1.5 keys/],
])('%j is no time to live', (ttl, message) => {
  expect(() => valueState('s', 0, { ttl: ttl as StateTtlConfig })).toThrow(
    expect.objectContaining({ code: 'STA1003', message: expect.stringMatching(message) }),
  )
})

test('a time to live without a unit is refused', () => {
  expect(() => valueState('s', 0, { ttl: '60' })).toThrow(
    expect.objectContaining({ code: 'CFG1002', message: expect.stringContaining('time to live of state "s"') }),
  )
})

test('states have names, and folding states have their functions', () => {
  const nothing = undefined as never
  const declarations = [
    () => valueState(''),
    () => mapState(nothing),
    () => operatorListState(''),
    () => reducingState('s', nothing),
    () => aggregatingState('s', nothing),
    () => aggregatingState('s', { ...average(Number), getResult: nothing }),
  ]
  for (const declare of declarations) expect(declare).toThrow(expect.objectContaining({ code: 'STA1003' }))
})
