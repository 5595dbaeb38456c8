import { describe, expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { reduceAggregate } from './reduce-aggregate.ts'
import { SlidingEventTimeWindows, TumblingEventTimeWindows, type WindowAssigner } from './window-assigners.ts'
import type { AggregateFunction, TimeWindow } from './window-definition.ts'
import { windowOperator } from './windows.ts'

interface Reading {
  readonly sensor: string
  readonly value: number
}

const keyBy = (reading: Reading): string => reading.sensor
const at = (timestamp: number, sensor = 'a', value = 1): ScriptStep => record({ sensor, value }, timestamp)

const sum: AggregateFunction<Reading, { sum: number }, number> = {
  createAccumulator: () => ({ sum: 0 }),
  add: ({ value }, accumulator) => {
    accumulator.sum += value
    return accumulator
  },
  getResult: (accumulator) => accumulator.sum,
}
const resultOf = (key: string, { start, end }: TimeWindow, result: number): string =>
  `${key} [${start}, ${end}) ${result}`
const tenMs = TumblingEventTimeWindows.of('10ms')
const sums = (assigner: WindowAssigner, options: { allowedLatenessMs?: number; lateTag?: string } = {}) =>
  windowOperator({ keySelector: keyBy, assigner, aggregate: sum, resultOf, ...options })

describe('tumbling windows', () => {
  test('a window gives one result per key, stamped with its last millisecond, when the watermark reaches it', async () => {
    const script = [
      at(0),
      at(9, 'a', 2),
      at(10, 'a', 4),
      at(3, 'b', 8),
      watermark(8),
      watermark(9),
      watermark(18),
      watermark(19),
    ]
    const output = await testOperator(sums(tenMs), script, { keyBy })
    expect(output.records).toEqual([
      { value: 'a [0, 10) 3', timestamp: 9 },
      { value: 'b [0, 10) 8', timestamp: 9 },
      { value: 'a [10, 20) 4', timestamp: 19 },
    ])
    expect(output.watermarks).toEqual([8, 9, 18, 19])
    expect(output.keysLeft).toBe(0)
  })

  test('the end of the input closes every window', async () => {
    const output = await testOperator(sums(tenMs), [at(5), at(1_000_000), endOfInput()], { keyBy })
    expect(output.values).toEqual(['a [0, 10) 1', 'a [1000000, 1000010) 1'])
    expect(output.keysLeft).toBe(0)
  })

  test('timestamps before 1970 and offsets fall into the right windows', async () => {
    const shifted = sums(TumblingEventTimeWindows.of('10ms', '-3ms'))
    const output = await testOperator(shifted, [at(-1), at(-3), at(-4), at(6), at(7), endOfInput()], { keyBy })
    expect(output.values).toEqual(['a [-13, -3) 1', 'a [-3, 7) 3', 'a [7, 17) 1'])
  })

  test('the ends of the range of timestamps have exact windows', async () => {
    const output = await testOperator(sums(tenMs), [at(-8.64e15), at(8.64e15), endOfInput()], { keyBy })
    expect(output.values).toEqual([
      'a [-8640000000000000, -8639999999999990) 1',
      'a [8640000000000000, 8640000000000010) 1',
    ])
  })

  test('accumulators that are plain values are kept', async () => {
    const counting = windowOperator({
      keySelector: keyBy,
      assigner: tenMs,
      aggregate: {
        createAccumulator: () => 0,
        add: (_reading: Reading, count: number) => count + 1,
        getResult: (count) => count,
      },
      resultOf,
    })
    expect((await testOperator(counting, [at(1), at(2), at(3), watermark(9)], { keyBy })).values).toEqual([
      'a [0, 10) 3',
    ])
  })

  test('a reduce function is an aggregate whose first record is its own result', async () => {
    const largest = windowOperator({
      keySelector: keyBy,
      assigner: tenMs,
      aggregate: reduceAggregate((largest: Reading, next: Reading) => (next.value > largest.value ? next : largest)),
      resultOf: (_key, _window, result) => result,
    })
    const output = await testOperator(largest, [at(1, 'a', 3), at(2, 'a', 5), at(3, 'a', 4), watermark(9)], { keyBy })
    expect(output.values).toEqual([{ sensor: 'a', value: 5 }])
  })
})

describe('late records', () => {
  test('a record whose window is gone is counted and dropped', async () => {
    const output = await testOperator(sums(tenMs), [at(5), watermark(9), at(5), at(10), at(9), endOfInput()], { keyBy })
    expect(output.values).toEqual(['a [0, 10) 1', 'a [10, 20) 1'])
    expect(output.counters).toEqual({ lateRecords: 2 })
  })

  test('with a tag they are counted and go to the side output, as they came', async () => {
    const output = await testOperator(sums(tenMs, { lateTag: 'late' }), [watermark(9), at(5, 'b', 7)], { keyBy })
    expect(output.sideOutput('late')).toEqual([{ value: { sensor: 'b', value: 7 }, timestamp: 5 }])
    expect(output.counters).toEqual({ lateRecords: 1 })
  })

  test('a record behind the watermark is not late while its window is open', async () => {
    const output = await testOperator(sums(tenMs), [watermark(8), at(2), watermark(9)], { keyBy })
    expect(output.values).toEqual(['a [0, 10) 1'])
  })

  test('within the lateness a record fires its window again, with everything it holds', async () => {
    const script = [at(1), watermark(9), at(2), at(3), watermark(13), at(4), watermark(14), at(5), endOfInput()]
    const output = await testOperator(sums(tenMs, { allowedLatenessMs: 5 }), script, { keyBy })
    expect(output.records).toEqual([1, 2, 3, 4].map((n) => ({ value: `a [0, 10) ${n}`, timestamp: 9 })))
    expect(output.counters).toEqual({ lateRecords: 1 })
    expect(output.keysLeft).toBe(0)
  })

  test('a window that begins within its lateness fires at once and is cleaned up in time', async () => {
    const script = [watermark(12), at(1), watermark(14), at(1)]
    const output = await testOperator(sums(tenMs, { allowedLatenessMs: 5 }), script, { keyBy })
    expect(output.values).toEqual(['a [0, 10) 1'])
    expect(output.counters).toEqual({ lateRecords: 1 })
    expect(output.keysLeft).toBe(0)
  })
})

describe('sliding windows', () => {
  test('a record is in every window that covers it', async () => {
    const output = await testOperator(sums(SlidingEventTimeWindows.of('10ms', '4ms')), [at(9), endOfInput()], { keyBy })
    expect(output.values).toEqual(['a [0, 10) 1', 'a [4, 14) 1', 'a [8, 18) 1'])
  })

  test('reduce records of overlapping windows by time of their panes, in a pane in order of arrival', async () => {
    const latest = { keySelector: keyBy, aggregate: reduceAggregate((_first: Reading, second) => second) }
    const values = async (assigner: WindowAssigner<Reading>): Promise<unknown[]> => {
      const spec = windowOperator({
        ...latest,
        assigner,
        resultOf: (_key, { start }, { value }) => `${start}: ${value}`,
      })
      const of = (value: number, timestamp: number): ScriptStep => record({ sensor: 'a', value }, timestamp)
      const script = [of(1, 12), of(2, 11), of(3, 3), watermark(9), of(4, 4), endOfInput()]
      return [...(await testOperator(spec, script, { keyBy })).values]
    }
    expect(await values(SlidingEventTimeWindows.of('20ms', '10ms'))).toEqual(['-10: 3', '0: 2', '10: 2'])
    expect(await values(TumblingEventTimeWindows.of('20ms'))).toEqual(['0: 4'])
  })

  test('a record is late for some windows and in time for others', async () => {
    const script = [watermark(9), at(9), endOfInput()]
    const output = await testOperator(sums(SlidingEventTimeWindows.of('10ms', '4ms')), script, { keyBy })
    expect(output.values).toEqual(['a [4, 14) 1', 'a [8, 18) 1'])
    expect(output.counters).toEqual({})
  })

  test('records between windows with gaps are counted, late ones as late', async () => {
    const gaps = SlidingEventTimeWindows.of('2ms', '10ms')
    const output = await testOperator(sums(gaps), [at(1), at(5), watermark(6), at(5), endOfInput()], { keyBy })
    expect(output.values).toEqual(['a [0, 2) 1'])
    expect(output.counters).toEqual({ recordsOutsideWindows: 1, lateRecords: 1 })
  })
})

describe('what is refused', () => {
  test.each([-1, 0.5, Number.NaN, 1e14])('%d ms of lateness', (allowedLatenessMs) => {
    expect(() => sums(tenMs, { allowedLatenessMs })).toThrow(expect.objectContaining({ code: 'GRA1005' }))
  })

  test('a record without a timestamp, saying what to do', async () => {
    await expect(
      testOperator(sums(tenMs), [record({ sensor: 'a', value: 1 })], { keyBy, name: 'sums' }),
    ).rejects.toMatchObject({
      code: 'TIM1001',
      message: expect.stringContaining('withTimestamp'),
      context: { operator: 'sums' },
    })
  })

  test.each([0.5, Number.NaN, 8.64e15 + 1, -1e16])('%d as a timestamp', async (timestamp) => {
    await expect(testOperator(sums(tenMs), [at(timestamp)], { keyBy })).rejects.toMatchObject({ code: 'TIM1001' })
  })

  test('an add function that forgets to return', async () => {
    const forgetful = { ...sum, add: () => undefined as unknown as { sum: number } }
    const operator = windowOperator({ keySelector: keyBy, assigner: tenMs, aggregate: forgetful, resultOf })
    await expect(testOperator(operator, [at(1)], { keyBy })).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining('add function'),
    })
  })

  test.each([
    ['add function', { aggregate: { ...sum, add: async () => ({ sum: 1 }) } }],
    ['aggregate or reduce function', { aggregate: { ...sum, getResult: async () => 1 } }],
    ['aggregate or reduce function', { aggregate: reduceAggregate(async (first: unknown) => first) }],
    ['window function', { aggregate: sum, resultOf: async () => 1 }],
  ])('an asynchronous %s', async (name, functions) => {
    const operator = windowOperator({ keySelector: keyBy, assigner: tenMs, resultOf, ...functions })
    await expect(testOperator(operator, [at(1), at(2), watermark(9)], { keyBy })).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining(`the ${name} of operator "operator" returned a promise`),
    })
  })

  test.each([
    { name: 'createAccumulator', lost: 'The record was not processed' },
    { name: 'add', lost: 'The record was not processed' },
    {
      name: 'getResult',
      lost: 'The window [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:00.010Z) of key "a" gave no result',
    },
  ])('a $name function that throws, by its name and what it was called for', async ({ name, lost }) => {
    const broken = {
      ...sum,
      [name]: () => {
        throw new Error('boom')
      },
    }
    const operator = windowOperator({ keySelector: keyBy, assigner: tenMs, aggregate: broken, resultOf })
    await expect(testOperator(operator, [at(1), watermark(9)], { keyBy })).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining(`the ${name} function of operator "operator" threw: boom. ${lost}`),
    })
  })
})

test('what must match between a checkpoint and the job is in the layout', () => {
  expect(sums(tenMs, { allowedLatenessMs: 5 })).toMatchObject({
    kind: 'window',
    keyed: true,
    stateful: true,
    layout: { assigner: { kind: 'tumbling', sizeMs: 10, offsetMs: 0 }, allowedLatenessMs: 5 },
  })
})
