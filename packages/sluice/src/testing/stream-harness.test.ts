import { describe, expect, test } from 'vitest'
import { AsyncDataStream } from '../api/async-data-stream.ts'
import type { DataStream } from '../api/data-stream.ts'
import { defineJob } from '../api/define-job.ts'
import { recordType } from '../api/record-type.ts'
import { functionSink } from '../connector/function-sink.ts'
import { outputTag } from '../operators/output-tag.ts'
import { TumblingEventTimeWindows } from '../operators/window-assigners.ts'
import { count } from '../api/aggregates.ts'
import { valueState } from '../state/descriptors.ts'
import { endOfInput, processingTime, record, secondRecord, watermark } from './operator-script.ts'
import { jobHarness, streamHarness } from './stream-harness.ts'
import { testStream } from './stream-test.ts'

function counting(words: DataStream<string>): DataStream<string> {
  return words
    .keyBy((word) => word)
    .process({
      emits: recordType<string>(),
      state: { count: valueState<number>('count', 0) },
      onRecord(word, ctx) {
        ctx.state.count.update(ctx.state.count.value() + 1)
        ctx.emit(`${word} ${ctx.state.count.value()}`)
      },
    })
    .uid('counting')
}

test('what is pushed comes out before the call resolves', async () => {
  const harness = await streamHarness((words: DataStream<string>) => words.map((word) => word.length))
  await harness.push('stream', 5)
  expect(harness.records).toEqual([{ value: 6, timestamp: 5 }])
  await harness.close()
})

test('take gives what came since the last take', async () => {
  const harness = await streamHarness((words: DataStream<string>) => words.map((word) => word.length))
  await harness.push('a')
  expect(harness.take()).toHaveLength(1)
  expect(harness.take()).toHaveLength(0)
  await harness.push('b')
  expect(harness.take()).toHaveLength(1)
  expect(harness.values).toEqual([1, 1])
  await harness.close()
})

test('state is what it was at the snapshot, at any parallelism', async () => {
  const harness = await streamHarness(counting)
  for (const word of ['a', 'b', 'a']) await harness.push(word)
  const snapshot = await harness.snapshot()
  await harness.push('a')
  harness.take()
  for (const parallelism of [1, 4]) {
    await harness.restore(snapshot, { parallelism })
    await harness.push('a')
    await harness.push('b')
    expect(harness.take().map(({ value }) => value)).toEqual(['a 3', 'b 2'])
  }
  await harness.close()
})

test('a job goes on with another parallelism', async () => {
  const harness = await streamHarness(counting, { parallelism: 2 })
  await harness.push('a')
  await harness.rescale(5)
  await harness.push('a')
  await harness.rescale(1)
  await harness.push('a')
  expect(harness.values).toEqual(['a 1', 'a 2', 'a 3'])
  await harness.close()
})

test('windows fire by the watermark of all inputs', async () => {
  const harness = await streamHarness((left: DataStream<string>, right: DataStream<string>) =>
    left
      .union(right)
      .keyBy((word) => word)
      .window(TumblingEventTimeWindows.of('10ms'))
      .aggregate(count())
      .uid('counts'),
  )
  await harness.inputs[0].push('a', 1)
  await harness.inputs[1].push('a', 2)
  await harness.inputs[0].watermark(9)
  expect(harness.values).toEqual([])
  await harness.inputs[1].watermark(9)
  expect(harness.values).toEqual([{ key: 'a', windowStart: 0, windowEnd: 10, result: 2 }])
  await harness.close()
})

test('processing time passes only when the test says so', async () => {
  const harness = await streamHarness((words: DataStream<string>) =>
    words
      .keyBy((word) => word)
      .process({
        emits: recordType<string>(),
        onRecord(_word, ctx) {
          ctx.registerProcessingTimeTimer(ctx.processingTimeMs() + 60_000)
        },
        onTimer(timestampMs, ctx) {
          ctx.emit(`${ctx.key} at ${timestampMs}`)
        },
      })
      .uid('late-echo'),
  )
  await harness.push('a')
  await harness.advance('59s')
  expect(harness.values).toEqual([])
  await harness.advance('1s')
  expect(harness.values).toEqual(['a at 60000'])
  await harness.close()
})

test('side outputs and counters can be read', async () => {
  const late = outputTag<string>('late')
  const harness = await streamHarness((words: DataStream<string>) => {
    const main = words
      .keyBy((word) => word)
      .window(TumblingEventTimeWindows.of('10ms'))
      .sideOutputLateData(late)
      .aggregate(count(), (key, _window, n) => `${key} ${n}`)
      .uid('counts')
    return { main, late: main.getSideOutput(late) }
  })
  await harness.push('a', 1)
  await harness.watermark(20)
  await harness.push('b', 2)
  expect(harness.values).toEqual(['a 1'])
  expect(harness.output('late').values).toEqual(['b'])
  expect(harness.counters()).toMatchObject({ 'counts/lateRecords': 1 })
  await harness.close()
})

test('a function that throws makes the push reject, and everything behind it', async () => {
  const harness = await streamHarness((words: DataStream<string>) =>
    words.map((word) => {
      if (word === 'bad') throw new RangeError('no such word')
      return word
    }),
  )
  await harness.push('good')
  const failure = { code: 'TSK1001', message: expect.stringContaining('no such word') }
  await expect(harness.push('bad')).rejects.toMatchObject(failure)
  await expect(harness.push('good')).rejects.toMatchObject(failure)
  await harness.close()
})

test('a whole job runs with its sources and sinks replaced', async () => {
  const job = defineJob('copy', (env) => {
    counting(env.fromElements('never read').uid('words'))
      .sinkTo(functionSink(() => {}))
      .uid('counts')
  })
  const harness = await jobHarness(job)
  await harness.input('words').push('a')
  expect(harness.output('counts').values).toEqual(['a 1'])
  expect(() => harness.input('other')).toThrow('no source "other"; it has "words"')
  await harness.close()
})

test('records behind the end are refused', async () => {
  const harness = await streamHarness((words: DataStream<string>) => words.map((word) => word))
  await harness.end()
  await expect(harness.push('a')).rejects.toMatchObject({ code: 'SIM1001' })
  await harness.close()
})

test('a script gives its output when all ways agree', async () => {
  const { values } = await testStream(counting, [
    record('a', 1),
    record('b', 2),
    watermark(2),
    record('a', 3),
    processingTime(1000),
    endOfInput(),
  ])
  expect(values).toEqual(['a 1', 'b 1', 'a 2'])
})

test('both inputs of a script are fed', async () => {
  const { values } = await testStream(
    (left: DataStream<string>, right: DataStream<string>) => left.union(right),
    [record('a'), secondRecord('b')],
  )
  expect(values).toEqual(['a', 'b'])
})

test('state beside the state is found out', async () => {
  const build = (words: DataStream<string>): DataStream<number> => {
    let seen = 0
    return words.map(() => ++seen)
  }
  await expect(testStream(build, [record('a'), record('b')])).rejects.toMatchObject({
    code: 'SIM1001',
    message: expect.stringContaining('with a failure and a restore at every step'),
  })
})

test('a record of a script for an input that is not there is refused', async () => {
  const build = (words: DataStream<string>): DataStream<string> => words.map((word) => word)
  await expect(testStream(build, [record('a'), secondRecord('b')])).rejects.toMatchObject({
    code: 'SIM1001',
    message: expect.stringContaining('input 2'),
  })
})

test('a function that asks for forward() right behind its stream runs at any parallelism', async () => {
  const script = Array.from({ length: 6 }, (_, index) => record(index))
  const { values } = await testStream((numbers: DataStream<number>) => numbers.forward().map((n) => n + 1), script)
  expect(values).toEqual([1, 2, 3, 4, 5, 6])
})

test('what cannot go from one slot to another is found out, with the path to it', async () => {
  const build = (numbers: DataStream<number>): DataStream<number> =>
    numbers
      .map((n) => ({ order: { total: () => n } }))
      .rebalance()
      .map(({ order }) => order.total())
  const script = Array.from({ length: 12 }, (_, index) => record(index))
  await expect(testStream(build, script)).rejects.toMatchObject({
    code: 'SER1001',
    message: expect.stringContaining('order.total'),
  })
})

test('a job that never comes to rest fails the call that brought it about', async () => {
  const harness = await streamHarness((words: DataStream<string>) =>
    words
      .keyBy((word) => word)
      .process({
        emits: recordType<string>(),
        onRecord: (_word, ctx) => ctx.registerProcessingTimeTimer(ctx.processingTimeMs() + 10),
        onTimer: (timestampMs, ctx) => ctx.registerProcessingTimeTimer(timestampMs),
      })
      .uid('endless'),
  )
  await harness.push('a')
  await expect(harness.advance('1s')).rejects.toMatchObject({
    code: 'SIM1001',
    message: expect.stringContaining('does not come to rest at processing time 10'),
  })
  await harness.close()
}, 30_000)

test('one record may lead to very many', async () => {
  const build = (counts: DataStream<number>): DataStream<number> =>
    counts
      .flatMap<number>((count, out) => {
        for (let n = 0; n < count; n++) out(n)
      })
      .rebalance()
      .map((n) => n)
  const harness = await streamHarness(build, { pace: 'one-record-at-a-time' })
  await harness.push(30_000)
  expect(harness.values).toHaveLength(30_000)
  await harness.close()
})

describe('asynchronous functions', () => {
  const waiting = (settings: { readonly capacity: number }) => {
    const answers: PromiseWithResolvers<string>[] = []
    const ask = (): Promise<string> => {
      answers.push(Promise.withResolvers<string>())
      return answers.at(-1)?.promise ?? expect.unreachable('it was just made')
    }
    const build = (words: DataStream<string>): DataStream<string> =>
      AsyncDataStream.orderedWait(words.rebalance(), ask, { timeout: '1h', ...settings }).uid('ask')
    return { answers, build }
  }

  test('a failure behind the last call is told by the close', async () => {
    const { answers, build } = waiting({ capacity: 5 })
    const harness = await streamHarness(build)
    await harness.push('a')
    answers[0]?.reject(new RangeError('no route'))
    await expect(harness.close()).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining('no route'),
    })
    await harness.close()
  })

  test('a failure that was told is not told again by the close', async () => {
    const { answers, build } = waiting({ capacity: 5 })
    const harness = await streamHarness(build)
    await harness.push('a')
    answers[0]?.reject(new RangeError('no route'))
    await expect(harness.job.settle()).rejects.toMatchObject({ code: 'TSK1001' })
    await harness.close()
  })

  test('a snapshot that has to wait for answers says so, and the job goes on', async () => {
    const { answers, build } = waiting({ capacity: 1 })
    const harness = await streamHarness(build)
    await harness.push('a')
    await expect(harness.snapshot()).rejects.toMatchObject({
      code: 'SIM1001',
      message: expect.stringContaining('1 of 2 tasks'),
    })
    answers[0]?.resolve('answer')
    const snapshot = await harness.snapshot()
    expect(harness.values).toEqual(['answer'])
    await harness.restore(snapshot)
    expect(answers).toHaveLength(1)
    await harness.close()
  })
})
