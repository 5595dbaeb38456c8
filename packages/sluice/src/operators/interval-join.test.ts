import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { testOperator, type OperatorTestOutput } from '../testing/operator-harness.ts'
import { endOfInput, record, secondRecord, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { parseBound, type JoinInterval } from './interval-bounds.ts'
import { intervalJoinOperator } from './interval-join.ts'

interface Item {
  readonly key: string
  readonly id: number
}

const item = (id: number, key = 'a'): Item => ({ key, id })
const keys = { keyBy: (one: Item) => one.key, secondKeyBy: (one: Item) => one.key }
const inclusive = (lowerMs: number, upperMs: number): JoinInterval => ({
  lowerMs,
  upperMs,
  lowerBound: 'inclusive',
  upperBound: 'inclusive',
})

const joining = (interval: JoinInterval) =>
  intervalJoinOperator<Item, Item, string, string>({
    leftKey: (one) => one.key,
    rightKey: (one) => one.key,
    interval,
    leftLateTag: 'left-late',
    rightLateTag: 'right-late',
    onMatch: (left, right, ctx) =>
      ctx.emit(`${ctx.key} ${left.id}-${right.id} ${ctx.leftTimestamp} ${ctx.rightTimestamp}`),
  })

test('records within the interval meet, whichever comes first, with the greater timestamp of both', async () => {
  const output = await testOperator(
    joining(inclusive(-2, 3)),
    [
      record(item(1), 10),
      secondRecord(item(2), 7),
      secondRecord(item(3), 8),
      secondRecord(item(4), 13),
      secondRecord(item(5), 14),
      secondRecord(item(6, 'b'), 10),
      record(item(7), 11),
    ],
    keys,
  )
  expect(output.records).toEqual([
    { value: 'a 1-3 10 8', timestamp: 10 },
    { value: 'a 1-4 10 13', timestamp: 13 },
    { value: 'a 7-4 11 13', timestamp: 13 },
    { value: 'a 7-5 11 14', timestamp: 14 },
  ])
})

test('exclusive bounds leave out the records exactly that far away', async () => {
  const script = [record(item(1), 10), ...[8, 9, 12, 13].map((timestamp) => secondRecord(item(timestamp), timestamp))]
  const ids = async (lowerBound: 'inclusive' | 'exclusive', upperBound: 'inclusive' | 'exclusive') => {
    const output = await testOperator(joining({ lowerMs: -2, upperMs: 3, lowerBound, upperBound }), script, keys)
    return output.values.map((value) => Number(String(value).split('-')[1]?.split(' ')[0]))
  }
  expect(await ids('inclusive', 'inclusive')).toEqual([8, 9, 12, 13])
  expect(await ids('exclusive', 'inclusive')).toEqual([9, 12, 13])
  expect(await ids('inclusive', 'exclusive')).toEqual([8, 9, 12])
  expect(await ids('exclusive', 'exclusive')).toEqual([9, 12])
})

test('a record behind the watermark is late, one at the watermark is not', async () => {
  const output = await testOperator(
    joining(inclusive(0, 5)),
    [watermark(10), record(item(1), 9), record(item(2), 10), secondRecord(item(3), 9), secondRecord(item(4), 10)],
    keys,
  )
  expect(output.values).toEqual(['a 2-4 10 10'])
  expect(output.sideOutput('left-late')).toEqual([{ value: item(1), timestamp: 9 }])
  expect(output.sideOutput('right-late')).toEqual([{ value: item(3), timestamp: 9 }])
  expect(output.counters).toEqual({ lateRecords: 2 })
})

test('a record at the watermark is kept until the next one, also when a restarted source repeats the watermark', async () => {
  const output = await testOperator(
    joining(inclusive(0, 0)),
    [watermark(10), record(item(1), 10), watermark(3), watermark(10), secondRecord(item(2), 10)],
    keys,
  )
  expect(output.values).toEqual(['a 1-2 10 10'])
})

test('late records without a side output are dropped and counted', async () => {
  const spec = intervalJoinOperator<Item, Item, string, number>({
    leftKey: (one) => one.key,
    rightKey: (one) => one.key,
    interval: inclusive(0, 5),
    onMatch() {},
  })
  const output = await testOperator(spec, [watermark(10), record(item(1), 9)], keys)
  expect(output.counters).toEqual({ lateRecords: 1 })
})

test('a side is cleaned up when nothing that is not late can meet its records', async () => {
  const spec = joining(inclusive(-2, 3))
  const script = [record(item(1), 10), secondRecord(item(2, 'b'), 10)]
  expect((await testOperator(spec, [...script, watermark(11)], keys)).keysLeft).toBe(2)
  expect((await testOperator(spec, [...script, watermark(12)], keys)).keysLeft).toBe(1)
  expect((await testOperator(spec, [...script, watermark(13)], keys)).keysLeft).toBe(0)
})

test('a record without a timestamp is refused', async () => {
  await expect(testOperator(joining(inclusive(0, 1)), [record(item(1))], keys)).rejects.toMatchObject({
    code: 'TIM1001',
  })
})

test('what the function throws says of which key the pair was', async () => {
  const spec = intervalJoinOperator<Item, Item, string, number>({
    leftKey: (one) => one.key,
    rightKey: (one) => one.key,
    interval: inclusive(0, 5),
    onMatch() {
      throw new RangeError('boom')
    },
  })
  await expect(testOperator(spec, [record(item(1), 1), secondRecord(item(2), 1)], keys)).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('the onMatch function of operator "operator" threw: boom. The record of key "a"'),
  })
})

test('an interval in which nothing could be is refused when the job is built', () => {
  const refused = expect.objectContaining({ code: 'GRA1005' })
  expect(() => joining(inclusive(1, 0))).toThrow(refused)
  expect(() => joining({ ...inclusive(0, 0), lowerBound: 'exclusive' })).toThrow(refused)
  expect(() => joining({ lowerMs: 0, upperMs: 1, lowerBound: 'exclusive', upperBound: 'exclusive' })).toThrow(refused)
  expect(() => joining(inclusive(0, 0.5))).toThrow(refused)
  expect(() => joining(inclusive(0, Number.MAX_SAFE_INTEGER))).toThrow(refused)
})

test('bounds are durations that may be negative', () => {
  expect(parseBound('-5m', 'bound')).toBe(-300_000)
  expect(parseBound(' 5s', 'bound')).toBe(5000)
  expect(Object.is(parseBound('-0ms', 'bound'), 0)).toBe(true)
  expect(() => parseBound('--5m', 'bound')).toThrow(expect.objectContaining({ code: 'CFG1002' }))
})

type Input =
  | { readonly side: 'left' | 'right'; readonly item: Item; readonly ts: number }
  | { readonly watermark: number }

const inputsOf = fc
  .array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          side: fc.constantFrom('left' as const, 'right' as const),
          key: fc.constantFrom('a', 'b'),
          ts: fc.integer({ min: -10, max: 20 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: -12, max: 25 }) }) },
    ),
    { maxLength: 40, size: 'max' },
  )
  .map((steps): Input[] => {
    const inputs = steps.map((step, id): Input =>
      'ts' in step ? { side: step.side, item: { key: step.key, id }, ts: step.ts } : step,
    )
    return [...inputs, { watermark: MAX_WATERMARK }]
  })

const boundOf = fc.constantFrom('inclusive' as const, 'exclusive' as const)
const intervalOf = fc
  .record({
    lowerMs: fc.integer({ min: -6, max: 6 }),
    lengthMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6 })),
    lowerBound: boundOf,
    upperBound: boundOf,
  })
  .map(({ lengthMs, ...interval }): JoinInterval => ({ ...interval, upperMs: interval.lowerMs + lengthMs }))
  .filter(({ lowerMs, upperMs, lowerBound, upperBound }) => {
    const exclusive = [lowerBound, upperBound].filter((bound) => bound === 'exclusive').length
    return upperMs - lowerMs >= exclusive
  })

test('an interval join gives the pairs that comparing every left with every right record gives', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, intervalOf, async (inputs, interval) => {
      const output = await testOperator(joining(interval), inputs.map(stepOf), keys)
      expectPairs(output, inputs, interval)
    }),
    { numRuns: 300 },
  )
})

function stepOf(input: Input): ScriptStep {
  if ('watermark' in input) return input.watermark === MAX_WATERMARK ? endOfInput() : watermark(input.watermark)
  return input.side === 'left' ? record(input.item, input.ts) : secondRecord(input.item, input.ts)
}

interface Kept {
  readonly item: Item
  readonly ts: number
  /** Watermark when it came. */
  readonly at: number
  /** Position in the input. */
  readonly index: number
}

/** By definition: both on time, within the interval, and the first one not cleaned up before the second came. */
function expectPairs(output: OperatorTestOutput, inputs: readonly Input[], interval: JoinInterval): void {
  const { lefts, rights, late } = received(inputs)
  const pairs: string[] = []
  for (const left of lefts) {
    for (const right of rights) {
      const distance = right.ts - left.ts
      const isAbove = interval.lowerBound === 'inclusive' ? distance >= interval.lowerMs : distance > interval.lowerMs
      const isBelow = interval.upperBound === 'inclusive' ? distance <= interval.upperMs : distance < interval.upperMs
      if (left.item.key !== right.item.key || !isAbove || !isBelow) continue
      if (isCleanedUp(left, right, interval)) continue
      pairs.push(`${left.item.key} ${left.item.id}-${right.item.id} ${left.ts} ${right.ts}`)
    }
  }
  expect([...output.values].map(String).sort()).toEqual(pairs.sort())
  expect(idsOf(output, 'left-late')).toEqual(late.left)
  expect(idsOf(output, 'right-late')).toEqual(late.right)
  expect(output.counters['lateRecords'] ?? 0).toBe(late.left.length + late.right.length)
  expect(output.keysLeft).toBe(0)
}

/** A clean-up needs a watermark that comes behind the first record and reaches its clean-up time. */
function isCleanedUp(left: Kept, right: Kept, { lowerMs, upperMs, lowerBound, upperBound }: JoinInterval): boolean {
  const leftKeptMs = Math.max(0, upperBound === 'inclusive' ? upperMs : upperMs - 1)
  const rightKeptMs = Math.max(0, -(lowerBound === 'inclusive' ? lowerMs : lowerMs + 1))
  return left.index < right.index
    ? right.at > left.at && right.at >= left.ts + leftKeptMs
    : left.at > right.at && left.at >= right.ts + rightKeptMs
}

function received(inputs: readonly Input[]) {
  const kept = { left: [] as Kept[], right: [] as Kept[] }
  const late = { left: [] as number[], right: [] as number[] }
  let now = MIN_WATERMARK
  for (const [index, input] of inputs.entries()) {
    if ('watermark' in input) now = Math.max(now, input.watermark)
    else if (input.ts < now) late[input.side].push(input.item.id)
    else kept[input.side].push({ item: input.item, ts: input.ts, at: now, index })
  }
  return { lefts: kept.left, rights: kept.right, late }
}

function idsOf(output: OperatorTestOutput, tag: string): number[] {
  return output.sideOutput(tag).map(({ value }) => (value as Item).id)
}
