/** Windows against plain loops over all records. A failure prints its seed and the shrunken script. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { testOperator, type OperatorTestOutput } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import type { OperatorSpec } from './operator.ts'
import { sessionWindowOperator } from './session-window-operator.ts'
import type { SessionWindows, SlidingWindows, TumblingWindows } from './window-assigners.ts'
import type { AggregateFunction, TimeWindow } from './window-definition.ts'
import { alignedWindowOperator } from './window-operator.ts'

interface Item {
  readonly key: string
  readonly id: number
}

type Input = { readonly item: Item; readonly ts: number } | { readonly watermark: number }

interface Evaluated {
  readonly results: string[]
  readonly late: number[]
  readonly outside: number
}

const ids: AggregateFunction<Item, number[], number[]> = {
  createAccumulator: () => [],
  add: ({ id }, accumulator) => {
    accumulator.push(id)
    return accumulator
  },
  getResult: (accumulator) => [...accumulator],
  merge: (first, second) => [...first, ...second],
}

const idsWithoutMerge: AggregateFunction<Item, number[], number[]> = {
  createAccumulator: () => ids.createAccumulator(),
  add: (item, accumulator) => ids.add(item, accumulator),
  getResult: (accumulator) => ids.getResult(accumulator),
}

const keyBy = (item: Item): string => item.key
const show = (key: string, { start, end }: TimeWindow, held: readonly number[]): string =>
  `${key} [${start}, ${end}) ${[...held].sort((a, b) => a - b).join(' ')}`

const inputsOf = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c'), ts: fc.integer({ min: -40, max: 80 }) }),
      },
      { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: -45, max: 110 }) }) },
    ),
    { maxLength: 40, size: 'max' },
  )
  .map((steps): Input[] => {
    const inputs = steps.map((step, id): Input => ('ts' in step ? { item: { key: step.key, id }, ts: step.ts } : step))
    return [...inputs, { watermark: MAX_WATERMARK }]
  })

const alignedOf = fc
  .record({
    sizeMs: fc.integer({ min: 1, max: 30 }),
    slideMs: fc.integer({ min: 1, max: 30 }),
    offset: fc.integer({ min: -29, max: 29 }),
  })
  .map(({ sizeMs, slideMs, offset }) => ({ kind: 'sliding' as const, sizeMs, slideMs, offsetMs: offset % slideMs }))
const tumblingOf = alignedOf.map(({ sizeMs, offsetMs }) => ({
  kind: 'tumbling' as const,
  sizeMs,
  offsetMs: offsetMs % sizeMs,
}))
const gapOf = fc.integer({ min: 1, max: 25 })
/** A record, or the clock going on. */
type Arrival = Item | { readonly nowMs: number }

const arrivalsOf = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c') }) },
      { weight: 2, arbitrary: fc.record({ passedMs: fc.integer({ min: 0, max: 25 }) }) },
    ),
    { maxLength: 40, size: 'max' },
  )
  .map((steps): Arrival[] => {
    let nowMs = 0
    const arrivals = steps.map((step, id): Arrival =>
      'key' in step ? { key: step.key, id } : { nowMs: (nowMs += step.passedMs) },
    )
    return [...arrivals, { nowMs: nowMs + 100 }]
  })

const latenessOf = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 }))

test('tumbling windows hold what a loop over all records puts into them', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, tumblingOf, latenessOf, async (inputs, assigner, latenessMs) => {
      const output = await run(inputs, aligned(assigner, ids, latenessMs))
      const expected = evaluateAligned(inputs, { ...assigner, slideMs: assigner.sizeMs }, latenessMs)
      expectSame(output, expected)
      if (latenessMs === 0) expectEachOnce(inputs, output)
    }),
    { numRuns: 150 },
  )
})

test('sliding windows of panes hold what a loop over all records puts into them', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, alignedOf, latenessOf, async (inputs, assigner, latenessMs) => {
      expectSame(await run(inputs, aligned(assigner, ids, latenessMs)), evaluateAligned(inputs, assigner, latenessMs))
    }),
    { numRuns: 200 },
  )
})

test('sliding windows of an aggregate that cannot merge hold the same', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, alignedOf, latenessOf, async (inputs, assigner, latenessMs) => {
      const spec = aligned(assigner, idsWithoutMerge, latenessMs)
      expectSame(await run(inputs, spec), evaluateAligned(inputs, assigner, latenessMs))
    }),
    { numRuns: 100 },
  )
})

test('windows of panes give the records of windows with accumulators of their own, in their order', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, alignedOf, latenessOf, async (inputs, assigner, latenessMs) => {
      const panes = await run(inputs, aligned(assigner, ids, latenessMs))
      const own = await run(inputs, aligned(assigner, idsWithoutMerge, latenessMs))
      expect(byKey(panes)).toEqual(byKey(own))
    }),
    { numRuns: 100 },
  )
})

test('sessions are what grouping all records by their gaps gives', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, gapOf, latenessOf, async (inputs, gapMs, latenessMs) => {
      const output = await run(inputs, sessions({ kind: 'session', gapMs }, latenessMs))
      expectSame(output, evaluateSessions(inputs, gapMs, latenessMs))
      if (latenessMs === 0) expectEachOnce(inputs, output)
    }),
    { numRuns: 200 },
  )
})

describe('in processing time, with the moment of arrival as timestamp and the millisecond before as watermark,', () => {
  test('tumbling windows are the same', async () => {
    await fc.assert(
      fc.asyncProperty(arrivalsOf, tumblingOf, async (arrivals, assigner) => {
        const output = await runArrivals(arrivals, aligned({ ...assigner, time: 'processing' }, ids))
        const inputs = inEventTime(arrivals)
        expectSame(output, evaluateAligned(inputs, { ...assigner, slideMs: assigner.sizeMs }, 0))
        expectEachOnce(inputs, output)
      }),
      { numRuns: 100 },
    )
  })

  test('sliding windows are the same, with panes and without', async () => {
    await fc.assert(
      fc.asyncProperty(
        arrivalsOf,
        alignedOf,
        fc.constantFrom(ids, idsWithoutMerge),
        async (arrivals, assigner, aggregate) => {
          const output = await runArrivals(arrivals, aligned({ ...assigner, time: 'processing' }, aggregate))
          expectSame(output, evaluateAligned(inEventTime(arrivals), assigner, 0))
        },
      ),
      { numRuns: 150 },
    )
  })

  test('sessions are the same', async () => {
    await fc.assert(
      fc.asyncProperty(arrivalsOf, gapOf, async (arrivals, gapMs) => {
        const output = await runArrivals(arrivals, sessions({ kind: 'session', time: 'processing', gapMs }))
        const inputs = inEventTime(arrivals)
        expectSame(output, evaluateSessions(inputs, gapMs, 0))
        expectEachOnce(inputs, output)
      }),
      { numRuns: 100 },
    )
  })
})

function aligned(
  assigner: TumblingWindows | SlidingWindows,
  aggregate: AggregateFunction<Item, number[], number[]>,
  allowedLatenessMs = 0,
): OperatorSpec {
  return alignedWindowOperator(
    { keySelector: keyBy, aggregate, resultOf: show, allowedLatenessMs, lateTag: 'late' },
    assigner,
  )
}

function sessions(assigner: SessionWindows, allowedLatenessMs = 0): OperatorSpec {
  return sessionWindowOperator(
    { keySelector: keyBy, aggregate: ids, resultOf: show, allowedLatenessMs, lateTag: 'late' },
    assigner,
  )
}

async function run(inputs: readonly Input[], spec: OperatorSpec): Promise<OperatorTestOutput> {
  return await testOperator(spec, inputs.map(stepOf), { keyBy })
}

async function runArrivals(arrivals: readonly Arrival[], spec: OperatorSpec): Promise<OperatorTestOutput> {
  const script = arrivals.map((arrival) => ('nowMs' in arrival ? processingTime(arrival.nowMs) : record(arrival)))
  return await testOperator(spec, script, { keyBy })
}

/** A job in processing time as one in event time. */
function inEventTime(arrivals: readonly Arrival[]): Input[] {
  let ts = 0
  return arrivals.map((arrival): Input => {
    if (!('nowMs' in arrival)) return { item: arrival, ts }
    ts = arrival.nowMs
    return { watermark: ts - 1 }
  })
}

function byKey({ records }: OperatorTestOutput): Record<string, unknown[]> {
  const found: Record<string, unknown[]> = {}
  for (const one of records) (found[String(one.value).split(' [')[0] ?? ''] ??= []).push(one)
  return found
}

function stepOf(input: Input): ScriptStep {
  if ('item' in input) return record(input.item, input.ts)
  return input.watermark === MAX_WATERMARK ? endOfInput() : watermark(input.watermark)
}

function expectSame(output: OperatorTestOutput, expected: Evaluated): void {
  expect([...output.values].map(String).sort()).toEqual(expected.results.sort())
  expect(lateIds(output)).toEqual(expected.late)
  expect(output.counters['recordsOutsideWindows'] ?? 0).toBe(expected.outside)
  expect(output.keysLeft).toBe(0)
}

/** Every record is in one window or late, exactly once. */
function expectEachOnce(inputs: readonly Input[], output: OperatorTestOutput): void {
  const inWindows = output.values.flatMap((value) => String(value).split(') ')[1]?.split(' ').map(Number) ?? [])
  const all = inputs.flatMap((input) => ('item' in input ? [input.item.id] : []))
  expect([...inWindows, ...lateIds(output)].sort((a, b) => a - b)).toEqual(all)
}

function lateIds(output: OperatorTestOutput): number[] {
  return output.sideOutput('late').map(({ value }) => (value as Item).id)
}

/** For each window in turn: which records it took, and when it fired. */
function evaluateAligned(
  inputs: readonly Input[],
  { sizeMs, slideMs, offsetMs }: { sizeMs: number; slideMs: number; offsetMs: number },
  latenessMs: number,
): Evaluated {
  const results: string[] = []
  const taken = new Set<number>()
  for (const key of ['a', 'b', 'c']) {
    for (let start = -200; start <= 1200; start++) {
      if ((start - offsetMs) % slideMs !== 0) continue
      const window = { start, end: start + sizeMs }
      const held: number[] = []
      let now = MIN_WATERMARK
      for (const input of inputs) {
        if ('item' in input) {
          const isIn = input.item.key === key && start <= input.ts && input.ts < window.end
          if (!isIn || window.end - 1 + latenessMs <= now) continue
          held.push(input.item.id)
          taken.add(input.item.id)
          if (window.end - 1 <= now) results.push(show(key, window, held))
        } else {
          if (now < window.end - 1 && window.end - 1 <= input.watermark && held.length > 0)
            results.push(show(key, window, held))
          now = Math.max(now, input.watermark)
        }
      }
    }
  }
  return { results, ...withoutWindow(inputs, taken, latenessMs) }
}

function withoutWindow(
  inputs: readonly Input[],
  taken: ReadonlySet<number>,
  latenessMs: number,
): { late: number[]; outside: number } {
  const late: number[] = []
  let outside = 0
  let now = MIN_WATERMARK
  for (const input of inputs) {
    if ('watermark' in input) now = Math.max(now, input.watermark)
    else if (!taken.has(input.item.id)) {
      if (input.ts + latenessMs <= now) late.push(input.item.id)
      else outside++
    }
  }
  return { late, outside }
}

interface Held {
  readonly id: number
  readonly ts: number
}

/** Keeps the records of each key and groups them anew at every step. */
function evaluateSessions(inputs: readonly Input[], gapMs: number, latenessMs: number): Evaluated {
  const results: string[] = []
  const late: number[] = []
  const kept = new Map<string, Held[]>()
  const windowOf = (group: readonly Held[]): TimeWindow => ({
    start: Math.min(...group.map(({ ts }) => ts)),
    end: Math.max(...group.map(({ ts }) => ts)) + gapMs,
  })
  const fire = (key: string, group: readonly Held[]) =>
    results.push(
      show(
        key,
        windowOf(group),
        group.map(({ id }) => id),
      ),
    )
  let now = MIN_WATERMARK
  for (const input of inputs) {
    if ('item' in input) {
      const held = { id: input.item.id, ts: input.ts }
      const others = kept.get(input.item.key) ?? []
      const group = groupsOf([...others, held], gapMs).find((one) => one.includes(held)) ?? []
      const { end } = windowOf(group)
      if (end - 1 + latenessMs <= now) {
        late.push(held.id)
        continue
      }
      kept.set(input.item.key, [...others, held])
      if (end - 1 <= now) fire(input.item.key, group)
      continue
    }
    const next = Math.max(now, input.watermark)
    for (const [key, records] of kept) {
      const groups = groupsOf(records, gapMs)
      for (const group of groups) {
        const { end } = windowOf(group)
        if (now < end - 1 && end - 1 <= next) fire(key, group)
      }
      kept.set(key, groups.filter((group) => windowOf(group).end - 1 + latenessMs > next).flat())
    }
    now = next
  }
  return { results, late, outside: 0 }
}

function groupsOf(records: readonly Held[], gapMs: number): Held[][] {
  const groups: Held[][] = []
  for (const held of [...records].sort((a, b) => a.ts - b.ts)) {
    const last = groups.at(-1)?.at(-1)
    if (last !== undefined && held.ts <= last.ts + gapMs) groups.at(-1)?.push(held)
    else groups.push([held])
  }
  return groups
}
