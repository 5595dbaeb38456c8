/** What windows infer, and what they must not accept. Compiled, never run. */
import type { Source } from '../connector/source.ts'
import { CountEvictor, DeltaEvictor, type CustomEvictor } from '../operators/evictors.ts'
import { outputTag } from '../operators/output-tag.ts'
import {
  CountTrigger,
  customTrigger,
  DeltaTrigger,
  ProcessingTimeoutTrigger,
  PurgingTrigger,
} from '../operators/triggers.ts'
import {
  EventTimeSessionWindows,
  GlobalWindows,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
  type CustomWindowAssigner,
} from '../operators/window-assigners.ts'
import type { TimeWindow } from '../operators/window-definition.ts'
import { listState, valueState } from '../state/descriptors.ts'
import { average, count } from './aggregates.ts'
import type { AllWindowedStream, AllWindowResult } from './all-windowed-stream.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import { defineJob } from './define-job.ts'
import { recordType } from './record-type.ts'
import type { WindowedStream, WindowResult } from './windowed-stream.ts'

interface Bid {
  readonly auction: number
  readonly price: number
}

declare const source: Source<Bid>
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

defineJob('inference', (env) => {
  const bids = env.fromSource(source).keyBy((bid) => bid.auction)
  const windows = bids.window(TumblingEventTimeWindows.of('1h'))

  same<WindowedStream<Bid, number>>()(windows.trigger(PurgingTrigger.of(CountTrigger.of(10))))
  same<WindowedStream<Bid, number>>()(windows.trigger(DeltaTrigger.of(10, (last, bid) => bid.price - last.price)))
  same<WindowedStream<Bid, number>>()(windows.evictor(DeltaEvictor.of(10, (bid, last) => last.price - bid.price)))
  same<WindowedStream<Bid, number>>()(bids.window(EventTimeSessionWindows.withDynamicGap((bid: Bid) => bid.price)))
  same<WindowedStream<Bid, number>>()(bids.window(GlobalWindows.create()).evictor(CountEvictor.of(3)))
  same<SingleOutputStreamOperator<WindowResult<number, number>>>()(bids.countWindow(100, 10).aggregate(count()))
  windows.trigger(ProcessingTimeoutTrigger.of(CountTrigger.of(3), '5s', { resetTimerOnNewRecord: true }))

  const top = windows.process({
    emits: recordType<string>(),
    state: { best: valueState<number>('best', 0) },
    windowState: { seen: listState<number>('seen') },
    process(auction, elements, ctx) {
      same<number>()(auction)
      same<readonly Bid[]>()(elements)
      same<TimeWindow>()(ctx.window)
      same<number>()(ctx.state.best.value())
      same<readonly number[]>()(ctx.windowState.seen.get())
      ctx.emit('text')
      ctx.sideOutput(outputTag<number>('prices'), 1)
      // @ts-expect-error the output was declared
      ctx.emit(1)
      // @ts-expect-error the side output takes numbers
      ctx.sideOutput(outputTag<number>('prices'), 'text')
      // @ts-expect-error the records belong to the window
      elements.push(elements[0])
    },
    clear(ctx) {
      ctx.windowState.seen.clear()
      // @ts-expect-error nothing can be emitted any more
      ctx.emit('text')
    },
  })
  same<SingleOutputStreamOperator<string>>()(top)

  const averages = windows.aggregate(
    average((bid) => bid.price),
    {
      emits: recordType<number>(),
      process(_auction, price, ctx) {
        same<number>()(price)
        ctx.emit(price)
      },
    },
  )
  same<SingleOutputStreamOperator<number>>()(averages)
  const reduced = windows.reduce((first) => first, {
    emits: recordType<Bid>(),
    process: (_auction, bid, ctx) => ctx.emit(bid),
  })
  same<SingleOutputStreamOperator<Bid>>()(reduced)
  // @ts-expect-error the records have no such field
  windows.trigger(DeltaTrigger.of(10, (last: { size: number }, bid) => bid.size - last.size))
  // @ts-expect-error a time is not a count
  windows.trigger(CountTrigger.of('10s'))
  // @ts-expect-error the evictor is for other records
  windows.evictor({ kind: 'custom', name: 'x', evictBefore: (all) => all } satisfies CustomEvictor<string>)
  // @ts-expect-error gaps are milliseconds
  EventTimeSessionWindows.withDynamicGap((bid: Bid) => `${bid.price}ms`)
  // @ts-expect-error the assigner is for other records
  bids.window(EventTimeSessionWindows.withDynamicGap((text: string) => text.length))
})

defineJob('all', (env) => {
  const bids = env.fromSource(source)
  const windows = bids.windowAll(TumblingProcessingTimeWindows.of('1m'))
  same<AllWindowedStream<Bid>>()(windows)
  same<SingleOutputStreamOperator<AllWindowResult<number>>>()(windows.aggregate(count()))
  same<SingleOutputStreamOperator<AllWindowResult<Bid>>>()(windows.reduce((first) => first))
  same<SingleOutputStreamOperator<string>>()(
    windows.reduce(
      (first) => first,
      (window, bid) => `${window.end} ${bid.price}`,
    ),
  )
  const prices = bids.countWindowAll(10).process({
    emits: recordType<number>(),
    process(elements, ctx) {
      same<readonly Bid[]>()(elements)
      for (const { price } of elements) ctx.emit(price)
    },
  })
  same<SingleOutputStreamOperator<number>>()(prices)
})

const perPrice: CustomWindowAssigner<Bid> = {
  kind: 'custom',
  name: 'per-price',
  isEventTime: true,
  assignWindows: (bid, timestamp, ctx) => [{ start: timestamp, end: timestamp + bid.price + ctx.processingTimeMs() }],
}

defineJob('own', (env) => {
  const bids = env.fromSource(source).keyBy((bid) => bid.auction)
  const trigger = customTrigger({
    name: 'own',
    state: { last: valueState<number>('last'), all: listState<string>('all') },
    onElement(bid: Bid, timestamp, window, ctx) {
      same<number>()(timestamp)
      same<TimeWindow>()(window)
      same<number | undefined>()(ctx.state.last.value())
      ctx.registerEventTimeTimer(window.end + bid.price)
      // @ts-expect-error no such state
      ctx.state.first.clear()
      return 'continue'
    },
    onMerge(_window, ctx) {
      ctx.mergeState('all')
      ctx.mergeState('last', (first, second) => Math.max(first, second))
      // @ts-expect-error no such state
      ctx.mergeState('first')
      // @ts-expect-error values are numbers
      ctx.mergeState('last', (first: string, second: string) => first + second)
    },
    // @ts-expect-error there are four decisions
    onEventTime: () => 'fired',
  })
  same<WindowedStream<Bid, number>>()(bids.window(perPrice).trigger(trigger))
})
