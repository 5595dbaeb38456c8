import { expect, test } from 'vitest'
import { operatorContext } from '../../test/operator-context.ts'
import { broadcastState, operatorListState, unionListState } from '../state/operator-descriptors.ts'
import { MIN_WATERMARK, NO_TIMESTAMP } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark } from '../testing/operator-script.ts'
import type { OperatorContext } from './operator.ts'
import { outputTag } from './output-tag.ts'
import { processOperator } from './process.ts'

const NONE = {}

test('each record is one call, which may emit any number of records with their timestamps', async () => {
  const twice = processOperator({
    operatorState: NONE,
    onRecord(value: number, ctx) {
      for (let i = 0; i < value; i++) ctx.emit(`${value} at ${ctx.timestamp}`)
      if (value === 0) ctx.emitWithTimestamp('none', 99)
    },
  })
  const output = await testOperator(twice, [record(2, 10), record(0, 11), record(1)])
  expect(output.records).toEqual([
    { value: '2 at 10', timestamp: 10 },
    { value: '2 at 10', timestamp: 10 },
    { value: 'none', timestamp: 99 },
    { value: `1 at ${NO_TIMESTAMP}`, timestamp: NO_TIMESTAMP },
  ])
})

test('it knows the watermark, also after a restore, and the wall time', async () => {
  const asking = processOperator({
    operatorState: NONE,
    onRecord: (_value: string, ctx) => ctx.emit([ctx.currentWatermark(), ctx.processingTimeMs()]),
  })
  const script = [record('a'), watermark(7), record('b'), processingTime(50), watermark(9), record('c')]
  expect((await testOperator(asking, script)).values).toEqual([[MIN_WATERMARK, 0], [7, 0], [9, 50]]) // prettier-ignore
})

test('side outputs and counters are for every call', async () => {
  const odd = outputTag<number>('odd')
  const splitting = processOperator({
    operatorState: NONE,
    onRecord(value: number, ctx) {
      ctx.counter('seen').add(1)
      if (value % 2 === 0) ctx.emit(value)
      else ctx.sideOutput(odd, value, 5)
    },
    onEnd(ctx) {
      ctx.sideOutput('end', 'over')
      ctx.emit(-1)
    },
  })
  const output = await testOperator(splitting, [record(1, 1), record(2, 2), record(3, 3), endOfInput()])
  expect(output.sideOutput('odd')).toEqual([{ value: 1, timestamp: 5 }, { value: 3, timestamp: 5 }]) // prettier-ignore
  expect(output.sideOutput('end')).toEqual([{ value: 'over', timestamp: NO_TIMESTAMP }])
  expect(output.values).toEqual([2, -1])
  expect(output.counters).toEqual({ seen: 3 })
})

test('operator state of every mode is in the cut, as it was at the cut', async () => {
  const remembering = processOperator({
    operatorState: {
      list: operatorListState<{ n: number }>('list'),
      union: unionListState<number>('union'),
      shared: broadcastState<string, number>('shared'),
    },
    onRecord(value: number, { operatorState: { list, union, shared } }) {
      list.add({ n: value })
      for (const item of list.get()) item.n += 1
      union.update([...union.get(), value].slice(-2))
      shared.put(`k${value % 2}`, value)
      if (value === 3) shared.remove('k0')
    },
    onEnd(ctx) {
      const { list, union, shared } = ctx.operatorState
      ctx.emit([
        list.get().map(({ n }) => n),
        [...union.get()],
        [...shared.entries()],
        shared.size(),
        shared.has('k1'),
        shared.get('k1'),
      ])
      list.clear()
      shared.clear()
    },
  })
  const output = await testOperator(remembering, [record(1), record(2), record(3), endOfInput()], {
    notRescaledBecause: 'each subtask remembers its own records',
  })
  expect(output.values).toEqual([[[4, 4, 4], [2, 3], [['k1', 3]], 1, true, 3]])
})

test('open sees the restored state and whether there was one, and cannot emit', () => {
  const seen: unknown[] = []
  const opening = processOperator({
    operatorState: { items: operatorListState<number>('items') },
    open(ctx) {
      seen.push(ctx.isRestored, [...ctx.operatorState.items.get()], ctx.info.subtask)
      ctx.operatorState.items.add(9)
    },
    onRecord() {},
  })
  opening.create().open(operatorContext())
  opening
    .create()
    .open(operatorContext({ restored: [{ name: 'state:items', mode: 'split', items: [1, 2] }], restoredCheckpoint: 4 }))
  expect(seen).toEqual([false, [], 0, true, [1, 2], 0])
})

test('what is restored must be declared, in the mode it had', () => {
  const items = { operatorState: { items: operatorListState<number>('items') }, onRecord() {} }
  const opened = (restored: OperatorContext['restored']) => () =>
    processOperator(items).create().open(operatorContext({ restored }))
  const refused = (message: RegExp) =>
    expect.objectContaining({ code: 'STA1002', message: expect.stringMatching(message) })
  expect(opened([{ name: 'state:items', mode: 'union', items: [] }])).toThrow(
    refused(/declared as split state, but was union/),
  )
  expect(opened([{ name: 'state:other', mode: 'split', items: [] }])).toThrow(
    refused(/operator state "other".*does not declare/),
  )
  expect(opened([{ name: 'watermark', mode: 'union', items: [5] }])).not.toThrow()
})

test('close is called once, however often the operator is closed, and must not emit', async () => {
  let closed = 0
  let kept: { emit(value: unknown): void } | undefined
  const closing = processOperator({
    operatorState: NONE,
    onRecord: (_value: number, ctx) => void (kept = ctx),
    async close() {
      await Promise.resolve()
      closed++
    },
  })
  const failures: unknown[] = []
  const operator = closing.create()
  operator.open(operatorContext({ fail: (error) => failures.push(error) }))
  operator.onRecord(1, 1)
  await operator.close()
  await operator.close()
  expect(closed).toBe(1)
  expect(() => kept?.emit('late')).toThrow(expect.objectContaining({ code: 'TSK1005' }))
  expect(failures).toMatchObject([{ code: 'TSK1005' }])
})

test.each([
  ['open', /open function of operator "operator" threw: boom\. The subtask did not start/],
  ['onRecord', /onRecord function .* threw: boom\. The record was not processed/],
  ['onEnd', /onEnd function .* threw: boom\. What it would have emitted at the end of the input is missing/],
  ['close', /close function .* threw: boom\. The records before were processed/],
])('what %s throws says what it means', async (name, message) => {
  const failing = processOperator({
    operatorState: NONE,
    onRecord() {},
    [name]: () => {
      throw new RangeError('boom')
    },
  })
  await expect(testOperator(failing, [record(1), endOfInput()])).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringMatching(message),
  })
})

test.each(['open', 'onRecord', 'onEnd'])('an asynchronous %s is refused', async (name) => {
  const asynchronous = processOperator({ operatorState: NONE, onRecord() {}, [name]: () => Promise.resolve() })
  await expect(testOperator(asynchronous, [record(1), endOfInput()])).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining(`${name} function of operator "operator" returned a promise`),
  })
})

test.each(['state', 'onTimer'])('%s needs keys, and is refused when the job is built', (name) => {
  expect(() => processOperator({ operatorState: NONE, onRecord() {}, [name]: {} })).toThrow(
    expect.objectContaining({ code: 'STA1003', message: expect.stringContaining('Call keyBy before process') }),
  )
})

test('a timer needs a key: whoever asks for one is told so', async () => {
  const asking = processOperator({
    operatorState: NONE,
    onRecord: (_value: number, ctx) =>
      (ctx as unknown as { registerEventTimeTimer(at: number): void }).registerEventTimeTimer(5),
  })
  await expect(testOperator(asking, [record(1, 1)])).rejects.toMatchObject({ code: 'GRA1005' })
})

test('only operator state makes it stateful, and two of one name are refused', () => {
  expect(processOperator({ operatorState: NONE, onRecord() {} }).stateful).toBe(false)
  expect(processOperator({ operatorState: { a: unionListState('a') }, onRecord() {} }).stateful).toBe(true)
  const twice = { a: unionListState('a'), b: broadcastState('a') }
  expect(() => processOperator({ operatorState: twice, onRecord() {} })).toThrow(
    expect.objectContaining({ code: 'GRA1006' }),
  )
})
