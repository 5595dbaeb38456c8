import { expect, test } from 'vitest'
import { listState, mapState, valueState } from '../state/descriptors.ts'
import { MIN_WATERMARK, NO_TIMESTAMP } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark } from '../testing/operator-script.ts'
import { keyedProcessOperator } from './keyed-process.ts'
import { outputTag } from './output-tag.ts'

interface Click {
  readonly user: string
  readonly page: string
}

const keyBy = (click: Click): string => click.user
const click = (user: string, page: string): Click => ({ user, page })

test('state of all kinds is kept per key', async () => {
  const counting = keyedProcessOperator({
    keySelector: keyBy,
    state: {
      count: valueState<number>('count', 0),
      pages: listState<string>('pages'),
      visits: mapState<string, number>('visits'),
    },
    onRecord({ page }, ctx) {
      ctx.state.count.update((ctx.state.count.value() ?? 0) + 1)
      ctx.state.pages.add(page)
      ctx.state.visits.put(page, (ctx.state.visits.get(page) ?? 0) + 1)
      ctx.emit({
        key: ctx.key,
        count: ctx.state.count.value(),
        pages: [...ctx.state.pages.get()],
        visits: ctx.state.visits.get(page),
      })
    },
  })
  const output = await testOperator(
    counting,
    [record(click('u', 'a'), 1), record(click('v', 'a'), 2), record(click('u', 'b'), 3), record(click('u', 'a'), 4)],
    { keyBy },
  )
  expect(output.values).toEqual([
    { key: 'u', count: 1, pages: ['a'], visits: 1 },
    { key: 'v', count: 1, pages: ['a'], visits: 1 },
    { key: 'u', count: 2, pages: ['a', 'b'], visits: 1 },
    { key: 'u', count: 3, pages: ['a', 'b', 'a'], visits: 2 },
  ])
})

test('event-time timers fire in order of time before the watermark goes on, also those that a timer registers', async () => {
  const reminding = keyedProcessOperator<Click, string, object & Record<string, never>, string>({
    keySelector: keyBy,
    state: {},
    onRecord(_click, ctx) {
      ctx.registerEventTimeTimer(ctx.timestamp + 10)
      ctx.registerEventTimeTimer(ctx.timestamp + 10)
      ctx.registerEventTimeTimer(ctx.timestamp + 5)
    },
    onTimer(timestamp, ctx) {
      ctx.emit(`${ctx.key} ${timestamp} ${ctx.timeDomain ?? 'none'} ${ctx.currentWatermark()}`)
      if (timestamp === 15) ctx.registerEventTimeTimer(17)
    },
  })
  const output = await testOperator(
    reminding,
    [record(click('u', ''), 10), watermark(12), watermark(19), endOfInput()],
    { keyBy },
  )
  expect(output.records).toEqual([
    { value: 'u 15 event 19', timestamp: 15 },
    { value: 'u 17 event 19', timestamp: 17 },
    { value: `u 20 event ${Number.MAX_SAFE_INTEGER}`, timestamp: 20 },
  ])
  expect(output.keysLeft).toBe(0)
})

test('processing-time timers fire when their time has come, without a timestamp', async () => {
  const waiting = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_click: Click, ctx) {
      ctx.registerProcessingTimeTimer(ctx.processingTimeMs() + 100)
    },
    onTimer(timestamp, ctx) {
      ctx.emit({ key: ctx.key, timestamp, now: ctx.processingTimeMs(), domain: ctx.timeDomain })
    },
  })
  const output = await testOperator(
    waiting,
    [
      processingTime(50),
      record(click('u', ''), 1),
      processingTime(100),
      record(click('v', ''), 1),
      processingTime(149),
      processingTime(160),
      processingTime(300),
    ],
    { keyBy },
  )
  expect(output.records).toEqual([
    { value: { key: 'u', timestamp: 150, now: 160, domain: 'processing' }, timestamp: NO_TIMESTAMP },
    { value: { key: 'v', timestamp: 200, now: 300, domain: 'processing' }, timestamp: NO_TIMESTAMP },
  ])
})

test('a deleted timer does not fire', async () => {
  const fickle = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord({ page }: Click, ctx) {
      if (page === 'register') {
        ctx.registerEventTimeTimer(100)
        ctx.registerProcessingTimeTimer(100)
      } else {
        ctx.deleteEventTimeTimer(100)
        ctx.deleteProcessingTimeTimer(100)
      }
    },
    onTimer(_timestamp, ctx) {
      ctx.emit(ctx.key)
    },
  })
  const script = [
    record(click('u', 'register'), 1),
    record(click('v', 'register'), 1),
    record(click('u', 'delete'), 2),
    processingTime(100),
    watermark(100),
  ]
  const output = await testOperator(fickle, script, { keyBy })
  expect(output.values).toEqual(['v', 'v'])
  expect(output.keysLeft).toBe(0)
})

test('a timer in the past fires at the next watermark', async () => {
  const past = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_click: Click, ctx) {
      ctx.registerEventTimeTimer(5)
    },
    onTimer(timestamp, ctx) {
      ctx.emit(timestamp)
    },
  })
  const output = await testOperator(
    past,
    [watermark(10), record(click('u', ''), 11), record(click('u', ''), 11), watermark(11)],
    { keyBy },
  )
  expect(output.records).toEqual([{ value: 5, timestamp: 5 }])
})

test('the watermark is known from the first record on, and after a restore', async () => {
  const asking = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_click: Click, ctx) {
      ctx.emit(ctx.currentWatermark())
    },
  })
  const output = await testOperator(
    asking,
    [record(click('u', ''), 1), watermark(7), record(click('v', ''), 8), record(click('u', ''), 8)],
    { keyBy },
  )
  expect(output.values).toEqual([MIN_WATERMARK, 7, 7])
})

test('side outputs take records by tag or name, with the timestamp of the record or another', async () => {
  const late = outputTag<Click>('late')
  const splitting = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(value: Click, ctx) {
      ctx.sideOutput(late, value)
      ctx.sideOutput('other', value.page, 99)
      ctx.emitWithTimestamp(value.user, 98)
    },
  })
  const output = await testOperator(splitting, [record(click('u', 'a'), 1)], { keyBy })
  expect(output.sideOutput('late')).toEqual([{ value: click('u', 'a'), timestamp: 1 }])
  expect(output.sideOutput('other')).toEqual([{ value: 'a', timestamp: 99 }])
  expect(output.records).toEqual([{ value: 'u', timestamp: 98 }])
})

test('an asynchronous function is refused', async () => {
  const asynchronous = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord: (): unknown => Promise.resolve(),
  })
  await expect(testOperator(asynchronous, [record(click('u', 'a'), 1)], { keyBy })).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('returned a promise'),
  })
})

test('a timer without onTimer is refused', async () => {
  const forgetful = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_click: Click, ctx) {
      ctx.registerEventTimeTimer(5)
    },
  })
  await expect(testOperator(forgetful, [record(click('u', 'a'), 1)], { keyBy })).rejects.toMatchObject({
    code: 'GRA1005',
  })
})

test('a timer at no whole number of milliseconds is refused', async () => {
  const fractional = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_click: Click, ctx) {
      ctx.registerEventTimeTimer(ctx.timestamp + 0.5)
    },
    onTimer() {},
  })
  await expect(testOperator(fractional, [record(click('u', 'a'), 1)], { keyBy })).rejects.toMatchObject({
    code: 'TIM1001',
    message: expect.stringContaining('a timer of operator "operator" has 1.5'),
  })
})

test('two states of one name are refused when the job is built', () => {
  const twice = { first: valueState<number>('n'), second: listState<number>('n') }
  expect(() => keyedProcessOperator({ keySelector: keyBy, state: twice, onRecord() {} })).toThrow(
    expect.objectContaining({ code: 'GRA1006' }),
  )
})

test('what onTimer throws says which timer it was, of which key', async () => {
  const failing = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_click: Click, ctx) {
      ctx.registerEventTimeTimer(5)
    },
    onTimer() {
      throw new RangeError('boom')
    },
  })
  await expect(testOperator(failing, [record(click('u', 'a'), 1), watermark(5)], { keyBy })).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining(
      'onTimer function of operator "operator" threw: boom. The event-time timer at 1970-01-01T00:00:00.005Z of key "u" was not handled',
    ),
  })
})

test('what onRecord throws says of which key the record was', async () => {
  const failing = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord() {
      throw new RangeError('boom!')
    },
  })
  await expect(testOperator(failing, [record(click('u', 'a'), 1)], { keyBy })).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('threw: boom! The record of key "u" was not processed'),
  })
})
