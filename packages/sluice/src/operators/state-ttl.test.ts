/** State with a time to live inside an operator: its time is the operator's own, in every replay. */
import { expect, test } from 'vitest'
import { type StateOptions, listState, mapState, reducingState, valueState } from '../state/descriptors.ts'
import { testOperator } from '../testing/operator-harness.ts'
import {
  endOfInput,
  processingTime,
  record,
  secondRecord,
  watermark,
  type ScriptStep,
} from '../testing/operator-script.ts'
import { keyedBroadcastProcessOperator } from './broadcast-keyed-process.ts'
import { keyedProcessOperator } from './keyed-process.ts'
import type { OperatorSpec } from './operator.ts'

interface Seen {
  readonly user: string
  readonly page: string
}

const keyBy = ({ user }: Seen): string => user
const seen = (user: string, page: string, timestamp?: number): ScriptStep => record({ user, page }, timestamp)

/** Emits what of the key has not expired, then adds the page. */
function pagesWith(options: StateOptions): OperatorSpec {
  return keyedProcessOperator({
    keySelector: keyBy,
    state: {
      last: valueState<string>('last', 'none', options),
      pages: listState<string>('pages', options),
      visits: mapState<string, number>('visits', options),
      count: reducingState<number>('count', (a, b) => a + b, options),
    },
    onRecord({ page }: Seen, ctx) {
      const { last, pages, visits, count } = ctx.state
      ctx.emit(`${last.value()} ${pages.get().join('')} ${[...visits.entries()].flat().join('')} ${count.get()}`)
      last.update(page)
      pages.add(page)
      visits.put(page, (visits.get(page) ?? 0) + 1)
      count.add(1)
    },
  })
}

test('in processing time, what was written too long ago is gone, in every way to run the script', async () => {
  const script = [
    seen('u', 'a'),
    seen('v', 'a'),
    processingTime(60),
    seen('u', 'b'),
    processingTime(100),
    seen('u', 'c'),
    processingTime(159),
    seen('v', 'd'),
    seen('u', 'd'),
    processingTime(1000),
    seen('w', 'e'),
  ]
  const output = await testOperator(pagesWith({ ttl: '100ms' }), script, { keyBy })
  expect(output.values).toEqual([
    'none   undefined',
    'none   undefined',
    'a a a1 1',
    'b b b1 2',
    'none   undefined',
    'c bc b1c1 3',
    'none   undefined',
  ])
  expect(output.keysLeft).toBe(1)
})

test('in event time, what a record wrote is there for every record within the time to live that is not late', async () => {
  const script = [
    seen('u', 'a', 100),
    watermark(120),
    seen('u', 'b', 190),
    watermark(199),
    seen('u', 'c', 205),
    watermark(200),
    seen('u', 'd', 206),
    seen('v', 'x', 207),
    watermark(305),
    seen('v', 'y', 306),
    watermark(500),
  ]
  const output = await testOperator(pagesWith({ ttl: { after: '100ms', time: 'event' } }), script, { keyBy })
  expect(output.values).toEqual([
    'none   undefined',
    'a a a1 1',
    'b ab a1b1 2',
    'c bc b1c1 3',
    'none   undefined',
    'x x x1 1',
  ])
  expect(output.keysLeft).toBe(0)
})

test('reading counts as use where it is asked for', async () => {
  const script = [0, 80, 160, 240, 341].flatMap((now) => [processingTime(now), seen('u', 'a')])
  const reading = keyedProcessOperator({
    keySelector: keyBy,
    state: { first: valueState<number>('first', undefined, { ttl: { after: '100ms', refresh: 'on-read-and-write' } }) },
    onRecord(_seen: Seen, ctx) {
      const first = ctx.state.first.value()
      if (first === undefined) ctx.state.first.update(ctx.processingTimeMs())
      ctx.emit(first)
    },
  })
  expect((await testOperator(reading, script, { keyBy })).values).toEqual([undefined, 0, 0, 0, undefined])
})

test('a timer still finds what its own time allows, however far the watermark jumps over it', async () => {
  const reminding = keyedProcessOperator({
    keySelector: keyBy,
    state: { page: valueState<string>('page', undefined, { ttl: { after: '100ms', time: 'event' } }) },
    onRecord({ page }: Seen, ctx) {
      ctx.state.page.update(page)
      ctx.registerEventTimeTimer(ctx.timestamp + 99)
      ctx.registerEventTimeTimer(ctx.timestamp + 100)
    },
    onTimer(timestamp, ctx) {
      ctx.emit(`${ctx.key} ${timestamp} ${ctx.state.page.value() ?? 'gone'}`)
    },
  })
  const script = [seen('u', 'a', 0), seen('v', 'b', 50), watermark(1000), seen('u', 'c', 2000), endOfInput()]
  const output = await testOperator(reminding, script, { keyBy })
  expect(output.values).toEqual(['u 99 a', 'u 100 gone', 'v 149 b', 'v 150 gone', 'u 2099 c', 'u 2100 gone'])
  expect(output.keysLeft).toBe(0)
})

test('with keys that never come back the operator ends up with those that live', async () => {
  const script = Array.from({ length: 400 }, (_, index) => [processingTime(index), seen(`user ${index}`, 'a')]).flat()
  const output = await testOperator(pagesWith({ ttl: '20ms' }), script, { keyBy })
  expect(output.keysLeft).toBe(20)
})

test('pairs of a map are in order of insertion, and one that had expired is a new one, whether or not it was still there', async () => {
  const spec = keyedProcessOperator({
    keySelector: keyBy,
    state: {
      visits: mapState<string, number>('visits', { ttl: { after: '10ms', cleanup: { incrementally: 'off' } } }),
    },
    onRecord({ page }: Seen, ctx) {
      ctx.state.visits.put(page, 1)
      if (page === 'a') return
      ctx.emit([...ctx.state.visits.entries()].map(([visited]) => visited).join(' '))
    },
  })
  const script = [seen('u', 'a'), processingTime(6), seen('u', 'b'), processingTime(11), seen('u', 'a'), seen('u', 'c')]
  const output = await testOperator(spec, script, { keyBy })
  expect(output.values).toEqual(['a b', 'b a c'])
})

test('visiting keys passes over what has expired, whether or not it is still there, and what visitors write stays', async () => {
  const spec = keyedBroadcastProcessOperator({
    keySelector: keyBy,
    state: {
      count: valueState<number>('count', 0, { ttl: '10ms' }),
      pages: listState<string>('pages', { ttl: '10ms' }),
    },
    broadcastState: {},
    onRecord: (_seen: Seen, ctx) => ctx.state.count.update(ctx.state.count.value() + 1),
    onBroadcast(_command: string, ctx) {
      ctx.applyToKeyedState('count', (user, count) => {
        ctx.emit(`${user} ${count.value()}`)
        count.clear()
        count.update(count.value() + 10)
      })
    },
  })
  const script = [
    ...['a', 'b', 'c', 'd'].map((user) => seen(user, 'p')),
    processingTime(6),
    ...['e', 'c', 'f'].map((user) => seen(user, 'p')),
    processingTime(12),
    secondRecord('all'),
    processingTime(15),
    secondRecord('all'),
    processingTime(40),
    secondRecord('all'),
  ]
  const output = await testOperator(spec, script, { keyBy })
  expect(output.values.map(String).sort()).toEqual(['c 10', 'c 2', 'e 1', 'e 10', 'f 1', 'f 10'])
  expect(output.keysLeft).toBe(0)
})
