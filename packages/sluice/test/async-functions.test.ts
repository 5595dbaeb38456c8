/** Asynchronous functions in whole tasks and jobs: back-pressure, the end of the input, checkpoints, crashes. */
import { describe, expect, test } from 'vitest'
import { AsyncDataStream } from '../src/api/async-data-stream.ts'
import { defineJob } from '../src/api/define-job.ts'
import { recordType } from '../src/api/record-type.ts'
import { deferred, type Deferred } from '../src/base/deferred.ts'
import { param } from '../src/config/param.ts'
import { jsonLinesSink } from '../src/connector/file-sink.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import { jsonLinesSource } from '../src/connector/text-source.ts'
import { AsyncRetryStrategies } from '../src/operators/async-retry.ts'
import { simulate } from '../src/testing/simulator.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { Feed, slotBench } from './slot-bench.ts'

const byTime = WatermarkStrategy.forMonotonousTimestamps<number>()

/** A service whose answers the test gives. */
class Service {
  readonly asked: number[] = []
  readonly #answers = new Map<number, Deferred<string>>()

  readonly ask = (n: number): Promise<string> => {
    const answer = deferred<string>()
    this.asked.push(n)
    this.#answers.set(n, answer)
    return answer.promise
  }

  answer(...numbers: readonly number[]): void {
    for (const n of numbers) this.#answers.get(n)?.resolve(`answer ${n}`)
  }
}

function serviceBench(feed: Feed<number>, service: Service, capacity = 100) {
  const seen: string[] = []
  const bench = slotBench((env) => {
    const numbers = env.fromSource(feed.source(), byTime.withIdleness('5s')).uid('feed')
    AsyncDataStream.orderedWait(numbers, service.ask, { timeout: '1m', capacity })
      .uid('ask')
      .sinkTo(functionSink((text: string) => seen.push(text)))
  })
  const watermark = (): number | undefined =>
    bench.sent.findLast((message) => message.kind === 'report')?.tasks[0]?.watermark
  return { ...bench, seen, watermark }
}

test('what is under way bounds what is read: a batch at the most beyond the capacity', async () => {
  const [feed, service] = [new Feed<number>(), new Service()]
  const bench = serviceBench(feed, service, 10)
  await bench.deploy()
  await bench.assign()
  for (let n = 0; n < 5000; n++) feed.push(n, n)
  await bench.env.settle()
  expect(service.asked).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  service.answer(1, 2)
  await bench.env.settle()
  expect([service.asked.length, bench.seen]).toEqual([10, []]) // behind the first record there is no room
  service.answer(0)
  await bench.env.settle()
  expect([service.asked.length, bench.seen]).toEqual([13, ['answer 0', 'answer 1', 'answer 2']])
  await bench.env.advanceAndSettle(1000)
  const report = bench.sent.findLast((message) => message.kind === 'report')
  expect(report?.tasks[0]?.recordsIn).toBeLessThanOrEqual(512 + 512)
})

test('the task ends when all requests have their answers, and the watermark of the end waits for them', async () => {
  const [feed, service] = [new Feed<number>(), new Service()]
  const bench = serviceBench(feed, service)
  await bench.deploy()
  await bench.assign()
  feed.push(1, 1000)
  feed.push(2, 2000)
  feed.end()
  await bench.env.advanceAndSettle(1000)
  expect([bench.kinds(), bench.watermark()]).toEqual([['deployed'], Number.MIN_SAFE_INTEGER])
  service.answer(2)
  await bench.env.advanceAndSettle(1000)
  expect(bench.kinds()).toEqual(['deployed'])
  service.answer(1)
  await bench.env.advanceAndSettle(1000)
  expect([bench.kinds(), bench.seen]).toEqual([
    ['deployed', 'drained'],
    ['answer 1', 'answer 2'],
  ])
})

test('requests under way at a checkpoint are made again when it is restored, in their order', async () => {
  const [feed, service] = [new Feed<number>(), new Service()]
  const bench = serviceBench(feed, service, 2)
  await bench.deploy()
  await bench.assign()
  for (const n of [1, 2, 3]) feed.push(n, n)
  await bench.env.settle()
  service.answer(2)
  await bench.send('trigger', 1)
  const snapshots = bench.snapshots(1)
  expect(snapshots).toHaveLength(1) // also while the operator is full

  const again = new Service()
  const seen: string[] = []
  const restored = slotBench(
    (env) => {
      const numbers = env.fromSource(feed.source(), byTime.withIdleness('5s')).uid('feed')
      AsyncDataStream.orderedWait(numbers, again.ask, { timeout: '1m', capacity: 2 })
        .uid('ask')
        .sinkTo(functionSink((text: string) => seen.push(text)))
    },
    { restore: snapshots, store: bench.store },
  )
  await restored.deploy()
  feed.push(4, 4)
  await restored.env.settle()
  expect(again.asked).toEqual([1, 2])
  again.answer(2, 1)
  await restored.env.settle()
  again.answer(3, 4)
  await restored.env.settle()
  expect(seen).toEqual(['answer 1', 'answer 2', 'answer 3', 'answer 4'])
})

test('a request that never ends fails the task with its own record, not with the last one that was read', async () => {
  const [feed, service] = [new Feed<number>(), new Service()]
  const bench = serviceBench(feed, service)
  await bench.deploy()
  await bench.assign()
  for (const n of [7, 8, 9]) feed.push(n, n)
  await bench.env.settle()
  service.answer(8, 9)
  await bench.env.advanceAndSettle(60_000)
  const failure = bench.sent.find((message) => message.kind === 'failed')
  expect(failure?.error).toMatchObject({
    code: 'TSK1008',
    context: { operator: 'ask', subtask: 0, record: 'feed record 0' },
  })
})

test('a full operator behind a watermark that fires more timers than fit does not stop the task', async () => {
  const feed = new Feed<number>()
  const gate = deferred<void>()
  const seen = new Set<number>()
  const bench = slotBench((env) => {
    const timers = env
      .fromSource(feed.source(), byTime)
      .uid('feed')
      .keyBy((n) => n)
      .process({
        emits: recordType<number>(),
        onRecord: (n, ctx) => ctx.registerEventTimeTimer(n < 5 ? 3000 : 10_000 + n),
        onTimer: (_timestampMs, ctx) => ctx.emit(ctx.key),
      })
      .uid('timers')
    const ask = async (n: number): Promise<number> => gate.promise.then(() => n)
    const first = AsyncDataStream.unorderedWait(timers, ask, { timeout: '1m', capacity: 7 }).uid('first')
    AsyncDataStream.orderedWait(first, async (n) => n, { timeout: '1m', capacity: 3 })
      .uid('second')
      .sinkTo(functionSink((n: number) => seen.add(n)))
  })
  await bench.deploy()
  await bench.assign()
  for (let n = 0; n < 4000; n++) feed.push(n, n)
  await bench.env.advanceAndSettle(250) // the first watermark fires a few timers and is held by the requests that they make
  feed.end() // the last one fires the others, and is cut when it has fired its share
  await bench.env.settle()
  gate.resolve()
  await bench.env.advanceAndSettle(5000)
  expect(seen.size).toBe(4000)
  expect(bench.kinds()).toEqual(['deployed', 'drained', 'drained'])
})

test('idleness goes out behind the records that are held', async () => {
  const [feed, service] = [new Feed<number>(), new Service()]
  const bench = slotBench((env) => {
    const numbers = env.fromSource(feed.source(), byTime.withIdleness('1s')).uid('feed')
    AsyncDataStream.orderedWait(numbers, service.ask, { timeout: '1h' })
      .uid('ask')
      .keyBy((text) => text)
      .process({
        emits: recordType<string>(),
        onRecord: (text, ctx) => ctx.emit(`${text} at ${ctx.currentWatermark()}`),
      })
      .uid('watch')
      .print()
  })
  await bench.deploy()
  await bench.assign()
  feed.push(1, 5000)
  await bench.env.advanceAndSettle(10_000) // idle for long
  const idleBefore = bench.sent.findLast((message) => message.kind === 'report')?.tasks[1]?.watermark
  expect(idleBefore).toBe(Number.MIN_SAFE_INTEGER)
  service.answer(1)
  await bench.env.advanceAndSettle(1000)
  expect(bench.env.lines).toEqual([`answer 1 at ${Number.MIN_SAFE_INTEGER}`])
  expect(bench.sent.findLast((message) => message.kind === 'report')?.tasks[1]?.watermark).toBe(4999)
})

test('timers in front of an asynchronous function do not fire behind the end of the input, while it still waits', async () => {
  const [feed, service] = [new Feed<number>(), new Service()]
  const seen: string[] = []
  const bench = slotBench((env) => {
    const timers = env
      .fromSource(feed.source(), byTime)
      .uid('feed')
      .keyBy((n) => n)
      .process({
        emits: recordType<number>(),
        onRecord: (n, ctx) => {
          ctx.registerProcessingTimeTimer(ctx.processingTimeMs() + 5000)
          ctx.emit(n)
        },
        onTimer: (_timestampMs, ctx) => ctx.emit(ctx.key + 1000),
      })
      .uid('timers')
    AsyncDataStream.unorderedWait(timers, service.ask, { timeout: '1h' })
      .uid('ask')
      .sinkTo(functionSink((text: string) => seen.push(text)))
  })
  await bench.deploy()
  await bench.assign()
  feed.push(1, 1)
  feed.end()
  await bench.env.advanceAndSettle(20_000)
  expect(service.asked).toEqual([1])
  service.answer(1)
  await bench.env.advanceAndSettle(1000)
  expect([seen, bench.kinds()]).toEqual([['answer 1'], ['deployed', 'drained', 'drained']])
})

test('checkpoints go on while the end of the input waits for requests', async () => {
  const [feed, service] = [new Feed<number>(), new Service()]
  const bench = slotBench((env) => {
    const atTheEnd = env
      .fromSource(feed.source(), byTime)
      .uid('feed')
      .keyBy((n) => n)
      .process({
        emits: recordType<number>(),
        onRecord: (_n, ctx) => ctx.registerEventTimeTimer(1_000_000),
        onTimer: (_timestampMs, ctx) => ctx.emit(ctx.key),
      })
      .uid('timers')
    AsyncDataStream.orderedWait(atTheEnd, service.ask, { timeout: '1h' })
      .uid('ask')
      .sinkTo(functionSink(() => {}))
  })
  await bench.deploy()
  await bench.assign()
  for (let n = 1; n <= 5; n++) feed.push(n, n)
  feed.end()
  await bench.env.advanceAndSettle(1000)
  expect([service.asked.length, bench.kinds()]).toEqual([5, ['deployed', 'drained']])
  await bench.send('trigger', 1)
  expect(bench.snapshots(1)).toHaveLength(2)
})

test('a signal that is asked for behind the timeout is aborted', async () => {
  const feed = new Feed<number>()
  const first = deferred<void>()
  let signal: AbortSignal | undefined
  const seen: number[] = []
  const bench = slotBench((env) => {
    AsyncDataStream.orderedWait(
      env.fromSource(feed.source(), byTime).uid('feed'),
      async (n: number, context) => {
        await first.promise
        signal = context.signal
        return n
      },
      { timeout: '1s', onTimeout: () => -1 },
    )
      .uid('ask')
      .sinkTo(functionSink((n: number) => seen.push(n)))
  })
  await bench.deploy()
  await bench.assign()
  feed.push(1, 1)
  await bench.env.advanceAndSettle(2000)
  first.resolve()
  await bench.env.settle()
  expect([seen, signal?.aborted, signal?.reason]).toEqual([[-1], true, expect.objectContaining({ code: 'TSK1008' })])
})

describe.each(['ordered', 'unordered'] as const)('%s', (order) => {
  test('every record has its result once, whatever crashes', async () => {
    interface Order {
      readonly id: number
      readonly shop: string
    }
    const job = defineJob(
      'rates',
      { params: { input: param.string(), output: param.string() } },
      (env, { input, output }) => {
        const orders = env.fromSource(jsonLinesSource<Order>(input)).uid('orders')
        const wait = order === 'ordered' ? AsyncDataStream.orderedWait : AsyncDataStream.unorderedWait
        wait(
          orders,
          async (each: Order, { attempt }) => {
            for (let turn = 0; turn < each.id % 5; turn++) await Promise.resolve()
            if (each.id % 7 === 0 && attempt === 1) throw new RangeError('busy')
            return { ...each, rate: each.id * 2 }
          },
          { timeout: '1h', capacity: 20, retry: AsyncRetryStrategies.fixedDelay({ attempts: 2, delay: '20ms' }) },
        )
          .uid('rates')
          .sinkTo(jsonLinesSink(output))
          .uid('out')
      },
    )
    const orders = Array.from({ length: 400 }, (_, id) => `${JSON.stringify({ id, shop: `shop-${id % 7}` })}\n`)
    for (let seed = 1; seed <= 8; seed++) {
      const { output } = await simulate(job, {
        seed,
        params: { input: 'orders.jsonl', output: 'out' },
        files: { 'orders.jsonl': orders.join('') },
      })
      expect(output.get('/out'), `seed ${seed}`).toHaveLength(400)
    }
  })
})
