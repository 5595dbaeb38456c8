import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { listState, mapState, valueState } from '../state/descriptors.ts'
import type { BroadcastState } from '../state/operator-states.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, record, secondRecord, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { keyedBroadcastProcessOperator } from './broadcast-keyed-process.ts'
import { broadcastProcessOperator } from './broadcast-process.ts'

interface Payment {
  readonly card: string
  readonly amount: number
}

interface Limit {
  readonly name: string
  readonly amount: number
}

const payment = (card: string, amount: number): Payment => ({ card, amount })
const limit = (name: string, amount: number): Limit => ({ name, amount })
const keyBy = (one: Payment): string => one.card
const limits = { limits: mapState<string, number>('limits') }

const overLimits = keyedBroadcastProcessOperator({
  keySelector: keyBy,
  state: { spent: valueState<number>('spent', 0) },
  broadcastState: limits,
  onRecord({ amount }: Payment, ctx) {
    const spent = ctx.state.spent.value() + amount
    ctx.state.spent.update(spent)
    for (const [name, most] of ctx.broadcastState.limits.entries()) if (spent > most) ctx.emit(`${ctx.key} ${name}`)
  },
  onBroadcast({ name, amount }: Limit, ctx) {
    if (amount === 0) ctx.broadcastState.limits.remove(name)
    else ctx.broadcastState.limits.put(name, amount)
  },
})

test('broadcast records change what all keys see, in every subtask, and new subtasks get a copy', async () => {
  const output = await testOperator(
    overLimits,
    [
      record(payment('a', 50), 1),
      secondRecord(limit('high', 90), 2),
      secondRecord(limit('low', 40), 3),
      record(payment('a', 10), 4),
      record(payment('b', 30), 5),
      record(payment('c', 95), 6),
      secondRecord(limit('high', 30), 7),
      record(payment('b', 5), 8),
      secondRecord(limit('low', 0), 9),
      record(payment('d', 95), 10),
      record(payment('e', 31), 11),
    ],
    { keyBy },
  )
  expect(output.values).toEqual(['a low', 'c high', 'c low', 'b high', 'd high', 'e high'])
})

test('a broadcast record can change the state of every key that has it', async () => {
  const spec = keyedBroadcastProcessOperator({
    keySelector: keyBy,
    state: { spent: valueState<number>('spent', 0), seen: listState<number>('seen') },
    broadcastState: {},
    onRecord({ amount }: Payment, ctx) {
      ctx.state.seen.add(amount)
      if (amount > 0) ctx.state.spent.update(ctx.state.spent.value() + amount)
    },
    onBroadcast(command: 'show' | 'double' | 'clear', ctx) {
      ctx.applyToKeyedState('spent', (key, spent) => {
        if (command === 'show') ctx.emit(`${key} ${spent.value()}`)
        else if (command === 'double') spent.update(spent.value() * 2)
        else spent.clear()
      })
    },
  })
  const output = await testOperator(
    spec,
    [
      secondRecord('show', 1),
      record(payment('a', 5), 2),
      record(payment('b', 7), 3),
      record(payment('c', 0), 4),
      secondRecord('double', 5),
      record(payment('a', 1), 6),
      secondRecord('show', 7),
      secondRecord('clear', 8),
      secondRecord('show', 9),
      record(payment('b', 2), 10),
      secondRecord('show', 11),
    ],
    { keyBy },
  )
  expect([...output.records].sort((a, b) => a.timestamp - b.timestamp)).toEqual([
    { value: 'a 11', timestamp: 7 },
    { value: 'b 14', timestamp: 7 },
    { value: 'b 2', timestamp: 11 },
  ])
  expect(output.keysLeft).toBe(3)
})

test('a key that is cleared and set again while all are visited is visited once', async () => {
  const spec = keyedBroadcastProcessOperator({
    keySelector: keyBy,
    state: { spent: valueState<number>('spent') },
    broadcastState: {},
    onRecord: ({ amount }: Payment, ctx) => ctx.state.spent.update(amount),
    onBroadcast(_command: string, ctx) {
      ctx.applyToKeyedState('spent', (key, spent) => {
        const value = spent.value() ?? 0
        spent.clear()
        spent.update(value + 1)
        ctx.emit(`${key} ${value}`)
      })
    },
  })
  const script = [record(payment('a', 1)), record(payment('b', 2)), secondRecord('x'), secondRecord('x')]
  const output = await testOperator(spec, script, { keyBy })
  expect([...output.values].map(String).sort()).toEqual(['a 1', 'a 2', 'b 2', 'b 3'])
})

test('timers see broadcast state', async () => {
  const spec = keyedBroadcastProcessOperator({
    keySelector: keyBy,
    state: {},
    broadcastState: limits,
    onRecord: (_payment: Payment, ctx) => ctx.registerEventTimeTimer(ctx.timestamp + 10),
    onBroadcast: ({ name, amount }: Limit, ctx) => ctx.broadcastState.limits.put(name, amount),
    onTimer: (timestampMs, ctx) => ctx.emit(`${ctx.key} ${timestampMs} ${String(ctx.broadcastState.limits.get('x'))}`),
  })
  const output = await testOperator(
    spec,
    [record(payment('a', 1), 1), secondRecord(limit('x', 7), 2), watermark(20), endOfInput()],
    { keyBy },
  )
  expect(output.records).toEqual([{ value: 'a 11 7', timestamp: 11 }])
})

/** What the type of the context does not show, for those who write JavaScript. */
const writable = (state: unknown): BroadcastState<string, number> => state as BroadcastState<string, number> // it is, at run time

test('writing broadcast state outside of onBroadcast is refused', async () => {
  for (const write of [
    (state: BroadcastState<string, number>) => state.put('x', 1),
    (state: BroadcastState<string, number>) => state.remove('x'),
    (state: BroadcastState<string, number>) => state.clear(),
  ]) {
    const keyed = keyedBroadcastProcessOperator({
      keySelector: keyBy,
      state: {},
      broadcastState: limits,
      onRecord: (_payment: Payment, ctx) => write(writable(ctx.broadcastState.limits)),
      onBroadcast() {},
    })
    const refused = {
      code: 'STA1010',
      message: expect.stringContaining('broadcast state "limits" of operator "operator"'),
    }
    await expect(testOperator(keyed, [record(payment('a', 1))], { keyBy })).rejects.toMatchObject(refused)
    const unkeyed = broadcastProcessOperator({
      broadcastState: limits,
      onRecord: (_payment: Payment, ctx) => write(writable(ctx.broadcastState.limits)),
      onBroadcast() {},
    })
    await expect(testOperator(unkeyed, [record(payment('a', 1))])).rejects.toMatchObject(refused)
  }
})

test('visiting keys outside of onBroadcast, or by an unknown state, is refused', async () => {
  let kept: { applyToKeyedState(name: 'spent', visit: () => void): void } | undefined
  const spec = keyedBroadcastProcessOperator({
    keySelector: keyBy,
    state: { spent: valueState<number>('spent') },
    broadcastState: limits,
    onRecord: () => kept?.applyToKeyedState('spent', () => {}),
    onBroadcast(value: string, ctx) {
      kept = ctx
      if (value === 'unknown') ctx.applyToKeyedState('constructor' as 'spent', () => {}) // what a program without types may do
    },
  })
  await expect(testOperator(spec, [secondRecord('x'), record(payment('a', 1))], { keyBy })).rejects.toMatchObject({
    code: 'STA1010',
  })
  await expect(testOperator(spec, [secondRecord('unknown')], { keyBy })).rejects.toMatchObject({ code: 'STA1002' })
})

test('what a visitor throws says of which key', async () => {
  const spec = keyedBroadcastProcessOperator({
    keySelector: keyBy,
    state: { spent: valueState<number>('spent') },
    broadcastState: {},
    onRecord: ({ amount }: Payment, ctx) => ctx.state.spent.update(amount),
    onBroadcast(_value: string, ctx) {
      ctx.applyToKeyedState('spent', () => {
        throw new RangeError('boom')
      })
    },
  })
  await expect(testOperator(spec, [record(payment('a', 1)), secondRecord('x')], { keyBy })).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining(
      'the function given to applyToKeyedState of operator "operator" threw: boom. The record of key "a"',
    ),
  })
})

test('without keys, records see what the broadcast records before them have put', async () => {
  const spec = broadcastProcessOperator<string, string, { readonly hidden: ReturnType<typeof hiddenWords> }, string>({
    broadcastState: { hidden: hiddenWords() },
    onRecord(word, ctx) {
      if (!ctx.broadcastState.hidden.has(word)) ctx.emit(word)
      else ctx.sideOutput('hidden', `${word} ${ctx.broadcastState.hidden.size()}`)
    },
    onBroadcast(word, ctx) {
      if (word === '') ctx.broadcastState.hidden.clear()
      else ctx.broadcastState.hidden.put(word, true)
    },
  })
  const output = await testOperator(
    spec,
    [record('a', 1), secondRecord('a', 2), record('a', 3), record('b', 4), secondRecord('', 5), record('a', 6)],
    { distribution: 'second-to-all' },
  )
  expect(output.values).toEqual(['a', 'b', 'a'])
  expect(output.sideOutput('hidden')).toEqual([{ value: 'a 1', timestamp: 3 }])
})

function hiddenWords() {
  return mapState<string, boolean>('hidden')
}

test('broadcast states of one name, or with a time to live, are refused when the job is built', () => {
  const functions = { onRecord() {}, onBroadcast() {} }
  const twice = { first: mapState<string, number>('n'), second: mapState<string, number>('n') }
  expect(() => broadcastProcessOperator({ ...functions, broadcastState: twice })).toThrow(
    expect.objectContaining({ code: 'GRA1006' }),
  )
  const mortal = { first: mapState<string, number>('n', { ttl: '1h' }) }
  const keyed = { keySelector: () => 'a', state: {}, ...functions, broadcastState: mortal }
  expect(() => keyedBroadcastProcessOperator(keyed)).toThrow(expect.objectContaining({ code: 'STA1003' }))
})

const commandOf = fc.oneof(
  fc.record({ card: fc.constantFrom('a', 'b', 'c', 'd'), amount: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ name: fc.constantFrom('x', 'y', 'z'), amount: fc.integer({ min: 0, max: 40 }) }),
)

test('broadcast state is what a plain map is, through failures and changes of parallelism', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(commandOf, { maxLength: 40 }), async (commands) => {
      const script = commands.map((one): ScriptStep => ('card' in one ? record(one, 1) : secondRecord(one, 1)))
      const output = await testOperator(overLimits, script, { keyBy })
      expect(output.values).toEqual(plainOverLimits(commands))
    }),
    { numRuns: 150 },
  )
})

function plainOverLimits(commands: readonly (Payment | Limit)[]): string[] {
  const known = new Map<string, number>()
  const spent = new Map<string, number>()
  const results: string[] = []
  for (const one of commands) {
    if ('name' in one) {
      if (one.amount === 0) known.delete(one.name)
      else known.set(one.name, one.amount)
      continue
    }
    const sum = (spent.get(one.card) ?? 0) + one.amount
    spent.set(one.card, sum)
    for (const [name, most] of known) if (sum > most) results.push(`${one.card} ${name}`)
  }
  return results
}
