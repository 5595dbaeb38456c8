/** Keys of every type and shape in every operator with keys: what is equal is one key, and what only looks like it is another. */
import { expect, test } from 'vitest'
import { count } from '../api/aggregates.ts'
import { valueState } from '../state/descriptors.ts'
import type { Key } from '../stream/key-groups.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, record, secondRecord, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { coGroupOperator } from './co-group.ts'
import { generalWindowOperator } from './general-window-operator.ts'
import { intervalJoinOperator } from './interval-join.ts'
import { keyedProcessOperator } from './keyed-process.ts'
import type { OperatorSpec } from './operator.ts'
import type { WindowAssigner } from './window-assigners.ts'
import type { AnyWindowDefinition } from './window-layout.ts'
import { windowOperator } from './windows.ts'

interface Item {
  readonly key: Key
}

const KEYS: readonly Key[] = [
  1,
  '1',
  1n,
  true,
  'true',
  false,
  'false',
  0,
  '',
  '0',
  0n,
  1.5,
  '1.5',
  -1,
  2 ** 53,
  1e300,
  10n ** 40n,
  '\ud800',
]
const keyBy = ({ key }: Item): Key => key
const text = (key: Key): string => `${typeof key} ${JSON.stringify(String(key))}`
const twice: readonly Key[] = [...KEYS, ...KEYS]
const shown = (values: readonly unknown[]): string[] => values.map(String).sort()

const counting: OperatorSpec = keyedProcessOperator({
  keySelector: keyBy,
  state: { count: valueState<number>('count', 0) },
  onRecord(_item: Item, ctx) {
    ctx.state.count.update(ctx.state.count.value() + 1)
    ctx.registerEventTimeTimer(50)
  },
  onTimer(_timestampMs, ctx) {
    ctx.emit(`${text(ctx.key)} ${ctx.state.count.value()}`)
    ctx.state.count.clear()
  },
})

const assigners: readonly WindowAssigner[] = [
  { kind: 'tumbling', sizeMs: 100, offsetMs: 0 },
  { kind: 'sliding', sizeMs: 100, slideMs: 100, offsetMs: 0 },
  { kind: 'session', gapMs: 60 },
]

function windows(assigner: WindowAssigner) {
  return {
    keySelector: keyBy,
    assigner,
    aggregate: count(),
    resultOf: (key: Key, _window: unknown, held: number) => `${text(key)} ${held}`,
  }
}

const operators: readonly OperatorSpec[] = [
  counting,
  ...assigners.map((assigner) => windowOperator(windows(assigner))),
  ...assigners.map((assigner) => generalWindowOperator(windows(assigner) as unknown as AnyWindowDefinition)),
]

test.each(operators.map((spec, index) => [`${spec.kind} ${index}`, spec] as const))(
  '%s keeps keys of different types apart, and those of one type together',
  async (_name, spec) => {
    const script = twice.map((key, index): ScriptStep => record({ key }, index))
    const output = await testOperator(spec, [...script, watermark(60), endOfInput()], { keyBy })
    expect(shown(output.values)).toEqual(KEYS.map((key) => `${text(key)} 2`).sort())
    expect(output.keysLeft).toBe(0)
  },
)

test('both inputs of a join and a coGroup agree on keys', async () => {
  const join = intervalJoinOperator({
    leftKey: keyBy,
    rightKey: keyBy,
    interval: { lowerMs: 0, upperMs: 0, lowerBound: 'inclusive', upperBound: 'inclusive' },
    onMatch: (left: Item, right: Item, ctx) => ctx.emit(`${text(left.key)} ${text(right.key)}`),
  })
  const coGroup = coGroupOperator({
    kind: 'co-group',
    leftKey: keyBy,
    rightKey: keyBy,
    assigner: { kind: 'tumbling', sizeMs: 100, offsetMs: 0 },
    coGroup: (lefts: readonly Item[], rights: readonly Item[], ctx) =>
      ctx.emit([...lefts, ...rights].map(({ key }) => text(key)).join(' ')),
  })
  const script = [
    ...KEYS.map((key) => record({ key }, 1)),
    ...KEYS.toReversed().map((key) => secondRecord({ key }, 1)),
    endOfInput(),
  ]
  for (const spec of [join, coGroup]) {
    const output = await testOperator(spec, script, { keyBy, secondKeyBy: keyBy })
    expect(shown(output.values)).toEqual(KEYS.map((key) => `${text(key)} ${text(key)}`).sort())
  }
})

test('zero and negative zero are one key', async () => {
  const script = [record({ key: 0 }, 1), record({ key: -0 }, 2), endOfInput()]
  for (const spec of operators) {
    const output = await testOperator(spec, script, { keyBy })
    expect(output.values).toEqual(['number "0" 2'])
  }
})
