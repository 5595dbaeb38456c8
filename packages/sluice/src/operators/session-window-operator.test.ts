import { expect, test } from 'vitest'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { EventTimeSessionWindows } from './window-assigners.ts'
import type { AggregateFunction } from './window-definition.ts'
import { windowOperator } from './windows.ts'

interface Visit {
  readonly user: string
  readonly page: string
}

const keyBy = (visit: Visit): string => visit.user
const at = (timestamp: number, page = '.', user = 'u'): ScriptStep => record({ user, page }, timestamp)

const path: AggregateFunction<Visit, string, string> = {
  createAccumulator: () => '',
  add: ({ page }, pages) => pages + page,
  getResult: (pages) => pages,
  merge: (first, second) => first + second,
}
const sessions = (options: { allowedLatenessMs?: number; lateTag?: string } = {}) =>
  windowOperator({
    keySelector: keyBy,
    assigner: EventTimeSessionWindows.withGap('10ms'),
    aggregate: path,
    resultOf: (user: string, { start, end }, pages) => `${user} [${start}, ${end}) ${pages}`,
    ...options,
  })

test('a session ends when no record came for the gap', async () => {
  const script = [at(0, 'a'), at(5, 'b'), at(30, 'c'), at(2, 'x', 'v'), watermark(11), watermark(14), watermark(39)]
  const output = await testOperator(sessions(), script, { keyBy })
  expect(output.records).toEqual([
    { value: 'v [2, 12) x', timestamp: 11 },
    { value: 'u [0, 15) ab', timestamp: 14 },
    { value: 'u [30, 40) c', timestamp: 39 },
  ])
  expect(output.keysLeft).toBe(0)
})

test('windows that touch are one session, one millisecond more and they are two', async () => {
  const output = await testOperator(sessions(), [at(0, 'a'), at(10, 'b'), at(21, 'c'), endOfInput()], { keyBy })
  expect(output.values).toEqual(['u [0, 20) ab', 'u [21, 31) c'])
})

test('a record between two sessions makes them one', async () => {
  const output = await testOperator(sessions(), [at(0, 'a'), at(20, 'c'), at(10, 'b'), watermark(29)], { keyBy })
  expect(output.values).toEqual(['u [0, 30) acb'])
  expect(output.keysLeft).toBe(0)
})

test('a record before a session moves its start', async () => {
  const output = await testOperator(
    sessions(),
    [at(20, 'b'), at(15, 'a'), at(40, 'c'), at(33, 'd'), watermark(29), endOfInput()],
    { keyBy },
  )
  expect(output.values).toEqual(['u [15, 30) ba', 'u [33, 50) cd'])
})

test('a session that grows is not closed at its first end', async () => {
  const script = [at(0, 'a'), at(9, 'b'), watermark(9), at(18, 'c'), watermark(18), watermark(27)]
  const output = await testOperator(sessions(), script, { keyBy })
  expect(output.values).toEqual(['u [0, 28) abc'])
})

test('a record that is late on its own is taken by a session that is still open', async () => {
  const script = [at(10, 'b'), watermark(15), at(5, 'a'), watermark(19), at(5, 'x'), endOfInput()]
  const output = await testOperator(sessions({ lateTag: 'late' }), script, { keyBy })
  expect(output.values).toEqual(['u [5, 20) ba'])
  expect(output.sideOutput('late')).toEqual([{ value: { user: 'u', page: 'x' }, timestamp: 5 }])
})

test('late records are counted when there is no side output', async () => {
  const output = await testOperator(sessions(), [watermark(9), at(0)], { keyBy })
  expect(output.counters).toEqual({ lateRecords: 1 })
  expect(output.keysLeft).toBe(0)
})

test('within the lateness a session fires again when it gets a record', async () => {
  const script = [
    at(0, 'a'),
    watermark(9),
    at(0, 'b'),
    at(5, 'c'),
    watermark(14),
    watermark(19),
    at(0, 'x'),
    endOfInput(),
  ]
  const output = await testOperator(sessions({ allowedLatenessMs: 5 }), script, { keyBy })
  expect(output.records).toEqual([
    { value: 'u [0, 10) a', timestamp: 9 },
    { value: 'u [0, 10) ab', timestamp: 9 },
    { value: 'u [0, 15) abc', timestamp: 14 },
  ])
  expect(output.counters).toEqual({ lateRecords: 1 })
  expect(output.keysLeft).toBe(0)
})

test('a late record may bring a fired session and an open one together', async () => {
  const script = [at(0, 'a'), at(20, 'c'), watermark(12), at(10, 'b'), watermark(29), endOfInput()]
  const output = await testOperator(sessions({ allowedLatenessMs: 5 }), script, { keyBy })
  expect(output.values).toEqual(['u [0, 10) a', 'u [0, 30) acb'])
})

test('an aggregate that cannot merge is refused when the job is built', () => {
  const unmergeable: AggregateFunction<Visit, string, string> = {
    createAccumulator: () => '',
    add: ({ page }, pages) => pages + page,
    getResult: (pages) => pages,
  }
  const definition = {
    keySelector: keyBy,
    assigner: EventTimeSessionWindows.withGap('10ms'),
    aggregate: unmergeable,
    resultOf: () => '',
  }
  expect(() => windowOperator(definition)).toThrow(expect.objectContaining({ code: 'GRA1005' }))
})

test('a merge function that throws fails the task by its name', async () => {
  const broken = {
    ...path,
    merge: () => {
      throw new Error('boom')
    },
  }
  const operator = windowOperator({
    keySelector: keyBy,
    assigner: EventTimeSessionWindows.withGap('10ms'),
    aggregate: broken,
    resultOf: () => '',
  })
  await expect(testOperator(operator, [at(0), at(20), at(10)], { keyBy })).rejects.toMatchObject({
    code: 'TSK1001',
    message: expect.stringContaining('merge function'),
  })
})
