import { expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, secondRecord, watermark } from '../testing/operator-script.ts'
import type { CoGroupDefinition } from './co-group-definition.ts'
import { coGroupOperator } from './co-group.ts'
import { CountEvictor } from './evictors.ts'
import { outputTag } from './output-tag.ts'
import { CountTrigger, PurgingTrigger } from './triggers.ts'
import {
  EventTimeSessionWindows,
  GlobalWindows,
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
} from './window-assigners.ts'
import { windowJoinOperator } from './window-join.ts'

interface Person {
  readonly id: number
  readonly name: string
}

interface Auction {
  readonly seller: number
  readonly item: string
}

const person = (id: number, name: string): Person => ({ id, name })
const auction = (seller: number, item: string): Auction => ({ seller, item })
const keys = { keyBy: (one: Person) => one.id, secondKeyBy: (one: Auction) => one.seller }
type Definition = CoGroupDefinition<Person, Auction, number, string>

const coGroup = (definition: Pick<Definition, 'assigner'> & Partial<Definition>) =>
  coGroupOperator<Person, Auction, number, string>({
    kind: 'co-group',
    leftKey: (one) => one.id,
    rightKey: (one) => one.seller,
    coGroup: (people, auctions, ctx) => {
      const names = people.map(({ name }) => name).join(' ')
      ctx.emit(
        `${ctx.key} [${ctx.window.start}, ${ctx.window.end}) ${names} | ${auctions.map(({ item }) => item).join(' ')}`,
      )
    },
    ...definition,
  })

test('the function gets the records of both inputs with one key and window, also where one input has none', async () => {
  const output = await testOperator(
    coGroup({ assigner: TumblingEventTimeWindows.of('10ms') }),
    [
      secondRecord(auction(1, 'car'), 3),
      record(person(1, 'Ann'), 4),
      record(person(2, 'Bob'), 5),
      secondRecord(auction(1, 'cup'), 6),
      secondRecord(auction(3, 'cat'), 7),
      secondRecord(auction(1, 'cap'), 12),
      watermark(9),
      endOfInput(),
    ],
    keys,
  )
  expect(output.records).toEqual(
    expect.arrayContaining([
      { value: '1 [0, 10) Ann | car cup', timestamp: 9 },
      { value: '2 [0, 10) Bob | ', timestamp: 9 },
      { value: '3 [0, 10)  | cat', timestamp: 9 },
      { value: '1 [10, 20)  | cap', timestamp: 19 },
    ]),
  )
  expect(output.records).toHaveLength(4)
  expect(output.keysLeft).toBe(0)
})

test('within its lateness a window calls the function again with all records', async () => {
  const late = outputTag<unknown>('late')
  const output = await testOperator(
    coGroup({ assigner: TumblingEventTimeWindows.of('10ms'), allowedLatenessMs: 5, lateTag: late.name }),
    [
      record(person(1, 'Ann'), 4),
      watermark(9),
      secondRecord(auction(1, 'car'), 3),
      watermark(14),
      secondRecord(auction(1, 'cup'), 3),
      record(person(1, 'Al'), 2),
    ],
    keys,
  )
  expect(output.values).toEqual(['1 [0, 10) Ann | ', '1 [0, 10) Ann | car'])
  expect(output.sideOutput('late')).toEqual([
    { value: { side: 'right', value: auction(1, 'cup') }, timestamp: 3 },
    { value: { side: 'left', value: person(1, 'Al') }, timestamp: 2 },
  ])
  expect(output.counters['lateRecords']).toBe(2)
})

test('lists that a function emits do not change when the window fires again', async () => {
  const spec = coGroupOperator<Person, Auction, number, unknown>({
    kind: 'co-group',
    leftKey: (one) => one.id,
    rightKey: (one) => one.seller,
    assigner: TumblingEventTimeWindows.of('10ms'),
    allowedLatenessMs: 100,
    coGroup: (people, auctions, ctx) => ctx.emit({ people, auctions }),
  })
  const script = [record(person(1, 'Ann'), 1), watermark(9), record(person(1, 'Al'), 2), record(person(1, 'Abe'), 3)]
  const output = await testOperator(spec, script, keys)
  expect(output.values.map((value) => (value as { people: unknown[] }).people.length)).toEqual([1, 2, 3])
})

test('sessions of both inputs are joined to one', async () => {
  const output = await testOperator(
    coGroup({ assigner: EventTimeSessionWindows.withGap('10ms') }),
    [
      record(person(1, 'Ann'), 0),
      secondRecord(auction(1, 'cup'), 20),
      record(person(1, 'Al'), 21),
      secondRecord(auction(1, 'car'), 10),
      watermark(100),
    ],
    keys,
  )
  expect(output.records).toEqual([{ value: '1 [0, 31) Ann Al | cup car', timestamp: 30 }])
})

test('windows of processing time take the records of both inputs as they come', async () => {
  const output = await testOperator(
    coGroup({ assigner: TumblingProcessingTimeWindows.of('10ms') }),
    [record(person(1, 'Ann')), processingTime(9), secondRecord(auction(1, 'car')), processingTime(10)],
    keys,
  )
  expect(output.values).toEqual(['1 [0, 10) Ann | car'])
})

test('a trigger counts the records of both inputs', async () => {
  const output = await testOperator(
    coGroup({
      assigner: GlobalWindows.create(),
      trigger: PurgingTrigger.of(CountTrigger.of(2)),
      coGroup: (people, auctions, ctx) => ctx.emit(`${people.length} ${auctions.length}`),
    }),
    [
      record(person(1, 'Ann'), 1),
      secondRecord(auction(1, 'car'), 2),
      secondRecord(auction(1, 'cup'), 3),
      secondRecord(auction(2, 'cat'), 3),
      secondRecord(auction(1, 'cap'), 4),
    ],
    keys,
  )
  expect(output.values).toEqual(['1 1', '0 2'])
})

test('an evictor sees the records of both inputs in order of arrival', async () => {
  const output = await testOperator(
    coGroup({ assigner: TumblingEventTimeWindows.of('10ms'), evictor: CountEvictor.of(2) }),
    [record(person(1, 'Ann'), 1), secondRecord(auction(1, 'car'), 2), record(person(1, 'Al'), 3), watermark(9)],
    keys,
  )
  expect(output.values).toEqual(['1 [0, 10) Al | car'])
})

test('late records of windows with a trigger say which input they are of', async () => {
  const output = await testOperator(
    coGroup({ assigner: TumblingEventTimeWindows.of('10ms'), trigger: CountTrigger.of(1), lateTag: 'late' }),
    [watermark(9), secondRecord(auction(1, 'car'), 2)],
    keys,
  )
  expect(output.sideOutput('late')).toEqual([{ value: { side: 'right', value: auction(1, 'car') }, timestamp: 2 }])
})

test('the watermark and side outputs are there for the function', async () => {
  const output = await testOperator(
    coGroup({
      assigner: TumblingEventTimeWindows.of('10ms'),
      coGroup: (people, _auctions, ctx) => {
        ctx.sideOutput('people', people.length)
        ctx.emit(`${ctx.currentWatermark()}`)
      },
    }),
    [record(person(1, 'Ann'), 1), record(person(2, 'Bob'), 1), watermark(12), watermark(13)],
    keys,
  )
  expect(output.records).toEqual([
    { value: '12', timestamp: 9 },
    { value: '12', timestamp: 9 },
  ])
  expect(output.sideOutput('people')).toEqual([
    { value: 1, timestamp: 9 },
    { value: 1, timestamp: 9 },
  ])
})

test('what the function throws says of which window and key', async () => {
  const failing = coGroup({
    assigner: TumblingEventTimeWindows.of('10ms'),
    coGroup: () => {
      throw new RangeError('boom')
    },
  })
  await expect(testOperator(failing, [record(person(1, 'Ann'), 1), watermark(9)], keys)).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining(
      'the coGroup function of operator "operator" threw: boom. The window [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:00.010Z) of key 1',
    ),
  })
  const withTrigger = coGroup({
    assigner: TumblingEventTimeWindows.of('10ms'),
    trigger: CountTrigger.of(1),
    coGroup: () => {
      throw new RangeError('boom')
    },
  })
  await expect(testOperator(withTrigger, [record(person(1, 'Ann'), 1)], keys)).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('the coGroup function of operator "operator" threw: boom'),
  })
})

test('a lateness out of its limits is refused when the job is built', () => {
  const assigner = TumblingEventTimeWindows.of('10ms')
  expect(() => coGroup({ assigner, allowedLatenessMs: -1 })).toThrow(expect.objectContaining({ code: 'GRA1005' }))
})

test('a window join gives each pair of a window, with the last millisecond of the window as timestamp', async () => {
  const spec = windowJoinOperator<Person, Auction, number, string>({
    leftKey: (one) => one.id,
    rightKey: (one) => one.seller,
    assigner: SlidingEventTimeWindows.of('10ms', '5ms'),
    join: ({ name }, { item }, key, window) => `${name} ${item} ${key} ${window.start}`,
  })
  const output = await testOperator(
    spec,
    [
      record(person(1, 'Ann'), 6),
      record(person(1, 'Al'), 7),
      record(person(2, 'Bob'), 7),
      secondRecord(auction(1, 'car'), 3),
      secondRecord(auction(1, 'cup'), 12),
      endOfInput(),
    ],
    keys,
  )
  expect(output.records).toEqual([
    { value: 'Ann car 1 0', timestamp: 9 },
    { value: 'Al car 1 0', timestamp: 9 },
    { value: 'Ann cup 1 5', timestamp: 14 },
    { value: 'Al cup 1 5', timestamp: 14 },
  ])
  expect(output.keysLeft).toBe(0)
})

test('what the function of a window join throws is reported as such', async () => {
  const spec = windowJoinOperator<Person, Auction, number, string>({
    leftKey: (one) => one.id,
    rightKey: (one) => one.seller,
    assigner: TumblingEventTimeWindows.of('10ms'),
    join: () => {
      throw new RangeError('boom')
    },
  })
  const script = [record(person(1, 'Ann'), 6), secondRecord(auction(1, 'car'), 3), watermark(9)]
  await expect(testOperator(spec, script, keys)).rejects.toMatchObject({
    message: expect.stringContaining('the join function of operator "operator" threw: boom'),
  })
})

test('an asynchronous function of a window join is refused', async () => {
  const spec = windowJoinOperator<Person, Auction, number, Promise<string>>({
    leftKey: (one) => one.id,
    rightKey: (one) => one.seller,
    assigner: TumblingEventTimeWindows.of('10ms'),
    join: async ({ name }) => name,
  })
  const script = [record(person(1, 'Ann'), 6), secondRecord(auction(1, 'car'), 3), watermark(9)]
  await expect(testOperator(spec, script, keys)).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('the join function of operator "operator" returned a promise'),
  })
})
