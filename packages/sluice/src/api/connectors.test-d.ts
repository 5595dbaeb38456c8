/** What sources, sinks and their stages infer, and what they must not accept. Compiled, never run. */
import { withCommitStages } from '../connector/commit-stages.ts'
import { HybridSource } from '../connector/hybrid-source.ts'
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import { defineJob } from './define-job.ts'

interface Order {
  readonly id: string
  readonly timeMs: number
}

interface WrittenFile {
  readonly path: string
}

declare const history: Source<Order>
declare const live: (since: unknown) => Source<Order>
declare const texts: Source<string>
declare const files: Sink<Order, WrittenFile>
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

defineJob('hybrid', (env) => {
  const source = HybridSource.builder(history)
    .addSource(({ previousEndState }) => live(previousEndState), 'continuous')
    .build()
  same<SingleOutputStreamOperator<Order>>()(env.fromSource(source))

  // @ts-expect-error all sources give the same type
  HybridSource.builder(history).addSource(texts)
  // @ts-expect-error a function needs its boundedness
  HybridSource.builder(history).addSource(() => live(0))
  // @ts-expect-error there are two kinds of boundedness
  HybridSource.builder(history).addSource(() => live(0), 'endless')
})

defineJob('aligned', (env) => {
  const strategy = WatermarkStrategy.forMonotonousTimestamps<Order>()
    .withTimestamp((order) => order.timeMs)
    .withWatermarkAlignment('orders', '20s', '500ms')
  same<WatermarkStrategy<Order>>()(strategy)
  env.fromSource(history, strategy)

  // @ts-expect-error a drift is needed
  strategy.withWatermarkAlignment('orders')
  // @ts-expect-error durations are text with a unit
  strategy.withWatermarkAlignment('orders', 20_000)
})

defineJob('stages', (env) => {
  const sink = withCommitStages(files, {
    preCommit: (given, { checkpoint }) => given.map(({ path }) => ({ path: `${checkpoint}/${path}` })),
    postCommit: async (committed) => {
      same<readonly WrittenFile[]>()(committed)
    },
  })
  same<Sink<Order, WrittenFile>>()(sink)
  env.fromSource(history).sinkTo(sink)

  // @ts-expect-error a stage gives committables of the same sink
  withCommitStages(files, { preCommit: () => [{ name: 'a' }] })
  // @ts-expect-error the records are of another type
  env.fromSource(texts).sinkTo(sink)
})
