/** Keyed process functions before the first record and behind the last one, and their state that belongs to no key. */
import { expect, test } from 'vitest'
import { operatorContext } from '../../test/operator-context.ts'
import { average } from '../api/aggregates.ts'
import { aggregatingState, reducingState, valueState } from '../state/descriptors.ts'
import { unionListState } from '../state/operator-descriptors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, record, watermark } from '../testing/operator-script.ts'
import { keyedProcessOperator } from './keyed-process.ts'

type Reading = readonly [device: string, value: number]

const keyBy = ([device]: Reading): string => device
const reading = (device: string, value: number, timestamp = value): ReturnType<typeof record> =>
  record([device, value], timestamp)

test('reducing and aggregating state are kept per key', async () => {
  const statistics = keyedProcessOperator({
    keySelector: keyBy,
    state: {
      highest: reducingState<number>('highest', (a, b) => Math.max(a, b)),
      mean: aggregatingState(
        'mean',
        average((value: number) => value),
      ),
    },
    onRecord([, value]: Reading, ctx) {
      ctx.state.highest.add(value)
      ctx.state.mean.add(value)
      ctx.emit([ctx.key, ctx.state.highest.get(), ctx.state.mean.get()])
    },
  })
  const output = await testOperator(statistics, [reading('a', 4), reading('b', 1), reading('a', 2)], { keyBy })
  expect(output.values).toEqual([['a', 4, 4], ['b', 1, 1], ['a', 4, 3]]) // prettier-ignore
})

test('operator state of a keyed function is handed out anew when it is rescaled, and open makes of it what the function needs', async () => {
  const remembering = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    operatorState: { seen: unionListState<Reading>('seen') },
    open(ctx) {
      const { seen } = ctx.operatorState
      seen.update([...new Map(seen.get().map((one) => [one.join(), one])).values()])
    },
    onRecord(one: Reading, ctx) {
      ctx.operatorState.seen.add(one)
      ctx.emit(ctx.operatorState.seen.get().filter(([device]) => device === ctx.key).length)
    },
  })
  const script = Array.from({ length: 24 }, (_, index) => reading(`device ${index % 5}`, index))
  const output = await testOperator(remembering, script, { keyBy })
  expect(output.values).toEqual(script.map((_, index) => Math.floor(index / 5) + 1))
})

test('onEnd comes behind the last timer and can emit, but has no key', async () => {
  const ending = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_one: Reading, ctx) {
      ctx.registerEventTimeTimer(1000)
    },
    onTimer: (timestampMs, ctx) => ctx.emit(timestampMs),
    onEnd: (ctx) => ctx.sideOutput('end', ctx.currentWatermark()),
  })
  const output = await testOperator(ending, [reading('a', 1), watermark(5), endOfInput()], { keyBy })
  expect(output.values).toEqual([1000])
  expect(output.sideOutput('end')).toContainEqual({ value: Number.MAX_SAFE_INTEGER, timestamp: NO_TIMESTAMP })
})

test('state in open or onEnd belongs to no key, and is refused', async () => {
  const state = { last: valueState<number>('last') }
  const early = keyedProcessOperator({
    keySelector: keyBy,
    state,
    open: (ctx) => (ctx as unknown as { state: { last: { value(): unknown } } }).state.last.value(),
    onRecord(_one: Reading) {},
  })
  const late = keyedProcessOperator({
    keySelector: keyBy,
    state,
    onRecord: ([, value]: Reading, ctx) => ctx.state.last.update(value),
    onEnd: (ctx) => void (ctx as unknown as { state: { last: { value(): unknown } } }).state.last.value(),
  })
  for (const operator of [early, late])
    await expect(testOperator(operator, [reading('a', 1), endOfInput()], { keyBy })).rejects.toMatchObject({
      code: 'STA1001',
      context: { operator: 'operator' },
    })
})

test('a counter is one for its name, and counts in records, timers and the end', async () => {
  const counting = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    onRecord(_one: Reading, ctx) {
      ctx.counter('calls').add(1)
      ctx.registerEventTimeTimer(ctx.timestamp)
    },
    onTimer: (_timestampMs, ctx) => ctx.counter('calls').add(10),
  })
  const output = await testOperator(counting, [reading('a', 1), reading('b', 1), watermark(1)], { keyBy })
  expect(output.counters).toEqual({ calls: 22 })
})

test('what open throws fails the task, and the function is closed all the same, once', async () => {
  let closedCount = 0
  const failing = keyedProcessOperator({
    keySelector: keyBy,
    state: {},
    open() {
      throw new RangeError('no connection')
    },
    onRecord(_one: Reading) {},
    close: () => void closedCount++,
  }).create()
  const message = expect.stringContaining('threw: no connection. The subtask did not start')
  expect(() => failing.open(operatorContext())).toThrow(expect.objectContaining({ code: 'TSK1001', message }))
  await failing.close()
  await failing.close()
  expect(closedCount).toBe(1)
})
