/** Error policies in whole tasks: which errors they are about, what is counted, and what a dead letter says. */
import { describe, expect, test } from 'vitest'
import { AsyncDataStream } from '../src/api/async-data-stream.ts'
import type { DataStream, SingleOutputStreamOperator } from '../src/api/data-stream.ts'
import { recordType } from '../src/api/record-type.ts'
import type { StreamExecutionEnvironment } from '../src/api/stream-execution-environment.ts'
import { DEAD_LETTER } from '../src/connector/error-policy.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import type { Sink } from '../src/connector/sink.ts'
import { EngineError } from '../src/base/errors.ts'
import type { DeadLetterRecord } from '../src/operators/dead-letter.ts'
import { outputTag } from '../src/operators/output-tag.ts'
import { valueState } from '../src/state/descriptors.ts'
import { NO_TIMESTAMP } from '../src/stream/element.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { Feed, slotBench } from './slot-bench.ts'

const bad = outputTag<DeadLetterRecord<number>>('bad')

interface Finished {
  readonly seen: readonly unknown[]
  readonly letters: readonly DeadLetterRecord<number>[]
  readonly counters: Readonly<Record<string, number>>
  readonly failure: { readonly code: string; readonly message: string; readonly context: object } | undefined
}

type Build = (numbers: SingleOutputStreamOperator<number>, env: StreamExecutionEnvironment) => DataStream<unknown>

/** Gives 1, 2, 3 and so on to the end to what is built; its main output is `seen`, what it sends to `bad` are `letters`. */
async function run(count: number, build: Build): Promise<Finished> {
  const feed = new Feed<number>()
  const seen: unknown[] = []
  const letters: DeadLetterRecord<number>[] = []
  const bench = slotBench((env) => {
    const strategy = WatermarkStrategy.forMonotonousTimestamps<number>()
    const built = build(env.fromSource(feed.source(), strategy).uid('feed'), env)
    built.sinkTo(functionSink((value) => seen.push(value))).uid('seen')
    if ('getSideOutput' in built) {
      const operator = built as SingleOutputStreamOperator<unknown>
      operator
        .getSideOutput(bad)
        .sinkTo(functionSink((letter) => letters.push(letter)))
        .uid('letters')
    }
  })
  await bench.deploy()
  await bench.assign()
  for (let n = 1; n <= count; n++) feed.push(n, n * 10)
  feed.end()
  await bench.env.advanceAndSettle(60_000)
  const report = bench.sent.findLast((message) => message.kind === 'report')
  const counters = Object.assign({}, ...(report?.tasks.map((task) => task.counters) ?? []))
  const failed = bench.sent.find((message) => message.kind === 'failed')
  return { seen, letters, counters, failure: failed?.error }
}

function odd(n: number): number {
  if (n % 2 === 0) throw new RangeError(`${n} is even`)
  return n
}

describe('skip', () => {
  test('goes on without the record, and counts it', async () => {
    const { seen, counters, failure } = await run(5, (numbers) => numbers.map(odd).uid('odd').onError('skip'))
    expect([seen, failure]).toEqual([[1, 3, 5], undefined])
    expect(counters['odd/skippedRecords']).toBe(2)
  })

  test('is about the operator that has it: an error behind it fails the job', async () => {
    const { failure } = await run(5, (numbers) =>
      numbers
        .flatMap<number>((n, out) => out(n))
        .uid('open')
        .onError('skip')
        .map(odd)
        .uid('strict'),
    )
    expect(failure).toMatchObject({ code: 'TSK1001', context: { operator: 'strict', record: 'feed record 1' } })
  })

  test('keeps what the function emitted and stored before it threw', async () => {
    const { seen, counters } = await run(3, (numbers) =>
      numbers
        .keyBy(() => 'all')
        .process({
          emits: recordType<string>(),
          state: { count: valueState<number>('count', 0) },
          onRecord(n, ctx) {
            ctx.state.count.update(ctx.state.count.value() + 1)
            ctx.emit(`${n} of ${ctx.state.count.value()}`)
            odd(n)
          },
        })
        .uid('counting')
        .onError('skip'),
    )
    expect(seen).toEqual(['1 of 1', '2 of 2', '3 of 3'])
    expect(counters['counting/skippedRecords']).toBe(1)
  })

  test('is about timers too: the call that threw is left out and counted', async () => {
    const { seen, counters } = await run(4, (numbers) =>
      numbers
        .keyBy((n) => n)
        .process({
          emits: recordType<number>(),
          onRecord: (n, ctx) => ctx.registerEventTimeTimer(n * 100),
          onTimer: (_timestampMs, ctx) => ctx.emit(odd(ctx.key)),
        })
        .uid('timers')
        .onError('skip'),
    )
    expect(seen).toEqual([1, 3])
    expect(counters).toMatchObject({ 'timers/skippedTimers': 2, 'timers/skippedRecords': 0 })
  })

  test('is about records without a key, wherever the key is looked at', async () => {
    const byDigit = (n: number): string => ['one', undefined, 'three'][n - 1] as string // wrong on purpose for 2
    const { seen, counters } = await run(3, (numbers) =>
      numbers
        .keyBy(byDigit)
        .reduce((_reduced, n) => n)
        .uid('last')
        .onError('skip'),
    )
    expect(seen).toEqual([1, 3])
    expect(counters['last/skippedRecords']).toBe(1)
  })

  test('of a source is about records that get no timestamp', async () => {
    const feed = new Feed<number>()
    const seen: number[] = []
    const bench = slotBench((env) => {
      const strategy = WatermarkStrategy.forMonotonousTimestamps<number>()
      env
        .fromSource(
          feed.source(),
          strategy.withTimestamp((n) => (n === 3 ? odd(4) : n === 2 ? Number.NaN : n)),
        )
        .uid('feed')
        .onError('skip')
        .sinkTo(functionSink((n: number) => seen.push(n)))
    })
    await bench.deploy()
    await bench.assign()
    for (const n of [1, 2, 3, 4]) feed.push(n, n)
    await bench.env.advanceAndSettle(1000)
    expect(seen).toEqual([1, 4])
    const report = bench.sent.findLast((message) => message.kind === 'report')
    expect(report?.tasks[0]?.counters['feed/skippedRecords']).toBe(2)
  })
})

describe('a dead letter', () => {
  test('has the record, where it was read, and the error with its cause', async () => {
    const { letters, seen, counters } = await run(3, (numbers) => numbers.map(odd).uid('odd').onError(bad))
    expect(seen).toEqual([1, 3])
    expect(letters).toEqual([
      {
        value: 2,
        timestamp: 20,
        operator: 'odd',
        subtask: 0,
        position: 'feed record 1',
        error: {
          code: 'TSK1001',
          message: expect.stringContaining('the map function of operator "odd" threw: 2 is even.'),
          cause: expect.stringContaining('RangeError: 2 is even\n'),
        },
      },
    ])
    expect(counters['odd/deadLetterRecords']).toBe(1)
  })

  test('of an asynchronous function has its own place, and leaves in the order of the records', async () => {
    const { seen, letters } = await run(6, (numbers) =>
      AsyncDataStream.orderedWait(numbers, async (n) => odd(n), { timeout: '1s' })
        .uid('lookup')
        .onError(bad),
    )
    expect(seen).toEqual([1, 3, 5])
    expect(letters.map(({ value, position }) => [value, position])).toEqual([
      [2, 'feed record 1'],
      [4, 'feed record 3'],
      [6, 'feed record 5'],
    ])
  })

  test('of a request that timed out says so', async () => {
    const { letters, counters } = await run(1, (numbers) =>
      AsyncDataStream.unorderedWait(numbers, () => new Promise<number>(() => {}), { timeout: '1s' })
        .uid('lookup')
        .onError(bad),
    )
    expect(letters[0]?.error).toMatchObject({ code: 'TSK1008', cause: undefined })
    expect(counters).toMatchObject({ 'lookup/timedOutRequests': 1, 'lookup/deadLetterRecords': 1 })
  })

  test('of a timer has no value', async () => {
    const { letters } = await run(2, (numbers) =>
      numbers
        .keyBy((n) => n)
        .process({
          emits: recordType<number>(),
          onRecord: (n, ctx) => ctx.registerEventTimeTimer(n * 100),
          onTimer: (_timestampMs, ctx) => ctx.emit(odd(ctx.key)),
        })
        .uid('timers')
        .onError(bad),
    )
    expect(letters).toMatchObject([{ value: undefined, timestamp: 200, operator: 'timers' }])
    expect(letters[0]?.error.message).toContain('The event-time timer at 1970-01-01T00:00:00.200Z of key 2')
  })

  test('that nobody reads is counted twice: as a dead letter and as discarded', async () => {
    const { counters } = await run(2, (numbers) =>
      numbers
        .map(odd)
        .uid('odd')
        .onError('dead-letter')
        .filter(() => true),
    )
    expect(counters).toMatchObject({ 'odd/deadLetterRecords': 1, [`odd/discarded:${DEAD_LETTER}`]: 1 })
  })
})

describe('no policy is about', () => {
  test('a function that returns a promise where none may be', async () => {
    const { failure } = await run(1, (numbers) =>
      numbers
        .map(async (n) => n)
        .uid('wrong')
        .onError('skip'),
    )
    expect(failure).toMatchObject({ code: 'TSK1001', message: expect.stringContaining('returned a promise') })
  })

  test('emitting when the function does not run', async () => {
    let later = (_n: number): void => {}
    const { failure } = await run(2, (numbers) =>
      numbers
        .flatMap<number>((n, out) => {
          if (n === 1) later = out
          else
            queueMicrotask(() => {
              try {
                later(n)
              } catch {
                // TSK1005 fails the task, whatever becomes of it here
              }
            })
        })
        .uid('late')
        .onError('skip'),
    )
    expect(failure).toMatchObject({ code: 'TSK1005', context: { operator: 'late', subtask: 0 } })
  })

  test('a write that fails', async () => {
    const { failure } = await sinkRun(() => {
      throw new TypeError('no connection')
    })
    expect(failure?.error).toMatchObject({ code: 'TSK1001', context: { operator: 'out' } })
  })
})

test('the policy of a sink is about records that it cannot turn into what it writes', async () => {
  const { letters, failure } = await sinkRun((n) => {
    if (n === 2) throw new EngineError('SER1001', 'no bytes for 2')
  })
  expect(failure).toBeUndefined()
  expect(letters).toMatchObject([{ value: 2, operator: 'out', error: { code: 'SER1001' }, position: 'feed record 1' }])
})

async function sinkRun(write: (n: number) => void) {
  const feed = new Feed<number>()
  const letters: DeadLetterRecord<number>[] = []
  const bench = slotBench((env) => {
    const written = env.fromSource(feed.source()).uid('feed').sinkTo(sinkOf(write)).uid('out').onError(bad)
    written.getSideOutput(bad).sinkTo(functionSink((letter) => letters.push(letter)))
  })
  await bench.deploy()
  await bench.assign()
  for (const n of [1, 2, 3]) feed.push(n, NO_TIMESTAMP)
  await bench.env.advanceAndSettle(1000)
  return { letters, failure: bench.sent.find((message) => message.kind === 'failed') }
}

function sinkOf(write: (n: number) => void): Sink<number, never, never> {
  return {
    kind: 'test',
    identity: null,
    prepare: async () => {},
    createWriter: () => ({
      write,
      isBlocked: () => false,
      snapshot: async () => ({ committables: [], states: [] }),
      close: async () => {},
    }),
    createCommitter: () => undefined,
  }
}
