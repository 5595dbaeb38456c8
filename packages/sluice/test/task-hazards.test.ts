/** What a task must not do when sources, sinks and time behave in unfortunate ways. */
import { expect, test } from 'vitest'
import { recordType } from '../src/api/record-type.ts'
import { deferred } from '../src/base/deferred.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import type { Sink, SinkContext, SinkWriter } from '../src/connector/sink.ts'
import {
  SPLITS_STATE,
  type PollResult,
  type ReaderOutput,
  type Source,
  type SourceReader,
  type SourceSplit,
} from '../src/connector/source.ts'
import { bytesToValue } from '../src/serde/value-codec.ts'
import { valueState } from '../src/state/descriptors.ts'
import type { OperatorStateItems } from '../src/state/operator-state.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { Feed, slotBench } from './slot-bench.ts'

/** A reader that does nothing, for tests that change one thing. */
function readerOf(parts: Partial<SourceReader<number, SourceSplit>>): SourceReader<number, SourceSplit> {
  return {
    start: () => {},
    addSplits: () => {},
    noMoreSplits: () => {},
    poll: () => 'nothing',
    snapshot: () => [],
    position: () => undefined,
    close: async () => {},
    ...parts,
  }
}

function sourceOf(parts: Partial<SourceReader<number, SourceSplit>>): Source<number, SourceSplit, null> {
  return { ...new Feed<number>().source(), createReader: () => readerOf(parts) }
}

function sinkOf<T>(
  parts: Partial<SinkWriter<T, never, never>>,
  onOpen: (context: SinkContext) => void = () => {},
): Sink<T, never, never> {
  const createWriter = (context: SinkContext): SinkWriter<T, never, never> => {
    onOpen(context)
    return {
      write: () => {},
      isBlocked: () => false,
      snapshot: async () => ({ committables: [], states: [] }),
      close: async () => {},
      ...parts,
    }
  }
  return { kind: 'test', identity: null, prepare: async () => {}, createWriter, createCommitter: () => undefined }
}

test('a record that JSON cannot show does not hide the failure', async () => {
  const feed = new Feed<bigint>()
  const bench = slotBench((env) => {
    env
      .fromSource(feed.source())
      .uid('feed')
      .keyBy((value) => String(value))
      .process({
        emits: recordType<bigint>(),
        state: { last: valueState<bigint>('last') },
        onRecord: () => {
          throw new RangeError('too big')
        },
      })
      .uid('check')
      .sinkTo(functionSink(() => {}))
  })
  await bench.deploy()
  await bench.assign()
  feed.push(7n, 1)
  await bench.env.settle()
  const failure = bench.sent.find((message) => message.kind === 'failed')
  expect(failure?.error.message).toContain('too big')
  expect(failure?.error.context).toMatchObject({ record: expect.stringContaining('7n') })
})

test('no processing-time timer fires behind the end of the input', async () => {
  const feed = new Feed<string>()
  const seen: string[] = []
  const bench = slotBench((env) => {
    env
      .fromSource(feed.source())
      .uid('feed')
      .keyBy((word) => word)
      .process({
        emits: recordType<string>(),
        state: { last: valueState<string>('last') },
        onRecord: (_word, ctx) => ctx.registerProcessingTimeTimer(ctx.processingTimeMs() + 1000),
        onTimer: (_timestampMs, ctx) => ctx.emit('fired'),
      })
      .uid('timers')
      .sinkTo(functionSink((word: string) => seen.push(word)))
  })
  await bench.deploy()
  await bench.assign()
  feed.push('a', 1)
  feed.end()
  await bench.env.settle()
  expect(bench.kinds()).toEqual(['deployed', 'drained', 'drained'])
  await bench.env.advanceAndSettle(5000)
  expect(seen).toEqual([])
})

test('the time during which output is blocked does not make a split idle', async () => {
  const script: [split: string, timestamp: number][] = []
  let isBlocked = false
  let wake = (): void => {}
  const reader = {
    poll(output: ReaderOutput<number>): PollResult {
      if (script.length === 0) return 'nothing'
      for (const [id, timestamp] of script.splice(0)) output.split(id).emit(timestamp, timestamp)
      return 'more'
    },
  }
  const bench = slotBench((env) => {
    env
      .fromSource(sourceOf(reader), WatermarkStrategy.forMonotonousTimestamps<number>().withIdleness('1s'))
      .uid('feed')
      .sinkTo(
        sinkOf<number>(
          { write: (value) => void (isBlocked = value === 5000), isBlocked: () => isBlocked },
          (context) => void (wake = () => context.wake()),
        ),
      )
  })
  await bench.deploy()
  script.push(['a', 1000], ['b', 100])
  wake()
  await bench.env.advanceAndSettle(450) // b is silent at the last probe
  script.push(['a', 5000]) // read at the next probe, which leaves no timer behind
  await bench.env.advanceAndSettle(30_000)
  expect(isBlocked).toBe(true)
  isBlocked = false
  script.push(['a', 9000])
  wake()
  await bench.env.advanceAndSettle(500)
  expect(bench.sent.findLast((message) => message.kind === 'report')?.tasks[0]?.watermark).toBe(99)
})

test('idleness stays behind a watermark that takes several steps', async () => {
  const once = (timestamps: readonly number[]) => {
    const left = [...timestamps]
    return sourceOf({
      poll(output) {
        if (left.length === 0) return 'nothing'
        for (const timestamp of left.splice(0, 256)) output.split('only').emit(timestamp, timestamp)
        return 'more'
      },
    })
  }
  const idleAfter = (time: string) => WatermarkStrategy.forMonotonousTimestamps<number>().withIdleness(time)
  const bench = slotBench((env) => {
    const ahead = env.fromSource(once(Array.from({ length: 3000 }, (_, index) => index)), idleAfter('1s')).uid('ahead')
    const behind = env.fromSource(once([0]), idleAfter('2s')).uid('behind')
    ahead
      .union(behind)
      .keyBy((value) => value)
      .process({
        emits: recordType<number>(),
        state: { last: valueState<number>('last') },
        onRecord: (value, ctx) => ctx.registerEventTimeTimer(value),
        onTimer: (timestampMs, ctx) => ctx.emit(timestampMs),
      })
      .uid('timers')
      .keyBy((value) => value)
      .process({ emits: recordType<number>(), state: { last: valueState<number>('last') }, onRecord: () => {} })
      .uid('after')
      .print()
  })
  await bench.deploy()
  await bench.env.advanceAndSettle(5000)
  const tasks = bench.sent.findLast((message) => message.kind === 'report')?.tasks ?? []
  // when all are idle the greatest watermark is sent; it fires more timers than one step may
  expect(tasks.at(-1)?.watermark).toBe(2998)
})

test('a reader that cannot be started, and an operator that cannot be made, fail the deployment and not the thread', async () => {
  const starting = slotBench((env) => {
    env
      .fromSource(sourceOf({ start: () => void JSON.parse('{') }))
      .uid('feed')
      .print()
  })
  await starting.deploy()
  expect(starting.kinds()).toEqual(['deployed', 'failed'])
  const making = slotBench((env) => {
    env
      .fromSource(sourceOf({}))
      .uid('feed')
      .assignTimestampsAndWatermarks(WatermarkStrategy.forGenerator<number>(() => JSON.parse('{')))
      .print()
  })
  await making.deploy()
  expect(making.kinds()[0]).toBe('failed')
  for (const bench of [starting, making]) {
    await bench.sendPlain('cancel')
    expect(bench.kinds().at(-1)).toBe('stopped')
  }
})

test('a slot says that it has stopped only when its sinks are closed, also when a reader cannot be closed', async () => {
  const closed = deferred<void>()
  const bench = slotBench((env) => {
    env
      .fromSource(sourceOf({ close: () => Promise.reject(new RangeError('stuck')) }))
      .uid('feed')
      .sinkTo(sinkOf({ close: () => closed.promise }))
  })
  await bench.deploy()
  await bench.sendPlain('cancel')
  expect(bench.kinds()).toEqual(['deployed'])
  closed.resolve()
  await bench.env.settle()
  expect(bench.kinds()).toEqual(['deployed', 'failed', 'stopped'])
})

test('splits are cut as they are at the barrier, even when the reader goes on changing them', async () => {
  const split = { id: 'only', next: 0 }
  let emitted = 0
  const reader = {
    poll(output: ReaderOutput<number>): PollResult {
      if (split.next === 5000) return 'nothing'
      output.split('only').emit(split.next++, 1)
      return 'more'
    },
    snapshot: () => {
      emitted = split.next
      return [split]
    },
  }
  const bench = slotBench((env) => {
    env.fromSource(sourceOf(reader)).uid('feed').print()
  })
  await bench.deploy()
  split.next = 0
  await bench.send('trigger', 1)
  const state = bench.snapshots(1)[0]?.operators.find(({ uid }) => uid === 'feed')?.operatorState
  const lists = bytesToValue(state ?? new Uint8Array()) as OperatorStateItems
  expect(lists.find(({ name }) => name === SPLITS_STATE)?.items).toEqual([{ id: 'only', next: emitted }])
  expect(emitted).toBeLessThan(5000)
})

test('a split that was finished without being read no longer holds back the watermark', async () => {
  let isFinished = false
  const reader = {
    poll(output: ReaderOutput<number>): PollResult {
      if (isFinished) return 'nothing'
      isFinished = true
      output.split('read').emit(500, 500)
      output.finishSplit('feed')
      return 'more'
    },
  }
  const bench = slotBench((env) => {
    env.fromSource(sourceOf(reader), WatermarkStrategy.forMonotonousTimestamps<number>()).uid('feed').print()
  })
  isFinished = true
  await bench.deploy()
  await bench.assign()
  isFinished = false
  await bench.env.advanceAndSettle(1000)
  expect(bench.sent.findLast((message) => message.kind === 'report')?.tasks[0]?.watermark).toBe(499)
})
