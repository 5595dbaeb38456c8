/**
 * Operators whose functions throw, with an error policy that goes on: what was thrown costs the record or the window, and nothing that comes behind it.
 * A failure prints its seed and the shrunken script.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assert } from '../base/assert.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import { testOperator, type OperatorTestOutput } from '../testing/operator-harness.ts'
import { endOfInput, record, secondRecord, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { coGroupOperator } from './co-group.ts'
import { generalWindowOperator } from './general-window-operator.ts'
import { intervalJoinOperator } from './interval-join.ts'
import type { Operator, OperatorContext, OperatorSpec, RecordReceiver } from './operator.ts'
import { CountTrigger, customTrigger, EventTimeTrigger, PurgingTrigger } from './triggers.ts'
import type { WindowAssigner } from './window-assigners.ts'
import type { AggregateFunction, TimeWindow } from './window-definition.ts'
import type { AnyWindowDefinition } from './window-layout.ts'
import { windowOperator } from './windows.ts'

/** The same operator with the policy to skip, as a chain runs it. */
function skipping(spec: OperatorSpec): OperatorSpec {
  return { ...spec, create: () => guarded(spec.create()) }
}

function guarded(operator: Operator): Operator {
  let skip: (thrown: unknown, name: string) => void = () => {}
  const open = operator.open.bind(operator)
  operator.open = (context: OperatorContext) => {
    skip = (thrown, name) => {
      const isFault = thrown instanceof EngineError && thrown.code === 'TSK1001' && thrown.cause !== undefined
      assert(isFault, 'only what user functions throw is skipped', {
        thrown: messageOf(thrown),
      })
      context.counter(name).add(1)
    }
    const errors = {
      onFailedRecord: (error: EngineError) => skip(error, 'skippedRecords'),
      onFailedTimer: (error: unknown) => skip(error, 'skippedTimers'),
    }
    open({ ...context, errors })
  }
  const inputPort = operator.inputPort.bind(operator)
  operator.inputPort = (port) => guardedInput(inputPort(port), (thrown) => skip(thrown, 'skippedRecords'))
  return operator
}

function guardedInput(receiver: RecordReceiver, skip: (thrown: unknown) => void): RecordReceiver {
  return {
    onRecord(value, timestamp) {
      try {
        receiver.onRecord(value, timestamp)
      } catch (thrown) {
        skip(thrown)
      }
    },
  }
}

type Fault = 'add' | 'merge' | 'result'

interface Item {
  readonly key: string
  readonly id: number
  /** Where the functions throw for it. */
  readonly fault: Fault | undefined
}

interface Held {
  ids: number[]
  faults: Fault[]
}

const keyBy = ({ key }: Item): string => key
const show = (key: string, { start, end }: TimeWindow, { ids }: Held): string =>
  `${key} [${start}, ${end}) ${ids.toSorted((a, b) => a - b).join(' ')}`

/** Checks before it changes anything, as a function should. */
const checking: AggregateFunction<Item, Held, Held> = {
  createAccumulator: () => ({ ids: [], faults: [] }),
  add({ id, fault }, { ids, faults }) {
    if (fault === 'add') throw new RangeError(`add ${id}`)
    return { ids: [...ids, id], faults: fault === undefined ? faults : [...faults, fault] }
  },
  getResult(held) {
    if (held.faults.includes('result')) throw new RangeError('result')
    return held
  },
  merge(first, second) {
    const faults = [...first.faults, ...second.faults]
    if (faults.includes('merge')) throw new RangeError('merge')
    return { ids: [...first.ids, ...second.ids], faults }
  },
}

type Input = { readonly item: Item; readonly ts: number } | { readonly watermark: number }

const inputsOf = (faults: readonly (Fault | undefined)[]): fc.Arbitrary<Input[]> =>
  fc
    .array(
      fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({
            key: fc.constantFrom('a', 'b'),
            ts: fc.integer({ min: -20, max: 60 }),
            fault: fc.constantFrom(undefined, undefined, ...faults),
          }),
        },
        { weight: 2, arbitrary: fc.record({ watermark: fc.integer({ min: -25, max: 75 }) }) },
      ),
      { maxLength: 30, size: 'max' },
    )
    .map((steps): Input[] => {
      const inputs = steps.map((step, id): Input =>
        'ts' in step ? { item: { key: step.key, id, fault: step.fault }, ts: step.ts } : step,
      )
      return [...inputs, { watermark: MAX_WATERMARK }]
    })

function stepOf(input: Input): ScriptStep {
  if ('item' in input) return record(input.item, input.ts)
  return input.watermark === MAX_WATERMARK ? endOfInput() : watermark(input.watermark)
}

const latenessOf = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }))
const alignedOf: fc.Arbitrary<WindowAssigner<Item>> = fc
  .record({ sizeMs: fc.integer({ min: 1, max: 20 }), slideMs: fc.integer({ min: 1, max: 20 }) })
  .map(({ sizeMs, slideMs }) => ({ kind: 'sliding', sizeMs, slideMs, offsetMs: 0 }))
const sessionOf: fc.Arbitrary<WindowAssigner<Item>> = fc
  .integer({ min: 1, max: 12 })
  .map((gapMs) => ({ kind: 'session', gapMs }))

function definitionOf(assigner: WindowAssigner<Item>, allowedLatenessMs: number) {
  return { keySelector: keyBy, assigner, aggregate: checking, resultOf: show, allowedLatenessMs, lateTag: 'late' }
}

/** Also where a fast operator could do it. */
function general(definition: unknown): OperatorSpec {
  return generalWindowOperator(definition as AnyWindowDefinition) // its records and keys are those of the script
}

function sorted({ values }: OperatorTestOutput): string[] {
  return values.map(String).sort()
}

describe('windows', () => {
  test.each([
    ['fast', windowOperator],
    ['general', general],
  ])('of one size (%s) are as if a record that cannot be added had never come', async (_name, operatorOf) => {
    await fc.assert(
      fc.asyncProperty(inputsOf(['add']), alignedOf, latenessOf, async (inputs, assigner, latenessMs) => {
        const spec = operatorOf(definitionOf(assigner, latenessMs))
        const output = await testOperator(skipping(spec), inputs.map(stepOf), { keyBy })
        const healthy = inputs.filter((input) => !('item' in input) || input.item.fault === undefined)
        const expected = await testOperator(spec, healthy.map(stepOf), { keyBy })
        expect(sorted(output)).toEqual(sorted(expected))
        expect(output.keysLeft).toBe(0)
      }),
      { numRuns: 100 },
    )
  })

  test.each([
    ['of one size', alignedOf],
    ['that are sessions', sessionOf],
  ])('%s lose nothing but the results that cannot be made', async (_name, assignerOf) => {
    await fc.assert(
      fc.asyncProperty(inputsOf(['result']), assignerOf, latenessOf, async (inputs, assigner, latenessMs) => {
        const script = inputs.map(stepOf)
        const output = await testOperator(skipping(windowOperator(definitionOf(assigner, latenessMs))), script, {
          keyBy,
        })
        const broken = new Set(
          inputs.flatMap((input) => ('item' in input && input.item.fault !== undefined ? [input.item.id] : [])),
        )
        const healthy = { ...checking, getResult: (held: Held) => held }
        const all = await testOperator(
          windowOperator({ ...definitionOf(assigner, latenessMs), aggregate: healthy }),
          script,
          { keyBy },
        )
        expect(output.keysLeft).toBe(0)
        // a record that is behind the end of several windows fires them one after the other, and what throws ends that
        const expected = new Set(sorted(all).filter((text) => !idsOf(text).some((id) => broken.has(id))))
        if (latenessMs === 0) expect(sorted(output)).toEqual([...expected])
        else expect(sorted(output).filter((text) => !expected.has(text))).toEqual([])
      }),
      { numRuns: 100 },
    )
  })

  test('that are sessions never overlap, whatever throws, and hold each record once', async () => {
    await fc.assert(
      fc.asyncProperty(
        inputsOf(['add', 'merge', 'result']),
        sessionOf,
        latenessOf,
        async (inputs, assigner, lateness) => {
          const script = inputs.map(stepOf)
          const definition = definitionOf(assigner, lateness)
          const output = await testOperator(skipping(windowOperator(definition)), script, { keyBy })
          const other = await testOperator(skipping(general(definition)), script, { keyBy })
          // what a record that could not be added did to the bounds of its session is not promised, so one more firing may tell of them
          expect(idsIn(other)).toEqual(idsIn(output))
          expect(output.counters['skippedRecords']).toEqual(other.counters['skippedRecords'])
          expect([output.keysLeft, other.keysLeft]).toEqual([0, 0])
          for (const text of sorted(output)) expect(new Set(idsOf(text)).size, text).toBe(idsOf(text).length)
          if (lateness === 0) {
            const ids = sorted(output).flatMap(idsOf)
            expect(new Set(ids).size).toBe(ids.length)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

function idsIn(output: OperatorTestOutput): number[] {
  return [...new Set(sorted(output).flatMap(idsOf))].toSorted((a, b) => a - b)
}

function idsOf(text: string): number[] {
  const [, ids = ''] = text.split(') ')
  return ids
    .split(' ')
    .filter((id) => id !== '')
    .map(Number)
}

test('windows that a trigger cannot join hold each record once', async () => {
  const trigger = customTrigger({
    name: 'at-end',
    onElement(_item: Item, _timestamp, window, ctx) {
      ctx.registerEventTimeTimer(window.end - 1)
      return 'continue'
    },
    onEventTime: () => 'fire',
    onMerge(window, ctx) {
      if (window.end - window.start > 25) throw new RangeError('too long')
      ctx.registerEventTimeTimer(window.end - 1)
    },
  })
  const spec = general({ ...definitionOf({ kind: 'session', gapMs: 10 }, 0), trigger })
  const at = (id: number, ts: number): ScriptStep => record({ key: 'a', id, fault: undefined }, ts)
  const script = [at(1, 0), at(2, 12), at(3, 7), at(4, 20), endOfInput()]
  const output = await testOperator(skipping(spec), script, { keyBy })
  const ids = output.values.flatMap((value) => idsOf(String(value)))
  expect(new Set(ids).size).toBe(ids.length)
  expect(output.keysLeft).toBe(0)
})

test('a record whose pairs throw is not kept by an interval join', async () => {
  const spec = intervalJoinOperator({
    leftKey: keyBy,
    rightKey: keyBy,
    interval: { lowerMs: -10, upperMs: 10, lowerBound: 'inclusive', upperBound: 'inclusive' },
    onMatch(left: Item, right: Item, ctx) {
      if (left.fault !== undefined || right.fault !== undefined) throw new RangeError('boom')
      ctx.emit(`${left.id} ${right.id}`)
    },
  })
  const item = (id: number, fault?: Fault): Item => ({ key: 'a', id, fault })
  const script = [
    record(item(1), 0),
    secondRecord(item(2, 'add'), 1),
    record(item(3), 2),
    secondRecord(item(4), 3),
    watermark(100),
  ]
  const output = await testOperator(skipping(spec), script, { keyBy, secondKeyBy: keyBy })
  expect(output.values).toEqual(['1 4', '3 4'])
  expect(output.counters).toEqual({ skippedRecords: 1 })
  expect(output.keysLeft).toBe(0)
})

test.each([
  ['of the assigner', undefined],
  ['that is asked for', EventTimeTrigger.create()],
])('a window of two inputs that fails costs no other its result, with the trigger %s', async (_name, trigger) => {
  const spec = coGroupOperator({
    kind: 'co-group',
    leftKey: keyBy,
    rightKey: keyBy,
    assigner: { kind: 'tumbling', sizeMs: 10, offsetMs: 0 },
    trigger,
    coGroup(lefts: readonly Item[], rights: readonly Item[], ctx) {
      ctx.emit(`from ${ctx.window.start}`)
      if (lefts.some(({ fault }) => fault !== undefined)) throw new RangeError('boom')
      ctx.emit([...lefts, ...rights].map(({ id }) => id).join(' '))
    },
  })
  const item = (id: number, fault?: Fault): Item => ({ key: 'a', id, fault })
  const script = [
    record(item(1), 1),
    record(item(2, 'result'), 11),
    secondRecord(item(3), 12),
    record(item(4), 21),
    secondRecord(item(5), 22),
    record(item(6), 31),
    watermark(25),
    endOfInput(),
  ]
  const output = await testOperator(skipping(spec), script, { keyBy, secondKeyBy: keyBy })
  expect(output.values).toEqual(['from 0', '1', 'from 10', 'from 20', '4 5', 'from 30', '6'])
  expect(output.counters).toEqual({ skippedTimers: 1 })
  expect(output.keysLeft).toBe(0)
})

test('a window that fails is purged, and told that it goes, all the same', async () => {
  const windowFunction = {
    process(key: string, items: readonly Item[], ctx: { emit(value: string): void }) {
      if (items.some(({ fault }) => fault !== undefined)) throw new RangeError('boom')
      ctx.emit(`${key} ${items.map(({ id }) => id).join(' ')}`)
    },
  }
  const at = (id: number, fault?: Fault): ScriptStep => record({ key: 'a', id, fault }, id)
  const script = [at(1), at(2, 'result'), at(3), at(4), at(5), endOfInput()]
  const counted = general({
    keySelector: keyBy,
    assigner: { kind: 'global', firesAt: 'never' },
    trigger: PurgingTrigger.of(CountTrigger.of(2)),
    process: windowFunction,
  })
  const ofCounted = await testOperator(skipping(counted), script, { keyBy })
  expect(ofCounted.values).toEqual(['a 3 4'])
  expect(ofCounted.counters).toEqual({ skippedRecords: 1 })
  const cleared: string[] = []
  const tumbling = general({
    keySelector: keyBy,
    assigner: { kind: 'tumbling', sizeMs: 3, offsetMs: 0 },
    process: {
      ...windowFunction,
      clear: ({ key, window }: { key: string; window: TimeWindow }) => cleared.push(`${key} ${window.start}`),
    },
  })
  const ofTumbling = await testOperator(skipping(tumbling), script, { keyBy })
  expect(ofTumbling.values).toEqual(['a 3 4 5'])
  expect(ofTumbling.keysLeft).toBe(0)
  expect(new Set(cleared)).toEqual(new Set(['a 0', 'a 3']))
})
