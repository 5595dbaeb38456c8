import { expect, test } from 'vitest'
import { attemptNumber, operatorUid, subtaskIndex } from '../src/base/ids.ts'
import type {
  PollResult,
  ReaderContext,
  ReaderOutput,
  Source,
  SourceReader,
  SourceSplit,
} from '../src/connector/source.ts'
import { functionSink } from '../src/connector/function-sink.ts'
import type { FromSlot, ToReader } from '../src/control/messages.ts'
import { valueToBytes } from '../src/serde/value-codec.ts'
import { MAX_WATERMARK } from '../src/stream/element.ts'
import { WatermarkStrategy } from '../src/time/watermark-strategy.ts'
import { slotBench } from './slot-bench.ts'

/** A reader that gives what the test puts into its splits, and tells what it is told. */
class Scripted {
  readonly log: string[] = []
  readonly waiting: { readonly split: string; readonly timestamp: number }[] = []
  readonly paused = new Set<string>()
  context: ReaderContext | undefined
  expected: string | undefined
  isEnded = false
  onCompleted: () => Promise<void> = async () => {}

  /** One record per timestamp. */
  give(split: string, ...timestamps: readonly number[]): void {
    this.waiting.push(...timestamps.map((timestamp) => ({ split, timestamp })))
    this.context?.wake()
  }

  source(methods: readonly ('pause' | 'events')[] = []): Source<number, SourceSplit, null> {
    return {
      kind: 'scripted',
      identity: null,
      boundedness: 'bounded',
      createEnumerator: () => ({
        start: async () => {},
        onSplitRequest: () => {},
        addSplitsBack: () => {},
        snapshot: () => null,
        close: async () => {},
      }),
      createReader: (context) => this.#reader(context, methods),
    }
  }

  #reader(context: ReaderContext, methods: readonly ('pause' | 'events')[]): SourceReader<number, SourceSplit> {
    this.context = context
    return {
      start: () => {},
      addSplits: () => {},
      noMoreSplits: () => {},
      poll: (output, recordsMax) => this.#poll(output, recordsMax),
      snapshot: () => [{ id: 'a' }],
      position: () => undefined,
      close: async () => {},
      notifyCheckpointComplete: (checkpoint) => {
        this.log.push(`complete ${checkpoint}`)
        return this.onCompleted()
      },
      ...(methods.includes('events')
        ? { handleSourceEvents: (event: unknown) => void this.log.push(`event ${JSON.stringify(event)}`) }
        : {}),
      ...(methods.includes('pause')
        ? {
            pauseOrResumeSplits: (pause: readonly string[], resume: readonly string[]) => {
              this.log.push(`pause [${pause.join()}] resume [${resume.join()}]`)
              for (const id of pause) this.paused.add(id)
              for (const id of resume) this.paused.delete(id)
            },
          }
        : {}),
    }
  }

  #poll(output: ReaderOutput<number>, recordsMax: number): PollResult {
    if (this.expected !== undefined) output.expectSplit(this.expected)
    this.expected = undefined
    for (let count = 0; count < recordsMax; count++) {
      const at = this.waiting.findIndex(({ split }) => !this.paused.has(split))
      const [next] = at < 0 ? [] : this.waiting.splice(at, 1)
      if (next === undefined) return this.isEnded && this.waiting.length === 0 ? 'end' : 'nothing'
      output.split(next.split).emit(next.timestamp, next.timestamp)
    }
    return 'more'
  }
}

const ALIGNED = WatermarkStrategy.forMonotonousTimestamps<number>().withWatermarkAlignment('g', '100ms', '400ms')

async function started(scripted: Scripted, watermarks = ALIGNED, methods: readonly ('pause' | 'events')[] = []) {
  const seen: number[] = []
  const bench = slotBench((env) => {
    env
      .fromSource(scripted.source(methods), watermarks, { uid: 's' })
      .sinkTo(functionSink((value) => seen.push(value)))
      .uid('out')
  })
  await bench.deploy()
  const place = { source: operatorUid('s'), subtask: subtaskIndex(0) }
  const tell = (message: ToReader): void => bench.runner.onMessage({ ...message, attempt: attemptNumber(0) })
  return {
    bench,
    seen,
    align: (watermarkMax: number) => tell({ kind: 'align-source', ...place, watermarkMax }),
    event: (value: unknown) => tell({ kind: 'source-event', ...place, event: valueToBytes(value) }),
    assign: (...ids: readonly string[]) =>
      tell({ kind: 'assign-splits', ...place, splits: valueToBytes(ids.map((id) => ({ id }))), noMore: false }),
    pass: (ms: number) => bench.env.advanceAndSettle(ms),
    reports: () => bench.sent.flatMap((message) => reportOf(message)),
  }
}

function reportOf(message: FromSlot): readonly (number | string)[] {
  if (message.kind !== 'source-watermark') return []
  return [message.progress.kind === 'active' ? message.progress.watermark : message.progress.kind]
}

test('a source that is ahead of its limit pauses until the limit has caught up', async () => {
  const scripted = new Scripted()
  const { seen, align, pass } = await started(scripted)
  align(1000)
  scripted.give('a', 500, 900, 1002)
  await pass(200)
  scripted.give('a', 2000)
  await pass(2000)
  expect(seen).toEqual([500, 900, 1002])
  align(1001)
  await pass(0)
  expect(seen).toEqual([500, 900, 1002, 2000])
})

test('before any limit comes nobody runs ahead of the beginning', async () => {
  const scripted = new Scripted()
  const { seen, pass } = await started(scripted)
  scripted.give('a', 5)
  await pass(200)
  scripted.give('a', 6)
  await pass(2000)
  expect(seen).toEqual([5])
})

test('a paused source takes part in checkpoints and is not idle', async () => {
  const scripted = new Scripted()
  const { bench, align, pass, reports } = await started(scripted, ALIGNED.withIdleness('1s'))
  align(0)
  scripted.give('a', 500)
  await pass(5000)
  await bench.send('trigger', 1)
  expect(bench.snapshots(1)).toHaveLength(1)
  expect(reports()).not.toContain('idle')
  align(MAX_WATERMARK)
  await pass(5000)
  expect(reports().at(-1)).toBe('idle')
})

test('a source says how far it is at its interval, at once when it has begun, and that it is idle or has ended', async () => {
  const scripted = new Scripted()
  const { align, pass, reports } = await started(scripted, ALIGNED.withIdleness('1s'))
  align(MAX_WATERMARK)
  scripted.give('a', 11)
  await pass(200)
  expect(reports().slice(-1)).toEqual([10])
  const before = reports().length
  scripted.give('a', 21)
  await pass(200)
  scripted.give('a', 31)
  await pass(200)
  expect(reports().slice(before)).toEqual([30])
  await pass(3000)
  expect(reports().at(-1)).toBe('idle')
  scripted.give('a', 41)
  await pass(200)
  expect(reports().at(-1)).toBe(40)
  scripted.isEnded = true
  scripted.give('a')
  await pass(200)
  align(1)
  await pass(2000)
  expect(reports().at(-1)).toBe('ended')
})

test('a reader that can pause splits pauses those that are ahead and goes on with the others', async () => {
  const scripted = new Scripted()
  const { seen, align, pass } = await started(scripted, ALIGNED, ['pause'])
  align(100)
  scripted.give('fast', 500)
  scripted.give('slow', 50)
  await pass(200)
  expect(scripted.log).toEqual(['pause [fast] resume []'])
  scripted.give('fast', 510)
  scripted.give('slow', 60)
  await pass(200)
  expect(seen).toEqual([500, 50, 60])
  align(600)
  await pass(0)
  expect(scripted.log.at(-1)).toBe('pause [] resume [fast]')
  scripted.give('slow')
  await pass(200)
  expect(seen.at(-1)).toBe(510)
})

test('a paused split does not become idle: it would let the others go ahead of its records', async () => {
  const scripted = new Scripted()
  const { align, pass, reports } = await started(scripted, ALIGNED.withIdleness('1s'), ['pause'])
  align(100)
  scripted.give('fast', 500)
  scripted.give('slow', 50)
  await pass(200)
  for (let second = 0; second < 5; second++) {
    scripted.give('slow', 60 + second)
    await pass(500)
  }
  await pass(5000) // the slow one is idle now, the paused one is not
  expect(reports().at(-1)).toBe(499)
})

test('a split that is expected holds event time and keeps the source from being idle, and nobody waits for it', async () => {
  const scripted = new Scripted()
  const watermarks = WatermarkStrategy.forMonotonousTimestamps<number>()
    .withIdleness('1s')
    .withWatermarkAlignment('g', '1h', '400ms')
  const { bench, align, pass, reports } = await started(scripted, watermarks)
  const shown = (): number | undefined => {
    const report = bench.sent.findLast((message) => message.kind === 'report')
    return report?.tasks[0]?.watermark
  }
  align(MAX_WATERMARK)
  scripted.give('a', 11)
  await pass(400)
  scripted.expected = 'b'
  scripted.give('a', 91)
  await pass(5000)
  expect([shown(), reports().at(-1)]).toEqual([10, 'idle'])
  scripted.give('b', 71)
  await pass(600)
  expect([shown(), reports().at(-1)]).toEqual([70, 70])
})

test('events reach a reader between its splits', async () => {
  const scripted = new Scripted()
  const { event, pass } = await started(scripted, ALIGNED, ['events'])
  event({ go: 1 })
  event(new Set([2]))
  await pass(0)
  expect(scripted.log).toEqual(['event {"go":1}', 'event {}'])
})

test('an event that the reader does not understand fails the task', async () => {
  const { bench, event, pass } = await started(new Scripted())
  event('what')
  await pass(0)
  expect(bench.sent.filter(({ kind }) => kind === 'failed')).toMatchObject([
    { error: { code: 'SRC1006', context: { operator: 's' } } },
  ])
})

test('what a reader says goes out in order, encoded', async () => {
  const scripted = new Scripted()
  const { bench } = await started(scripted)
  scripted.context?.sendSourceEvent({ at: 1n })
  scripted.context?.requestSplit()
  expect(bench.sent.filter(({ kind }) => kind === 'source-event' || kind === 'request-split')).toMatchObject([
    { kind: 'source-event', event: valueToBytes({ at: 1n }) },
    { kind: 'request-split' },
  ])
})

test('a reader hears of completed checkpoints, and the checkpoint is committed when it is done', async () => {
  const scripted = new Scripted()
  const { bench } = await started(scripted)
  await bench.send('trigger', 1)
  await bench.send('complete', 1)
  expect(scripted.log).toEqual(['complete 1'])
  expect(bench.kinds()).toContain('committed')
  scripted.onCompleted = () => Promise.reject(new RangeError('the broker is away'))
  await bench.send('complete', 2)
  expect(bench.sent.filter(({ kind }) => kind === 'failed')).toMatchObject([{ error: { code: 'TSK1001' } }])
})
