/** Timers of process functions: when they fire, in which order, and how often. */
import { expect, test } from 'vitest'
import { valueState } from '../state/descriptors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import type { KeyedProcessContext } from './keyed-context.ts'
import { keyedProcessOperator } from './keyed-process.ts'
import type { OperatorSpec } from './operator.ts'

type Command = readonly [key: string, ...actions: string[]]
type Context = KeyedProcessContext<string, Readonly<Record<string, never>>, string>

const keyBy = ([key]: Command): string => key
const command = (timestamp: number, ...command: Command): ScriptStep => record(command, timestamp)

/** `e5`: registers an event timer at 5; `p5`: a processing timer; `-e5`: deletes it. */
function act(action: string, ctx: Context): void {
  const isDeleted = action.startsWith('-')
  const [domain, at] = [action.at(isDeleted ? 1 : 0), Number(action.slice(isDeleted ? 2 : 1))]
  if (domain === 'e') return isDeleted ? ctx.deleteEventTimeTimer(at) : ctx.registerEventTimeTimer(at)
  return isDeleted ? ctx.deleteProcessingTimeTimer(at) : ctx.registerProcessingTimeTimer(at)
}

/** Does what its records say, and when a timer fires what `onFire` says about it. */
function obeying(onFire: Readonly<Record<string, readonly string[]>> = {}): OperatorSpec {
  return keyedProcessOperator<Command, string, Readonly<Record<string, never>>, string>({
    keySelector: keyBy,
    state: {},
    onRecord: ([, ...actions], ctx) => actions.forEach((action) => act(action, ctx)),
    onTimer(timestampMs, ctx) {
      const name = `${ctx.timeDomain === 'event' ? 'e' : 'p'}${timestampMs}`
      ctx.emit(`${ctx.key} ${name}`)
      for (const action of onFire[name] ?? []) act(action, ctx)
    },
  })
}

test('timers fire by time, whatever the order of registration, and each one once', async () => {
  const script = [
    command(0, 'k', 'e30', 'e10', 'e20', 'e10', 'p7', 'p7', 'p5'),
    watermark(20),
    processingTime(9),
    watermark(30),
  ]
  const output = await testOperator(obeying(), script, { keyBy })
  expect(output.values).toEqual(['k e10', 'k e20', 'k p5', 'k p7', 'k e30'])
  expect(output.keysLeft).toBe(0)
})

test('timers of one moment in both kinds of time are two timers, and deleting one leaves the other', async () => {
  const script = [
    command(0, 'k', 'e10', 'p10', '-p10'),
    command(0, 'l', 'e10', 'p10', '-e10'),
    watermark(10),
    processingTime(10),
  ]
  expect((await testOperator(obeying(), script, { keyBy })).values).toEqual(['k e10', 'l p10'])
})

test('deleting a timer that is not there, of another key or another time, does nothing', async () => {
  const script = [command(0, 'k', 'e10', '-e11', '-p10'), command(0, 'l', '-e10'), watermark(10)]
  expect((await testOperator(obeying(), script, { keyBy })).values).toEqual(['k e10'])
})

test('timers that a timer registers fire in the same advance when they are due, in order, also in the past', async () => {
  const onFire = { e10: ['e30', 'e15', 'e5'], e15: ['e20', '-e25'], e30: ['e31'] }
  const script = [command(0, 'k', 'e10', 'e25'), watermark(30), watermark(31)]
  const output = await testOperator(obeying(onFire), script, { keyBy })
  expect(output.records.map(({ value, timestamp }) => [value, timestamp])).toEqual([['k e10', 10], ['k e5', 5], ['k e15', 15], ['k e20', 20], ['k e30', 30], ['k e31', 31]]) // prettier-ignore
})

test('processing timers that a timer registers wait for their time, or fire at once when it has passed', async () => {
  const onFire = { p10: ['p5', 'p40', 'e3'], p5: ['-p40', 'p30'] }
  const script = [command(0, 'k', 'p10'), processingTime(20), processingTime(29), processingTime(50), watermark(3)]
  const output = await testOperator(obeying(onFire), script, { keyBy })
  expect(output.values).toEqual(['k p10', 'k p5', 'k p30', 'k e3'])
  expect(output.records[0]?.timestamp).toBe(NO_TIMESTAMP)
})

test('a timer at or below the watermark fires with the next watermark, one in past processing time at once', async () => {
  const script = [
    watermark(10),
    processingTime(10),
    command(11, 'k', 'e10', 'e9', 'p9'),
    processingTime(11),
    watermark(11),
  ]
  expect((await testOperator(obeying(), script, { keyBy })).values).toEqual(['k p9', 'k e9', 'k e10'])
})

test('at the end of the input all event timers fire, and no processing timer', async () => {
  const script = [command(0, 'k', 'e10', 'e20', 'p10'), watermark(10), endOfInput()]
  const output = await testOperator(obeying({ e20: ['e8000000000000000'] }), script, { keyBy })
  expect(output.values).toEqual(['k e10', 'k e20', 'k e8000000000000000'])
  expect(output.keysLeft).toBe(1)
})

test('random registrations and deletions fire what a sorted list of them fires', async () => {
  const seed = 20_260_801
  let random = seed
  const next = (below: number): number => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((random / 2 ** 32) * below)
  }
  const script: ScriptStep[] = []
  const timers = new Set<string>()
  const expected: string[] = []
  for (let now = 0; now < 60; now++) {
    const at = now + next(12) - 2
    const [key, isDeleted] = [`k${next(4)}`, next(4) === 0]
    script.push(command(now, key, `${isDeleted ? '-' : ''}e${at}`))
    if (isDeleted) timers.delete(`${at} ${key}`)
    else timers.add(`${at} ${key}`)
    if (next(3) > 0) continue
    script.push(watermark(now))
    const due = [...timers].filter((timer) => Number.parseInt(timer, 10) <= now)
    for (const timer of due) timers.delete(timer)
    expected.push(...due)
  }
  const output = await testOperator(obeying(), script, { keyBy })
  const fired = output.values.map((value) => String(value).split(' e').toReversed().join(' '))
  expect(fired.toSorted(), `seed ${seed}`).toEqual(expected.toSorted())
  expect(output.keysLeft, `seed ${seed}`).toBe(new Set([...timers].map((timer) => timer.split(' ')[1])).size)
})

test('a timer of a key sees the state of that key only', async () => {
  const counting = keyedProcessOperator({
    keySelector: keyBy,
    state: { count: valueState<number>('count', 0) },
    onRecord(_command: Command, ctx) {
      ctx.state.count.update(ctx.state.count.value() + 1)
      ctx.registerEventTimeTimer(10)
    },
    onTimer(_timestampMs, ctx) {
      ctx.emit(`${ctx.key}${ctx.state.count.value()}`)
      ctx.state.count.clear()
    },
  })
  const script = [command(1, 'k'), command(1, 'l'), command(1, 'k'), watermark(10)]
  const output = await testOperator(counting, script, { keyBy })
  expect(new Set(output.values)).toEqual(new Set(['k2', 'l1']))
  expect(output.keysLeft).toBe(0)
})

test('a watermark that was there before a restore does not bring forward a timer that waits for the next', async () => {
  const late = keyedProcessOperator({
    keySelector: (value: string) => value,
    state: {},
    onRecord(_value: string, ctx) {
      ctx.registerEventTimeTimer(5)
    },
    onTimer(timestampMs, ctx) {
      ctx.emit(timestampMs)
    },
  })
  const script = [watermark(10), record('a', 1), watermark(10), watermark(9), record('b', 2), watermark(11)]
  const { values } = await testOperator(late, script, { keyBy: (value: string) => value })
  expect(values).toEqual([5, 5])
})
