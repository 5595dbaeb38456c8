/** CoGroups and window joins against plain loops over all records. A failure prints its seed and the shrunken script. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { testOperator, type OperatorTestOutput } from '../testing/operator-harness.ts'
import { endOfInput, record, secondRecord, watermark, type ScriptStep } from '../testing/operator-script.ts'
import type { CoGroupedRecord } from './co-group-definition.ts'
import { coGroupOperator } from './co-group.ts'
import type { OperatorSpec } from './operator.ts'
import { EventTimeTrigger, type Trigger } from './triggers.ts'
import type { SessionWindows, SlidingWindows } from './window-assigners.ts'
import type { TimeWindow } from './window-definition.ts'
import { windowJoinOperator } from './window-join.ts'

type Side = 'left' | 'right'

interface Item {
  readonly key: string
  readonly id: number
}

interface Held {
  readonly side: Side
  readonly item: Item
  readonly ts: number
}

type Input = Held | { readonly watermark: number }
type Assigner = SlidingWindows | SessionWindows

/** One call of the function. */
interface Firing {
  readonly key: string
  readonly window: TimeWindow
  readonly held: readonly Held[]
}

interface Case {
  readonly assigner: Assigner
  readonly allowedLatenessMs: number
  /** With a trigger every record is kept with its side. */
  readonly trigger: Trigger | undefined
}

const KEYS = ['a', 'b']

const inputsOf = fc
  .array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          side: fc.constantFrom<Side>('left', 'right'),
          key: fc.constantFrom(...KEYS),
          ts: fc.integer({ min: -20, max: 30 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: -25, max: 45 }) }) },
    ),
    { maxLength: 30, size: 'max' },
  )
  .map((steps): Input[] => {
    const inputs = steps.map((step, id): Input => {
      return 'ts' in step ? { side: step.side, item: { key: step.key, id }, ts: step.ts } : step
    })
    return [...inputs, { watermark: MAX_WATERMARK }]
  })

const alignedOf = fc
  .record({ sizeMs: fc.integer({ min: 1, max: 20 }), slideMs: fc.integer({ min: 1, max: 20 }) })
  .map(({ sizeMs, slideMs }): Assigner => ({ kind: 'sliding', sizeMs, slideMs, offsetMs: 0 }))
const sessionOf = fc.integer({ min: 1, max: 12 }).map((gapMs): Assigner => ({ kind: 'session', gapMs }))
const caseOf = fc.record({
  assigner: fc.oneof(alignedOf, sessionOf),
  allowedLatenessMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20 })),
  trigger: fc.constantFrom(undefined, EventTimeTrigger.create()),
})

test('a coGroup gives the function what grouping all records by key and window gives', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, caseOf, async (inputs, settings) => {
      const output = await run(coGroupOf(settings), inputs)
      const { firings, late } = evaluate(inputs, settings)
      expect([...output.values].map(String).sort()).toEqual(firings.map(show).sort())
      expectLate(output, late)
    }),
    { numRuns: 300 },
  )
})

test('a window join gives each pair of each firing', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, caseOf, async (inputs, settings) => {
      const output = await run(joinOf(settings), inputs)
      const { firings, late } = evaluate(inputs, settings)
      const pairs = firings.flatMap(({ key, window, held }) =>
        sideOf(held, 'left').flatMap((left) =>
          sideOf(held, 'right').map((right) => `${key} [${window.start}, ${window.end}) ${left}-${right}`),
        ),
      )
      expect([...output.values].map(String).sort()).toEqual(pairs.sort())
      expectLate(output, late)
    }),
    { numRuns: 200 },
  )
})

function coGroupOf(settings: Case): OperatorSpec {
  return coGroupOperator<Item, Item, string, string>({
    ...settings,
    kind: 'co-group',
    leftKey: ({ key }) => key,
    rightKey: ({ key }) => key,
    lateTag: 'late',
    coGroup: (lefts, rights, ctx) => ctx.emit(`${bounds(ctx.key, ctx.window)} ${ids(lefts)} | ${ids(rights)}`),
  })
}

function joinOf(settings: Case): OperatorSpec {
  return windowJoinOperator<Item, Item, string, string>({
    ...settings,
    leftKey: ({ key }) => key,
    rightKey: ({ key }) => key,
    lateTag: 'late',
    join: (left, right, key, window) => `${bounds(key, window)} ${left.id}-${right.id}`,
  })
}

async function run(spec: OperatorSpec, inputs: readonly Input[]): Promise<OperatorTestOutput> {
  const keyBy = ({ key }: Item): string => key
  const output = await testOperator(spec, inputs.map(stepOf), { keyBy, secondKeyBy: keyBy })
  expect(output.keysLeft).toBe(0)
  return output
}

function stepOf(input: Input): ScriptStep {
  if ('watermark' in input) return input.watermark === MAX_WATERMARK ? endOfInput() : watermark(input.watermark)
  return input.side === 'left' ? record(input.item, input.ts) : secondRecord(input.item, input.ts)
}

function expectLate(output: OperatorTestOutput, late: readonly Held[]): void {
  const found = output.sideOutput('late').map(({ value, timestamp }) => {
    const { side, value: item } = value as CoGroupedRecord<Item, Item>
    return { side, item, ts: timestamp }
  })
  expect(found).toEqual(late)
  expect(output.counters['lateRecords'] ?? 0).toBe(late.length)
}

function bounds(key: string, { start, end }: TimeWindow): string {
  return `${key} [${start}, ${end})`
}

function ids(items: readonly Item[]): string {
  return items
    .map(({ id }) => id)
    .sort((a, b) => a - b)
    .join(' ')
}

function sideOf(held: readonly Held[], side: Side): number[] {
  return held.filter((one) => one.side === side).map(({ item }) => item.id)
}

function show({ key, window, held }: Firing): string {
  const itemsOf = (side: Side): Item[] => held.filter((one) => one.side === side).map(({ item }) => item)
  return `${bounds(key, window)} ${ids(itemsOf('left'))} | ${ids(itemsOf('right'))}`
}

interface Evaluated {
  readonly firings: readonly Firing[]
  readonly late: readonly Held[]
}

function evaluate(inputs: readonly Input[], { assigner, allowedLatenessMs }: Case): Evaluated {
  return assigner.kind === 'session'
    ? evaluateSessions(inputs, assigner.gapMs, allowedLatenessMs)
    : evaluateAligned(inputs, assigner, allowedLatenessMs)
}

/** For each window in turn: which records it took, and when it fired. */
function evaluateAligned(inputs: readonly Input[], { sizeMs, slideMs }: SlidingWindows, latenessMs: number): Evaluated {
  const firings: Firing[] = []
  const taken = new Set<Held>()
  for (const key of KEYS) {
    for (let start = -60 * slideMs; start <= 60; start += slideMs) {
      const window = { start, end: start + sizeMs }
      const held: Held[] = []
      const fire = (): number => firings.push({ key, window, held: [...held] })
      let now = MIN_WATERMARK
      for (const input of inputs) {
        if ('watermark' in input) {
          if (now < window.end - 1 && window.end - 1 <= input.watermark && held.length > 0) fire()
          now = Math.max(now, input.watermark)
          continue
        }
        const isIn = input.item.key === key && start <= input.ts && input.ts < window.end
        if (!isIn || window.end - 1 + latenessMs <= now) continue
        held.push(input)
        taken.add(input)
        if (window.end - 1 <= now) fire()
      }
    }
  }
  return { firings, late: lateOf(inputs, taken, latenessMs) }
}

function lateOf(inputs: readonly Input[], taken: ReadonlySet<Held>, latenessMs: number): Held[] {
  const late: Held[] = []
  let now = MIN_WATERMARK
  for (const input of inputs) {
    if ('watermark' in input) now = Math.max(now, input.watermark)
    else if (!taken.has(input) && input.ts + latenessMs <= now) late.push(input)
  }
  return late
}

/** Keeps the records of each key and groups them anew at every step. */
function evaluateSessions(inputs: readonly Input[], gapMs: number, latenessMs: number): Evaluated {
  const firings: Firing[] = []
  const late: Held[] = []
  const kept = new Map<string, readonly Held[]>(KEYS.map((key) => [key, []]))
  const fire = (key: string, held: readonly Held[]): number =>
    firings.push({ key, window: windowOf(held, gapMs), held })
  let now = MIN_WATERMARK
  for (const input of inputs) {
    if ('watermark' in input) {
      const next = Math.max(now, input.watermark)
      for (const [key, held] of kept) {
        const groups = groupsOf(held, gapMs)
        for (const group of groups) {
          const { end } = windowOf(group, gapMs)
          if (now < end - 1 && end - 1 <= next) fire(key, group)
        }
        kept.set(key, groups.filter((group) => windowOf(group, gapMs).end - 1 + latenessMs > next).flat())
      }
      now = next
      continue
    }
    const held = [...(kept.get(input.item.key) ?? []), input]
    const group = groupsOf(held, gapMs).find((one) => one.includes(input)) ?? []
    const { end } = windowOf(group, gapMs)
    if (end - 1 + latenessMs <= now) late.push(input)
    else {
      kept.set(input.item.key, held)
      if (end - 1 <= now) fire(input.item.key, group)
    }
  }
  return { firings, late }
}

function windowOf(held: readonly Held[], gapMs: number): TimeWindow {
  const times = held.map(({ ts }) => ts)
  return { start: Math.min(...times), end: Math.max(...times) + gapMs }
}

function groupsOf(held: readonly Held[], gapMs: number): Held[][] {
  const groups: Held[][] = []
  for (const one of [...held].sort((a, b) => a.ts - b.ts)) {
    const last = groups.at(-1)?.at(-1)
    if (last !== undefined && one.ts <= last.ts + gapMs) groups.at(-1)?.push(one)
    else groups.push([one])
  }
  return groups
}
