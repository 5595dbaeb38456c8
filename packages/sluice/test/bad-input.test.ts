/** What user code must not give, in whole jobs: each gives an error with operator, subtask and record, or goes by the operator's error policy. */
import { describe, expect, test } from 'vitest'
import { recordType } from '../src/api/record-type.ts'
import { RestartStrategies } from '../src/api/restart-strategies.ts'
import type { StreamExecutionEnvironment } from '../src/api/stream-execution-environment.ts'
import type { ErrorCode } from '../src/base/error-codes.ts'
import { datagenSource } from '../src/connector/datagen-source.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import type { JobResult } from '../src/jobmanager/job-status.ts'
import type { DeadLetterRecord } from '../src/operators/dead-letter.ts'
import { outputTag } from '../src/operators/output-tag.ts'
import type { Key } from '../src/stream/key-groups.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { startInlineJob } from './inline-job.ts'

const COUNT = 40
/** The record that is wrong. */
const WRONG = 23

const byIndex = WatermarkStrategy.forMonotonousTimestamps<number>()

function numbersOf(env: StreamExecutionEnvironment, timestampOf = (n: number): number => n) {
  const source = datagenSource({ generate: (index) => index, count: COUNT, splits: 2 })
  return env.fromSource(source, byIndex.withTimestamp(timestampOf)).uid('numbers')
}

async function failingJob(
  build: (env: StreamExecutionEnvironment) => void,
  parallelism = 1,
): Promise<NonNullable<JobResult['error']>> {
  const job = await startInlineJob(
    (env) => {
      env.setRestartStrategy(RestartStrategies.none())
      build(env)
    },
    { parallelism, options: { 'restart.strategy': 'none' } },
  )
  const { state, error } = await job.toEnd()
  expect(state).toBe('failed')
  if (error === undefined) throw new TypeError('the job failed without an error')
  return error
}

/** Wrong on purpose: what the compiler would not let through. */
function keyOf(n: number, wrong: unknown): Key {
  return (n === WRONG ? wrong : `key-${n % 7}`) as Key // see above
}

describe.each([1, 2])('with parallelism %i, a key selector that gives', (parallelism) => {
  test.each([
    ['undefined', undefined, 'keyBy returned undefined'],
    ['null', null, 'keyBy returned null'],
    ['NaN', Number.NaN, 'keyBy returned NaN'],
    ['an object', { id: 1 }, 'keyBy returned an object with the fields id'],
    ['a promise', Promise.resolve('a'), 'keyBy returned a promise'],
  ])('%s fails the job with operator, subtask and record', async (_what, wrong, words) => {
    const error = await failingJob((env) => {
      numbersOf(env)
        .keyBy((n) => keyOf(n, wrong))
        .reduce((_last, n) => n)
        .uid('last')
        .print()
    }, parallelism)
    expect(error.message).toContain(`[KEY1001] ${words}`)
    expect(error.context).toMatchObject({ operator: 'last', subtask: expect.any(Number) })
    expect(error.context.record).toMatch(/23/)
  })

  test('one of them goes to the dead letters where the keyed operator says so, and the job goes on', async () => {
    const bad = outputTag<DeadLetterRecord<number>>('bad')
    const seen: number[] = []
    const letters: DeadLetterRecord<number>[] = []
    const job = await startInlineJob(
      (env) => {
        const last = numbersOf(env)
          .keyBy((n) => keyOf(n, undefined))
          .reduce((_last, n) => n)
          .uid('last')
          .onError(bad)
        last.sinkTo(functionSink((n) => seen.push(n)))
        last.getSideOutput(bad).sinkTo(functionSink((letter) => letters.push(letter)))
      },
      { parallelism },
    )
    expect(await job.toEnd()).toMatchObject({ state: 'finished' })
    expect(seen).toHaveLength(COUNT - 1)
    expect(letters).toMatchObject([{ value: WRONG, operator: 'last', error: { code: 'KEY1001' } }])
  })

  test('keys of different types keeps them apart', async () => {
    const seen = new Map<string, number>()
    const job = await startInlineJob(
      (env) => {
        numbersOf(env)
          .keyBy((n): Key => [1, '1', 1n, true][n % 4] ?? '')
          .process({
            emits: recordType<readonly [string, number]>(),
            onRecord: (n, ctx) => ctx.emit([`${typeof ctx.key} ${n % 4}`, n]),
          })
          .uid('typed')
          .sinkTo(functionSink(([type]) => seen.set(type, (seen.get(type) ?? 0) + 1)))
      },
      { parallelism },
    )
    expect(await job.toEnd()).toMatchObject({ state: 'finished' })
    const expected = ['bigint 2', 'boolean 3', 'number 0', 'string 1'].map((type) => [type, COUNT / 4] as const)
    expect(seen).toEqual(new Map(expected))
  })
})

describe('a timestamp that is', () => {
  const wrongTimes = [
    ['NaN', Number.NaN],
    ['a fraction', 1.5],
    ['beyond the safe integers', 2 ** 60],
    ['infinite', Number.POSITIVE_INFINITY],
    ['undefined', undefined],
    ['a string', '2024-01-01'],
    ['a bigint', 23n],
    ['a date', new Date(23)],
  ] as const
  const timeOf =
    (wrong: unknown) =>
    (n: number): number =>
      n === WRONG ? (wrong as number) : n // wrong on purpose

  test.each(wrongTimes)('%s fails the job at the source', async (_what, wrong) => {
    const error = await failingJob((env) => numbersOf(env, timeOf(wrong)).print())
    expect(error.message).toContain('[TIM1001]')
    expect(error.context).toMatchObject({ operator: 'numbers', subtask: 0, record: expect.stringMatching(/23/) })
  })

  test.each(wrongTimes)('%s fails the job where timestamps are assigned later', async (_what, wrong) => {
    const error = await failingJob((env) => {
      numbersOf(env)
        .assignTimestampsAndWatermarks(byIndex.withTimestamp(timeOf(wrong)))
        .uid('times')
        .print()
    })
    expect(error.message).toContain('[TIM1001]')
    expect(error.context).toMatchObject({ operator: 'times', subtask: 0, record: expect.stringMatching(/23/) })
  })

  test('wrong in an emitted record or a timer fails the job', async () => {
    const emitting = await failingJob((env) => {
      numbersOf(env)
        .keyBy((n) => n)
        .process({
          emits: recordType<number>(),
          onRecord: (n, ctx) => ctx.emitWithTimestamp(n, n === WRONG ? Number.NaN : n),
        })
        .uid('emitting')
        .print()
    })
    expect(emitting).toMatchObject({ context: { operator: 'emitting', record: expect.stringMatching(/23/) } })
    expect(emitting.message).toContain('[TIM1001] a record of operator "emitting" has NaN as its timestamp')
    const timing = await failingJob((env) => {
      numbersOf(env)
        .keyBy((n) => n)
        .process({
          emits: recordType<number>(),
          onRecord: (n, ctx) => ctx.registerEventTimeTimer(n === WRONG ? 0.5 : n),
          onTimer() {},
        })
        .uid('timing')
        .print()
    })
    expect(timing.message).toContain('[TIM1001] a timer of operator "timing" has 0.5 as its timestamp')
  })
})

describe('a function that throws fails the job with operator, subtask and record:', () => {
  const fail = (n: number): void => {
    if (n === WRONG) throw new TypeError(`${n} is wrong`)
  }
  const cases: readonly [string, (env: StreamExecutionEnvironment) => void][] = [
    [
      'map',
      (env) =>
        numbersOf(env)
          .map((n) => (fail(n), n))
          .uid('it')
          .print(),
    ],
    ['flatMap', (env) => numbersOf(env).flatMap(fail).uid('it').print()],
    [
      'filter',
      (env) =>
        numbersOf(env)
          .filter((n) => fail(n) === undefined)
          .uid('it')
          .print(),
    ],
    [
      'keyBy',
      (env) =>
        numbersOf(env)
          .keyBy((n) => (fail(n), n))
          .reduce((_last, n) => n)
          .uid('it')
          .print(),
    ],
    [
      'reduce',
      (env) =>
        numbersOf(env)
          .keyBy((n) => n % 2)
          .reduce((_last, n) => (fail(n), n))
          .uid('it')
          .print(),
    ],
    [
      'onRecord',
      (env) =>
        numbersOf(env)
          .keyBy((n) => n)
          .process({ onRecord: fail })
          .uid('it')
          .print(),
    ],
    ['sink', (env) => void numbersOf(env).sinkTo(functionSink(fail)).uid('it')],
  ]

  test.each(cases)('%s', async (_name, build) => {
    const error = await failingJob(build)
    expect(error.message).toContain('[TSK1001]')
    expect(error.message).toContain('threw: 23 is wrong')
    expect(error.context).toMatchObject({ operator: 'it', subtask: 0, record: expect.stringMatching(/23/) })
    expect(error.cause).toContain('TypeError: 23 is wrong')
  })

  test('onTimer, which has no record but a time and a key', async () => {
    const error = await failingJob((env) => {
      numbersOf(env)
        .keyBy((n) => n)
        .process({
          onRecord: (n, ctx) => ctx.registerEventTimeTimer(n + 1000),
          onTimer: (_timestampMs, ctx) => fail(ctx.key),
        })
        .uid('it')
        .print()
    })
    expect(error.message).toContain('The event-time timer at 1970-01-01T00:00:01.023Z of key 23 was not handled')
    expect(error.context).toMatchObject({ operator: 'it', subtask: 0 })
    expect(error.context.record).toBeUndefined()
  })
})

test('emitting after the function returned fails the job with operator and subtask', async () => {
  const error = await failingJob((env) => {
    let emit = (_n: number): void => {}
    numbersOf(env)
      .keyBy((n) => n)
      .process({
        emits: recordType<number>(),
        onRecord(n, ctx) {
          emit = (late) => ctx.emit(late)
          if (n === WRONG)
            void Promise.resolve()
              .then(() => emit(n))
              .catch(ignored)
        },
      })
      .uid('late')
      .print()
  })
  expect(error.message).toContain('[TSK1005]')
  expect(error.context).toMatchObject({ operator: 'late', subtask: 0 })
})

/** TSK1005 reaches the job by itself. */
function ignored(): void {}

test('a record that fails the job each time is named as a crash loop, from the third failure on', async () => {
  const job = await startInlineJob(
    (env) => {
      numbersOf(env)
        .map((n) => {
          if (n === WRONG) throw new TypeError('always')
          return n
        })
        .uid('it')
        .print()
    },
    { options: { 'restart.attemptsMax': '4' } },
  )
  const { error, restartCount } = await job.toEnd()
  expect([error?.code satisfies ErrorCode | undefined, restartCount]).toEqual(['TSK1007', 4])
  expect(error?.message).toMatch(
    /^crash loop: record .*23.* of operator "it" failed job "inline" 5 times in a row: \[TSK1001\]/,
  )
  const restarts = job.events.flatMap((event) => (event.kind === 'restarting' ? [event.crashLoop?.failureCount] : []))
  expect(restarts).toEqual([undefined, undefined, 3, 4])
})
