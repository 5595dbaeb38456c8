/** What the window methods build, as whole streams. */
import { describe, expect, test } from 'vitest'
import { CountTrigger, PurgingTrigger } from '../operators/triggers.ts'
import {
  GlobalWindows,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
} from '../operators/window-assigners.ts'
import { outputTag } from '../operators/output-tag.ts'
import { valueState } from '../state/descriptors.ts'
import { endOfInput, processingTime, record, watermark } from '../testing/operator-script.ts'
import { testStream } from '../testing/stream-test.ts'
import { count, sum } from './aggregates.ts'
import type { DataStream } from './data-stream.ts'
import { planJob } from '../graph/planner.ts'
import { defineJob } from './define-job.ts'
import { recordType } from './record-type.ts'

interface Bid {
  readonly auction: string
  readonly price: number
}

const bid = (price: number, timestamp?: number, auction = 'a') => record({ auction, price }, timestamp)
const tenMs = TumblingEventTimeWindows.of('10ms')

describe('windows of a whole stream', () => {
  test('aggregate the records of all keys', async () => {
    const { values } = await testStream(
      (bids: DataStream<Bid>) =>
        bids
          .windowAll(tenMs)
          .aggregate(sum(({ price }) => price))
          .uid('sums'),
      [bid(1, 1, 'a'), bid(2, 2, 'b'), bid(4, 12, 'c'), watermark(9), endOfInput()],
    )
    expect(values).toEqual([
      { windowStart: 0, windowEnd: 10, result: 3 },
      { windowStart: 10, windowEnd: 20, result: 4 },
    ])
  })

  test('can be processed, with states', async () => {
    const { values } = await testStream(
      (bids: DataStream<Bid>) =>
        bids
          .windowAll(tenMs)
          .process({
            emits: recordType<string>(),
            state: { windows: valueState<number>('windows', 0) },
            windowState: { firings: valueState<number>('firings', 0) },
            process(all, ctx) {
              ctx.state.windows.update(ctx.state.windows.value() + 1)
              ctx.windowState.firings.update(ctx.windowState.firings.value() + 1)
              ctx.emit(
                `${ctx.window.start}: ${all.length}, ${ctx.state.windows.value()}, ${ctx.windowState.firings.value()}`,
              )
            },
          })
          .uid('all'),
      [bid(1, 1, 'a'), bid(2, 2, 'b'), bid(4, 12, 'c'), endOfInput()],
    )
    expect(values).toEqual(['0: 2, 1, 1', '10: 1, 2, 1'])
  })

  test('can be reduced, counted, triggered and evicted', async () => {
    const { values } = await testStream(
      (bids: DataStream<Bid>) =>
        bids
          .countWindowAll(2, 1)
          .reduce(
            (first, next) => ({ ...first, price: first.price + next.price }),
            (_window, { price }) => price,
          )
          .uid('pairs'),
      [bid(1), bid(2, undefined, 'b'), bid(4)],
    )
    expect(values).toEqual([1, 3, 6])
  })

  test('are in one subtask: another parallelism is refused', () => {
    const build = (parallelism: number) =>
      defineJob('all', (env) => {
        env
          .fromElements(1, 2)
          .windowAll(GlobalWindows.createWithEndOfStreamTrigger())
          .aggregate(count())
          .uid('n')
          .setParallelism(parallelism)
      }).build({})
    expect(build(1).nodes.map(({ parallelism }) => parallelism)).toContain(1)
    expect(() => build(2)).toThrow(expect.objectContaining({ code: 'GRA1003' }))
  })
})

describe('windows of a key', () => {
  test('of counted records give a result at every so many', async () => {
    const { values } = await testStream(
      (bids: DataStream<Bid>) =>
        bids
          .keyBy(({ auction }) => auction)
          .countWindow(2)
          .aggregate(
            sum(({ price }) => price),
            (auction, _window, total) => `${auction} ${total}`,
          )
          .uid('pairs'),
      [bid(1), bid(5, undefined, 'b'), bid(2), bid(3), bid(4)],
    )
    expect(values).toEqual(['a 3', 'a 7'])
  })

  test('keep everything that was said of them, in any order', async () => {
    const late = outputTag<Bid>('late')
    const { values } = await testStream(
      (bids: DataStream<Bid>) => {
        const totals = bids
          .keyBy(({ auction }) => auction)
          .window(tenMs)
          .sideOutputLateData(late)
          .trigger(PurgingTrigger.of(CountTrigger.of(2)))
          .allowedLateness('5ms')
          .reduce((first, next) => ({ ...first, price: first.price + next.price }), {
            emits: recordType<number>(),
            process: (_auction, { price }, ctx) => ctx.emit(price),
          })
          .uid('totals')
        return totals.union(totals.getSideOutput(late).map(({ price }) => -price))
      },
      [bid(1, 1), watermark(9), bid(2, 2), bid(3, 3), watermark(14), bid(8, 4)],
    )
    expect(values).toEqual([3, -8])
  })

  test('go by the clock in processing time', async () => {
    const { values } = await testStream(
      (bids: DataStream<Bid>) =>
        bids
          .keyBy(({ auction }) => auction)
          .window(TumblingProcessingTimeWindows.of('1s'))
          .process({ emits: recordType<number>(), process: (_auction, all, ctx) => ctx.emit(all.length) })
          .uid('counts'),
      [bid(1), bid(2), processingTime(1000), bid(3), processingTime(2000)],
    )
    expect(values).toEqual([2, 1])
  })
})

test('global windows without a trigger are told of before the job runs', () => {
  const job = defineJob('silent', (env) => {
    env
      .fromElements(1, 2)
      .uid('in')
      .keyBy((n) => n)
      .window(GlobalWindows.create())
      .aggregate(count())
      .uid('counts')
      .print()
      .uid('out')
  })
  const { warnings } = planJob(job.build({}), { parallelism: 1, maxParallelism: 'auto' })
  expect(warnings).toEqual([expect.stringContaining('"counts" (node 1) has windows that never fire')])
})
