/** Functions of windows, joins, triggers, evictors and watermark generators that throw or return what cannot be used: operator, subtask and record, key or window are named. */
import { describe, expect, test } from 'vitest'
import { AsyncDataStream } from '../src/api/async-data-stream.ts'
import type { DataStream } from '../src/api/data-stream.ts'
import { recordType } from '../src/api/record-type.ts'
import type { StreamExecutionEnvironment } from '../src/api/stream-execution-environment.ts'
import { collectionSource } from '../src/connector/collection-source.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import type { JobResult } from '../src/jobmanager/job-status.ts'
import { DeltaEvictor } from '../src/operators/evictors.ts'
import { customTrigger, DeltaTrigger } from '../src/operators/triggers.ts'
import {
  EventTimeSessionWindows,
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
} from '../src/operators/window-assigners.ts'
import type { AggregateFunction } from '../src/operators/window-definition.ts'
import { listState, mapState, type StateDescriptor, valueState } from '../src/state/descriptors.ts'
import { operatorListState } from '../src/state/operator-descriptors.ts'
import { WatermarkStrategy, type WatermarkGenerator } from '../src/time/watermark-strategy.ts'
import { type InlineJob, startInlineJob } from './inline-job.ts'

/** The record that is wrong: of key 2, at 2.3 s. */
const WRONG = 23
const COUNT = 40

const byTime = WatermarkStrategy.forMonotonousTimestamps<number>().withTimestamp((n) => n * 100)
const seconds = TumblingEventTimeWindows.of('1s')

type Build = (env: StreamExecutionEnvironment) => void

function numbersOf(env: StreamExecutionEnvironment, uid = 'numbers'): DataStream<number> {
  return env.fromSource(collectionSource(Array.from({ length: COUNT }, (_, n) => n)), byTime).uid(uid)
}

/** Numbers without an end. */
function slowly(env: StreamExecutionEnvironment): DataStream<number> {
  return env.fromSource(datagenSource({ generate: (n) => n, ratePerSecond: 10 }), byTime).uid('numbers')
}

function keyed(env: StreamExecutionEnvironment, uid = 'numbers') {
  return numbersOf(env, uid).keyBy((n) => n % 3)
}

function fail(n: number): void {
  if (n === WRONG) throw new TypeError(`${n} is wrong`)
}

function sumWith(changes: Partial<AggregateFunction<number, number, number>>) {
  const sum: AggregateFunction<number, number, number> = {
    createAccumulator: () => 0,
    add: (n, total) => total + n,
    getResult: (total) => total,
    merge: (a, b) => a + b,
  }
  return { ...sum, ...changes }
}

async function startFailing(build: Build, options = {}): Promise<InlineJob> {
  return startInlineJob(build, { options: { 'restart.strategy': 'none', ...options } })
}

async function errorOf(build: Build, options = {}): Promise<NonNullable<JobResult['error']>> {
  const { state, error } = await (await startFailing(build, options)).toEnd()
  expect(state).toBe('failed')
  if (error === undefined) throw new TypeError('the job failed without an error')
  return error
}

describe('a function that throws for a record names operator, subtask and record:', () => {
  const cases: readonly [string, string, Build][] = [
    [
      'add',
      'add function',
      (env) =>
        keyed(env)
          .window(seconds)
          .aggregate(sumWith({ add: (n) => (fail(n), n) }))
          .uid('it')
          .print(),
    ],
    [
      'add of panes',
      'add function',
      (env) =>
        keyed(env)
          .window(SlidingEventTimeWindows.of('2s', '500ms'))
          .aggregate(sumWith({ add: (n) => (fail(n), n) }))
          .uid('it')
          .print(),
    ],
    [
      'gap of a session',
      'gap function of a session window',
      (env) =>
        keyed(env)
          .window(EventTimeSessionWindows.withDynamicGap((n: number) => (fail(n), 100)))
          .reduce((a) => a)
          .uid('it')
          .print(),
    ],
    [
      'assigner',
      'assignWindows function of assigner "own"',
      (env) =>
        keyed(env)
          .window({ kind: 'custom', name: 'own', isEventTime: true, assignWindows: (n: number) => (fail(n), []) })
          .reduce((a) => a)
          .uid('it')
          .print(),
    ],
    [
      'trigger',
      'onElement function of trigger "own"',
      (env) =>
        keyed(env)
          .window(seconds)
          .trigger(customTrigger({ name: 'own', onElement: (n: number) => (fail(n), 'fire') }))
          .reduce((a) => a)
          .uid('it')
          .print(),
    ],
    [
      'delta trigger',
      'delta function',
      (env) =>
        keyed(env)
          .window(seconds)
          .trigger(DeltaTrigger.of(1, (_last: number, n: number) => (fail(n), 0)))
          .reduce((a) => a)
          .uid('it')
          .print(),
    ],
    [
      'interval join',
      'join function',
      (env) =>
        keyed(env)
          .intervalJoin(keyed(env, 'others'))
          .between('0ms', '0ms')
          .apply((n) => (fail(n), n))
          .uid('it')
          .print(),
    ],
    [
      'second map of connected streams',
      'second map function',
      (env) =>
        numbersOf(env)
          .connect(numbersOf(env, 'others'))
          .map(
            (n) => n,
            (n) => (fail(n), n),
          )
          .uid('it')
          .print(),
    ],
    [
      'broadcast function',
      'onBroadcast function',
      (env) =>
        numbersOf(env)
          .connect(numbersOf(env, 'rules').broadcast({ rules: mapState<string, number>('rules') }))
          .process({ onRecord() {}, onBroadcast: fail })
          .uid('it')
          .print(),
    ],
    [
      'asynchronous function',
      'asynchronous function',
      (env) =>
        AsyncDataStream.orderedWait(numbersOf(env), async (n) => (fail(n), n), { timeout: '1s' })
          .uid('it')
          .print(),
    ],
    [
      'onEvent of a watermark generator',
      'onEvent() of a watermark generator',
      (env) =>
        numbersOf(env)
          .assignTimestampsAndWatermarks(generated({ onEvent: (timestampMs) => fail(timestampMs / 100) }))
          .uid('it')
          .print(),
    ],
    [
      'onEvent of a watermark generator of the source',
      'onEvent() of a watermark generator',
      (env) =>
        env
          .fromSource(
            collectionSource(Array.from({ length: COUNT }, (_, n) => n)),
            generated({ onEvent: (timestampMs) => fail(timestampMs / 100) }),
          )
          .uid('it')
          .print(),
    ],
  ]

  test.each(cases)('%s', async (_name, what, build) => {
    const error = await errorOf(build)
    expect(error.message).toContain(`${what}`)
    expect(error.message).toContain('threw: 23 is wrong')
    expect(error.context).toMatchObject({ operator: 'it', subtask: 0, record: expect.stringMatching(/23/) })
  })
})

describe('a function that throws for a window names operator, subtask, window and key:', () => {
  const window = 'The window [1970-01-01T00:00:02.000Z, 1970-01-01T00:00:03.000Z) of key 2 gave no result'
  const cases: readonly [string, string, Build][] = [
    [
      'getResult',
      'getResult function',
      (env) =>
        keyed(env)
          .window(seconds)
          .aggregate(sumWith({ add: (n, last) => Math.max(last, n), getResult: (n) => (fail(n - 6), n) }))
          .uid('it')
          .print(),
    ],
    [
      'process',
      'process function',
      (env) =>
        keyed(env)
          .window(seconds)
          .process({ process: (_key, all) => all.forEach(fail) })
          .uid('it')
          .print(),
    ],
    [
      'evictor',
      'delta function of an evictor',
      (env) =>
        keyed(env)
          .window(seconds)
          .evictor(DeltaEvictor.of(1, (n: number) => (fail(n), 0)))
          .reduce((a) => a)
          .uid('it')
          .print(),
    ],
    [
      'coGroup',
      'coGroup function',
      (env) =>
        numbersOf(env)
          .coGroup(numbersOf(env, 'others'))
          .where((n) => n % 3)
          .equalTo((n) => n % 3)
          .window(seconds)
          .apply((left) => left.forEach(fail))
          .uid('it')
          .print(),
    ],
  ]

  test.each(cases)('%s', async (_name, what, build) => {
    const error = await errorOf(build)
    expect(error.message).toContain(`the ${what} of operator "it" threw: 23 is wrong. ${window}`)
    expect(error.context).toMatchObject({ operator: 'it', subtask: 0 })
  })
})

test('a merge function that throws when panes are put together does not blame a record', async () => {
  const error = await errorOf((env) => {
    const broken = sumWith({ merge: () => fail(WRONG) as never }) // throws
    keyed(env).window(SlidingEventTimeWindows.of('2s', '500ms')).aggregate(broken).uid('it').print()
  })
  expect(error.message).toContain(
    'the merge function of operator "it" threw: 23 is wrong. Two accumulators were not joined',
  )
  expect(error.context).toMatchObject({ operator: 'it', subtask: 0 })
})

/** A strategy with a generator of the user's own. */
function generated(own: Partial<WatermarkGenerator>): WatermarkStrategy<number> {
  return WatermarkStrategy.forGenerator<number>(() => ({ onEvent() {}, current: () => 0, ...own })).withTimestamp(
    (n) => n * 100,
  )
}

describe('a watermark generator whose current()', () => {
  test.each([
    ['returns NaN', () => Number.NaN, '[TIM1001] current() of a watermark generator returned NaN'],
    ['returns a fraction', () => 0.5, 'returned 0.5'],
    ['returns nothing', () => undefined as never, 'returned undefined'],
    ['throws', () => fail(WRONG) as never, '[TSK1001] current() of a watermark generator threw: 23 is wrong'],
  ])('%s fails the job at its operator', async (_what, current, words) => {
    const behind = await errorOf((env) =>
      slowly(env).assignTimestampsAndWatermarks(generated({ current })).uid('it').print(),
    )
    const atSource = await errorOf((env) =>
      env
        .fromSource(datagenSource({ generate: (n) => n, ratePerSecond: 10 }), generated({ current }))
        .uid('it')
        .print(),
    )
    for (const error of [behind, atSource]) {
      expect(error.message).toContain(words)
      expect(error.context).toMatchObject({ operator: 'it', subtask: 0 })
    }
  })

  test('is below all timestamps has no watermark yet', async () => {
    const current = () => Number.NEGATIVE_INFINITY
    const job = await startFailing((env) => {
      numbersOf(env).assignTimestampsAndWatermarks(generated({ current })).uid('it').print()
    })
    expect(await job.toEnd()).toMatchObject({ state: 'finished' })
  })
})

describe('what a function does after it returned is refused:', () => {
  test('emitting while it is closed is told, though the job has ended well', async () => {
    const job = await startFailing((env) => {
      let emit = (): void => {}
      numbersOf(env)
        .process({
          emits: recordType<number>(),
          onRecord: (_n, ctx) => void (emit = () => ctx.emit(1)),
          close: () => emit(),
        })
        .uid('it')
        .print()
    })
    expect(await job.toEnd()).toMatchObject({ state: 'finished' })
    const told = job.events.flatMap((event) => (event.kind === 'failure-merged' ? [event.failure.error] : []))
    expect(told[0]).toMatchObject({ code: 'TSK1005', context: { operator: 'it', subtask: 0 } })
  })

  test('a close function that throws is told', async () => {
    const job = await startFailing((env) => {
      numbersOf(env)
        .process({ onRecord() {}, close: () => fail(WRONG) })
        .uid('it')
        .print()
    })
    expect(await job.toEnd()).toMatchObject({ state: 'finished' })
    expect(job.events).toContainEqual(
      expect.objectContaining({
        kind: 'failure-merged',
        failure: expect.objectContaining({
          error: expect.objectContaining({
            message: expect.stringContaining('the close function of operator "it" threw'),
          }),
        }),
      }),
    )
  })

  test('state and timers belong to no key any more in a promise', async () => {
    const codes: unknown[] = []
    const note = (error: unknown): void => void codes.push((error as { code?: unknown }).code) // an EngineError
    const job = await startFailing((env) => {
      keyed(env)
        .process({
          state: { seen: valueState<number>('seen', 0) },
          onRecord(n, { state, ...ctx }) {
            if (n !== WRONG) return
            void Promise.resolve()
              .then(() => state.seen.value())
              .catch(note)
            void Promise.resolve()
              .then(() => state.seen.update(n))
              .catch(note)
            void Promise.resolve(ctx).catch(note)
          },
        })
        .uid('it')
        .print()
    })
    expect(await job.toEnd()).toMatchObject({ state: 'finished' })
    expect(codes).toEqual(['STA1001', 'STA1001'])
  })
})

class Money {
  readonly cents = 5
}

describe('state that cannot be encoded names operator, subtask, state and field:', () => {
  const options = { 'checkpoint.failuresMax': '0' }
  const declared: readonly [string, StateDescriptor, string][] = [
    ['value', valueState<unknown>('own'), '.price'],
    ['list', listState<unknown>('own'), '[0].price'],
    ['map', mapState<unknown, unknown>('own'), '.get(1).price'],
  ]

  test.each(declared)('%s state', async (kind, state, path) => {
    const error = await errorOf((env) => {
      slowly(env)
        .keyBy((n) => n % 3)
        .process({
          state: { own: state },
          onRecord(n, ctx) {
            const { own } = ctx.state as Record<string, Record<string, (...given: unknown[]) => void>> // one kind at a time
            const wrong = { price: new Money() }
            if (n === 1)
              own?.[kind === 'value' ? 'update' : kind === 'list' ? 'add' : 'put']?.(
                ...(kind === 'map' ? [n, wrong] : [wrong]),
              )
          },
        })
        .uid('it')
        .print()
    }, options)
    expect(error.message).toContain(
      `the field ${path} of state "own" of key "1" cannot be encoded: it is an instance of Money`,
    )
    expect(error.context).toMatchObject({ operator: 'it', subtask: 0 })
  })

  test('operator state, also of an operator that is not the first one of its chain', async () => {
    const error = await errorOf((env) => {
      slowly(env)
        .process({
          operatorState: { own: operatorListState<unknown>('own') },
          onRecord: (n, ctx) => ctx.operatorState.own.add(n === 1 ? { price: () => n } : n),
        })
        .uid('it')
        .print()
    }, options)
    expect(error.message).toContain('of operator state "own" of operator "it" cannot be encoded: it is a function')
    expect(error.message).toContain('the field .price of item 2 of')
    expect(error.context).toMatchObject({ operator: 'it', subtask: 0 })
  })
})

test.each([0, -1, Number.NaN])('a rate limit of %d is refused when the job is built', async (rateLimit) => {
  const build: Build = (env) =>
    void env
      .fromSource(collectionSource([1]), undefined, { rateLimit })
      .uid('it')
      .sinkTo(functionSink(() => {}))
  await expect(startFailing(build)).rejects.toMatchObject({
    code: 'CFG1002',
    message: expect.stringContaining(`${rateLimit}`),
  })
})

test('a window size that is a number is refused when the job is built', () => {
  expect(() => TumblingEventTimeWindows.of(1000 as never)).toThrow(
    expect.objectContaining({
      code: 'CFG1002',
      message: expect.stringContaining('window size 1000 is not a duration'),
    }),
  )
})
