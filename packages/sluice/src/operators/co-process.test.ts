import { expect, test } from 'vitest'
import { listState, valueState } from '../state/descriptors.ts'
import { MIN_WATERMARK, NO_TIMESTAMP } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, secondRecord, watermark } from '../testing/operator-script.ts'
import { keyedCoProcessOperator } from './co-keyed-process.ts'
import { coProcessOperator } from './co-process.ts'
import { outputTag } from './output-tag.ts'

interface Order {
  readonly id: string
  readonly item: string
}

interface Payment {
  readonly orderId: string
  readonly amount: number
}

const order = (id: string, item: string): Order => ({ id, item })
const payment = (orderId: string, amount: number): Payment => ({ orderId, amount })
const keys = { keyBy: (one: Order) => one.id, secondKeyBy: (one: Payment) => one.orderId }
const selectors = { firstKey: (one: Order) => one.id, secondKey: (one: Payment) => one.orderId }

const matchState = { order: valueState<Order>('order'), payments: listState<number>('payments') }

const matching = keyedCoProcessOperator<Order, Payment, string, typeof matchState, string>({
  ...selectors,
  state: matchState,
  onFirst(value, ctx) {
    ctx.state.order.update(value)
    for (const amount of ctx.state.payments.get()) ctx.emit(`${value.item} ${amount}`)
    ctx.state.payments.clear()
  },
  onSecond({ amount }, ctx) {
    const known = ctx.state.order.value()
    if (known === undefined) ctx.state.payments.add(amount)
    else ctx.emit(`${known.item} ${amount}`)
  },
})

test('both inputs see the same state of their key', async () => {
  const output = await testOperator(
    matching,
    [
      secondRecord(payment('a', 5), 1),
      record(order('b', 'bread'), 2),
      secondRecord(payment('b', 6), 3),
      record(order('a', 'apple'), 4),
      secondRecord(payment('a', 7), 5),
      secondRecord(payment('c', 8), 6),
    ],
    keys,
  )
  expect(output.records).toEqual([
    { value: 'bread 6', timestamp: 3 },
    { value: 'apple 5', timestamp: 4 },
    { value: 'apple 7', timestamp: 5 },
  ])
  expect(output.keysLeft).toBe(3)
})

test('timers registered for records of either input fire once, with their key', async () => {
  const reminding = keyedCoProcessOperator({
    ...selectors,
    state: {},
    onFirst(_order: Order, ctx) {
      ctx.registerEventTimeTimer(20)
    },
    onSecond(_payment: Payment, ctx) {
      ctx.registerEventTimeTimer(20)
      ctx.registerProcessingTimeTimer(50)
    },
    onTimer(timestampMs, ctx) {
      ctx.emit(`${ctx.key} ${timestampMs} ${String(ctx.timeDomain)}`)
    },
  })
  const output = await testOperator(
    reminding,
    [record(order('a', ''), 1), secondRecord(payment('a', 1), 2), watermark(19), watermark(30), processingTime(60)],
    keys,
  )
  expect(output.records).toEqual([
    { value: 'a 20 event', timestamp: 20 },
    { value: 'a 50 processing', timestamp: NO_TIMESTAMP },
  ])
  expect(output.keysLeft).toBe(0)
})

test('a timer without onTimer is refused', async () => {
  const forgetful = keyedCoProcessOperator({
    ...selectors,
    state: {},
    onFirst() {},
    onSecond(_payment: Payment, ctx) {
      ctx.registerEventTimeTimer(20)
    },
  })
  await expect(testOperator(forgetful, [secondRecord(payment('a', 1), 2)], keys)).rejects.toMatchObject({
    code: 'GRA1005',
  })
})

test('what a function throws says which of the two it was, and of which key the record was', async () => {
  const failing = keyedCoProcessOperator({
    ...selectors,
    state: {},
    onFirst() {},
    onSecond() {
      throw new RangeError('boom')
    },
  })
  await expect(testOperator(failing, [secondRecord(payment('a', 1), 2)], keys)).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('the onSecond function of operator "operator" threw: boom. The record of key "a"'),
  })
})

test('two states of one name are refused when the job is built', () => {
  const state = { first: valueState<number>('n'), second: listState<number>('n') }
  expect(() => keyedCoProcessOperator({ ...selectors, state, onFirst() {}, onSecond() {} })).toThrow(
    expect.objectContaining({ code: 'GRA1006' }),
  )
})

test('without keys both functions see the watermark and write to side outputs', async () => {
  const side = outputTag<string>('side')
  const spec = coProcessOperator<string, number, string>({
    onFirst(value, ctx) {
      ctx.emit(`${value} ${ctx.currentWatermark()}`)
      ctx.sideOutput(side, value)
    },
    onSecond(value, ctx) {
      ctx.emitWithTimestamp(`${value} ${ctx.currentWatermark()}`, 99)
      ctx.sideOutput('other', value, 98)
    },
  })
  const output = await testOperator(spec, [
    record('a', 1),
    watermark(5),
    secondRecord(7, 6),
    record('b', 7),
    endOfInput(),
  ])
  expect(output.records).toEqual([
    { value: `a ${MIN_WATERMARK}`, timestamp: 1 },
    { value: '7 5', timestamp: 99 },
    { value: 'b 5', timestamp: 7 },
  ])
  expect(output.sideOutput('side').map(({ value }) => value)).toEqual(['a', 'b'])
  expect(output.sideOutput('other')).toEqual([{ value: 7, timestamp: 98 }])
})
