import { expect, test } from 'vitest'
import { functionSink } from '../src/connector/function-sink.ts'
import type { Sink } from '../src/connector/sink.ts'
import { outputTag } from '../src/operators/output-tag.ts'
import { TumblingEventTimeWindows } from '../src/operators/window-assigners.ts'
import { valueState } from '../src/state/descriptors.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { recordType } from '../src/api/record-type.ts'
import { count } from '../src/api/aggregates.ts'
import { Feed, slotBench, type SlotBenchOptions } from './slot-bench.ts'

const IN_ORDER = WatermarkStrategy.forMonotonousTimestamps<string>()

/** Counts per word; `seen` gets `word:count`. */
function wordCount(feed: Feed<string>, seen: string[], options: SlotBenchOptions = {}) {
  return slotBench((env) => {
    env
      .fromSource(feed.source(), IN_ORDER)
      .uid('feed')
      .keyBy((word) => word)
      .process({
        emits: recordType<string>(),
        state: { count: valueState<number>('count', 0) },
        onRecord(word, ctx) {
          ctx.state.count.update(ctx.state.count.value() + 1)
          ctx.emit(`${word}:${ctx.state.count.value()}`)
        },
      })
      .uid('count')
      .sinkTo(functionSink((line: string) => seen.push(line)))
      .uid('out')
  }, options)
}

test('records reach the sink, and a drained task stays to take part in checkpoints until it is told to finish', async () => {
  const feed = new Feed<string>()
  const seen: string[] = []
  const bench = wordCount(feed, seen)
  await bench.deploy()
  await bench.assign()
  for (const word of ['a', 'b', 'a']) feed.push(word, 1)
  await bench.env.settle()
  expect(seen).toEqual(['a:1', 'b:1', 'a:2'])
  feed.end()
  await bench.env.settle()
  expect(bench.kinds()).toEqual(['deployed', 'drained', 'drained'])
  await bench.send('trigger', 1)
  expect(bench.snapshots(1)).toHaveLength(2)
  await bench.send('complete', 1)
  expect(bench.kinds().filter((kind) => kind === 'committed')).toHaveLength(2)
  await bench.sendPlain('finish')
  expect(bench.kinds().filter((kind) => kind === 'finished')).toHaveLength(2)
  await bench.sendPlain('cancel')
  expect(bench.kinds().at(-1)).toBe('stopped')
})

test('a restored task continues exactly behind the cut, whatever came after it', async () => {
  const feed = new Feed<string>()
  const first = wordCount(feed, [])
  await first.deploy()
  await first.assign()
  for (const word of ['a', 'b', 'a']) feed.push(word, 1)
  await first.env.settle()
  await first.send('trigger', 1)
  for (const word of ['a', 'a', 'b']) feed.push(word, 2)
  await first.env.settle()

  const seen: string[] = []
  const second = wordCount(feed, seen, { store: first.store, restore: first.snapshots(1) })
  await second.deploy()
  await second.env.advanceAndSettle(0)
  feed.wake()
  await second.env.settle()
  expect(seen).toEqual(['a:3', 'a:4', 'b:2'])
})

test('a failing user function fails the task with operator, subtask and record, once', async () => {
  const feed = new Feed<string>()
  const bench = slotBench((env) => {
    env
      .fromSource(feed.source(), IN_ORDER)
      .uid('feed')
      .map((word) => {
        if (word === 'bad') throw new RangeError('too long')
        return word
      })
      .name('check')
      .print()
  })
  await bench.deploy()
  await bench.assign()
  for (const word of ['good', 'bad', 'bad']) feed.push(word, 1)
  await bench.env.settle()
  const failures = bench.sent.filter((message) => message.kind === 'failed')
  expect(failures).toHaveLength(1)
  expect(failures[0]?.error).toMatchObject({ code: 'TSK1001', context: { subtask: 0, record: 'feed record 1' } })
  expect(failures[0]?.error.message).toContain('check')
  expect(failures[0]?.error.message).toContain('too long')
})

test('back-pressure reaches the source: nothing is read while the sink takes nothing', async () => {
  const feed = new Feed<number>()
  let isBlocked = true
  let wake = (): void => {}
  let written = 0
  const slowSink: Sink<number, never, never> = {
    kind: 'slow',
    identity: null,
    prepare: async () => {},
    createWriter: (context) => {
      wake = () => context.wake()
      return {
        write: () => void written++,
        isBlocked: () => isBlocked,
        snapshot: async () => ({ committables: [], states: [] }),
        close: async () => {},
      }
    },
    createCommitter: () => undefined,
  }
  const bench = slotBench((env) => {
    env
      .fromSource(feed.source())
      .uid('feed')
      .keyBy((value) => value)
      .process({
        emits: recordType<number>(),
        state: { last: valueState<number>('last') },
        onRecord: (value, ctx) => ctx.emit(value),
      })
      .uid('same')
      .sinkTo(slowSink)
  })
  for (let value = 0; value < 20_000; value++) feed.push(value, 1)
  await bench.deploy()
  await bench.assign()
  expect(written).toBe(0)
  const read = await recordsRead(bench, 0)
  // eight batches of credit between the two tasks, and the batch that used the last of it
  expect(read).toBeLessThanOrEqual(9 * 512)
  isBlocked = false
  wake()
  await bench.env.settle()
  expect(written).toBe(20_000)
})

async function recordsRead(bench: ReturnType<typeof slotBench>, vertex: number): Promise<number> {
  await bench.env.advanceAndSettle(500)
  const report = bench.sent.findLast((message) => message.kind === 'report')
  return report?.tasks[vertex]?.recordsIn ?? 0
}

test('windows fire by the watermark, and what comes later goes to the late output', async () => {
  const feed = new Feed<string>()
  const seen: unknown[] = []
  const late = outputTag<string>('late')
  const bench = slotBench((env) => {
    const counts = env
      .fromSource(feed.source(), IN_ORDER)
      .uid('feed')
      .keyBy((word) => word)
      .window(TumblingEventTimeWindows.of('1s'))
      .sideOutputLateData(late)
      .aggregate(count(), (word, window, total) => `${word}@${window.start}=${total}`)
      .uid('windows')
    counts.sinkTo(functionSink((line) => seen.push(line)))
    counts.getSideOutput(late).sinkTo(functionSink((word) => seen.push(`late ${word}`)))
  })
  await bench.deploy()
  await bench.assign()
  feed.push('a', 100)
  feed.push('a', 900)
  feed.push('b', 2500)
  await bench.env.advanceAndSettle(400)
  expect(seen).toEqual(['a@0=2'])
  feed.push('c', 999)
  await bench.env.advanceAndSettle(400)
  expect(seen).toEqual(['a@0=2', 'late c'])
})

test('an aborted checkpoint is not acknowledged and does not disturb the next one', async () => {
  const feed = new Feed<string>()
  const bench = wordCount(feed, [])
  await bench.deploy()
  await bench.assign()
  feed.push('a', 1)
  await bench.env.settle()
  await bench.send('aborted', 1)
  await bench.send('trigger', 2)
  expect(bench.snapshots(2)).toHaveLength(2)
})

test('a deployment of another graph is refused with what to do', async () => {
  const bench = wordCount(new Feed(), [])
  const zero = 0 as never
  bench.runner.onMessage({
    kind: 'deploy',
    deployment: {
      epoch: 1 as never,
      attempt: zero,
      slot: zero,
      slotCount: 1,
      layoutHash: 'other',
      tasks: [],
      placement: {},
    },
  })
  await bench.env.settle()
  const [failure] = bench.sent
  expect(failure).toMatchObject({ kind: 'failed', error: { code: 'JOB1007' } })
})

test('messages of another attempt are counted and dropped', async () => {
  const bench = wordCount(new Feed(), [])
  await bench.deploy()
  bench.runner.onMessage({ kind: 'complete', attempt: 7 as never, checkpoint: 1 as never })
  await bench.env.settle()
  expect(bench.runner.staleMessages).toBe(1)
  expect(bench.kinds()).toEqual(['deployed'])
})

test('state that cannot be encoded declines the checkpoint and leaves the task running', async () => {
  const feed = new Feed<string>()
  const seen: string[] = []
  const bench = slotBench((env) => {
    env
      .fromSource(feed.source(), IN_ORDER)
      .uid('feed')
      .keyBy((word) => word)
      .process({
        emits: recordType<string>(),
        state: { last: valueState<unknown>('last') },
        onRecord(word, ctx) {
          ctx.state.last.update({ notify: () => word })
          ctx.emit(word)
        },
      })
      .uid('bad-state')
      .sinkTo(functionSink((word: string) => seen.push(word)))
  })
  await bench.deploy()
  await bench.assign()
  feed.push('a', 1)
  await bench.env.settle()
  await bench.send('trigger', 1)
  const decline = bench.sent.find((message) => message.kind === 'decline')
  expect(decline?.error).toMatchObject({ code: 'SER1001' })
  expect(decline?.error.message).toContain('notify')
  feed.push('b', 2)
  await bench.env.settle()
  expect(seen).toEqual(['a', 'b'])
})
