/** Process functions of two inputs before the first record and behind the last one, and their state that belongs to no key. */
import { describe, expect, test } from 'vitest'
import { operatorContext } from '../../test/operator-context.ts'
import { mapState, valueState } from '../state/descriptors.ts'
import { operatorListState, unionListState } from '../state/operator-descriptors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import { testOperator, type OperatorTestOptions } from '../testing/operator-harness.ts'
import { endOfInput, record, secondRecord, watermark } from '../testing/operator-script.ts'
import { keyedBroadcastProcessOperator } from './broadcast-keyed-process.ts'
import { broadcastProcessOperator } from './broadcast-process.ts'
import { keyedCoProcessOperator } from './co-keyed-process.ts'
import { coProcessOperator } from './co-process.ts'
import type { EmittingContext, FunctionContext } from './function-context.ts'
import type { OperatorSpec } from './operator.ts'

const operatorState = { seen: unionListState<string>('seen') }
type Seen = typeof operatorState

/** What all four are made from: they remember what they saw of the first input, and say at the end how much that was. */
const functions = {
  operatorState,
  open(ctx: FunctionContext<Seen>) {
    const { seen } = ctx.operatorState
    seen.update([...new Set(seen.get())])
  },
  onEnd(ctx: EmittingContext<string, Seen>) {
    ctx.sideOutput('end', ctx.timestamp)
  },
}

function remember(value: string, ctx: EmittingContext<string, Seen>): void {
  ctx.counter('seen').add(1)
  ctx.operatorState.seen.add(value)
  ctx.emit(`${value} ${ctx.operatorState.seen.get().filter((known) => known[0] === value[0]).length}`)
}

const keyOf = (value: string): string => value.charAt(0)
const broadcastState = { words: mapState<string, boolean>('words') }

interface Variant {
  readonly name: string
  readonly spec: OperatorSpec
  readonly options: OperatorTestOptions<string>
}

const VARIANTS: readonly Variant[] = [
  {
    name: 'a co-process function',
    spec: coProcessOperator<string, string, string, Seen>({ ...functions, onFirst: remember, onSecond() {} }),
    options: { notRescaledBecause: 'each subtask counts what it sees itself' },
  },
  {
    name: 'a co-process function with keys',
    spec: keyedCoProcessOperator<string, string, string, Readonly<Record<string, never>>, string, Seen>({
      ...functions,
      firstKey: keyOf,
      secondKey: keyOf,
      state: {},
      onFirst: remember,
      onSecond() {},
    }),
    options: { keyBy: keyOf, secondKeyBy: keyOf },
  },
  {
    name: 'a broadcast process function',
    spec: broadcastProcessOperator<string, string, typeof broadcastState, string, Seen>({
      ...functions,
      broadcastState,
      onRecord: remember,
      onBroadcast: (word, ctx) => ctx.broadcastState.words.put(word, true),
    }),
    options: { notRescaledBecause: 'each subtask counts what it sees itself' },
  },
  {
    name: 'a broadcast process function with keys',
    spec: keyedBroadcastProcessOperator<
      string,
      string,
      string,
      Readonly<Record<string, never>>,
      typeof broadcastState,
      string,
      Seen
    >({
      ...functions,
      keySelector: keyOf,
      state: {},
      broadcastState,
      onRecord: remember,
      onBroadcast: (word, ctx) => ctx.broadcastState.words.put(word, true),
    }),
    options: { keyBy: keyOf },
  },
]

describe.each(VARIANTS)('$name', ({ spec, options }) => {
  test('has operator state from its first record on, also behind a restore, and ends with onEnd', async () => {
    const output = await testOperator(
      spec,
      [record('a1', 1), secondRecord('a', 2), record('b1', 3), record('a2', 4), watermark(5), endOfInput()],
      options,
    )
    expect(output.values).toEqual(['a1 1', 'b1 1', 'a2 2'])
    expect(output.sideOutput('end')).toContainEqual({ value: NO_TIMESTAMP, timestamp: NO_TIMESTAMP })
    expect(output.counters).toMatchObject({ seen: 3 })
  })
})

test('the function of a broadcast stream shares operator state with the one of the other stream', async () => {
  const spec = keyedBroadcastProcessOperator({
    keySelector: keyOf,
    state: {},
    broadcastState: {},
    operatorState: { words: operatorListState<string>('words') },
    onRecord(value: string, ctx) {
      ctx.emit(`${value} ${ctx.operatorState.words.get().join()}`)
    },
    onBroadcast: (word: string, ctx) => ctx.operatorState.words.update([word]),
  })
  const output = await testOperator(spec, [secondRecord('x', 1), record('a', 2)], { keyBy: keyOf })
  expect(output.values).toEqual(['a x'])
})

describe('what open throws fails the task, and the function is closed all the same, once', () => {
  const failing = (closed: () => void) => ({
    open() {
      throw new RangeError('no connection')
    },
    close: closed,
  })
  const never = (): void => {}
  test.each<[string, (closed: () => void) => OperatorSpec]>([
    ['co-process', (closed) => coProcessOperator({ ...failing(closed), onFirst: never, onSecond: never })],
    [
      'broadcast process',
      (closed) =>
        broadcastProcessOperator({ ...failing(closed), broadcastState: {}, onRecord: never, onBroadcast: never }),
    ],
  ])('%s', async (_name, specOf) => {
    let closedCount = 0
    const operator = specOf(() => void closedCount++).create()
    const message = expect.stringContaining('threw: no connection. The subtask did not start')
    expect(() => operator.open(operatorContext())).toThrow(expect.objectContaining({ code: 'TSK1001', message }))
    await operator.close()
    await operator.close()
    expect(closedCount).toBe(1)
  })
})

test('only operator state makes a co-process function stateful, and two of one name are refused', () => {
  const never = (): void => {}
  const functionsOfBoth = { onFirst: never, onSecond: never }
  expect(coProcessOperator(functionsOfBoth)).toMatchObject({ stateful: false, layout: null })
  expect(coProcessOperator({ ...functionsOfBoth, operatorState })).toMatchObject({ stateful: true })
  const twice = { a: unionListState<string>('a'), b: operatorListState<string>('a') }
  const operators = [
    () => coProcessOperator({ ...functionsOfBoth, operatorState: twice }),
    () => broadcastProcessOperator({ broadcastState: {}, operatorState: twice, onRecord: never, onBroadcast: never }),
    () =>
      keyedCoProcessOperator({
        ...functionsOfBoth,
        firstKey: keyOf,
        secondKey: keyOf,
        state: {},
        operatorState: twice,
      }),
  ]
  for (const operator of operators) expect(operator).toThrow(expect.objectContaining({ code: 'GRA1006' }))
})

test('state per key and timers without keys are refused when the job is built', () => {
  const never = (): void => {}
  const keyed = { state: { n: valueState<number>('n') } }
  const timed = { onTimer: never }
  for (const extra of [keyed, timed]) {
    const unfit: [() => unknown, () => unknown] = [
      () => coProcessOperator({ onFirst: never, onSecond: never, ...extra }),
      () => broadcastProcessOperator({ broadcastState: {}, onRecord: never, onBroadcast: never, ...extra }),
    ]
    for (const build of unfit) expect(build).toThrow(expect.objectContaining({ code: 'STA1003' }))
  }
})
