/** What the methods that distribute, chain and place infer, and what they must not accept. Compiled, never run. */
import type { Source } from '../connector/source.ts'
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts'
import type { DataStreamSink } from './data-stream-sink.ts'
import { defineJob } from './define-job.ts'

interface Order {
  readonly region: number
  readonly shop: string
}

declare const orders: Source<Order>
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

defineJob('distribution', (env) => {
  const stream = env.disableOperatorChaining().fromSource(orders)
  same<DataStream<Order>>()(stream.forward())
  same<DataStream<Order>>()(stream.rebalance())
  same<DataStream<Order>>()(stream.rescale())
  same<DataStream<Order>>()(stream.shuffle())
  same<DataStream<Order>>()(stream.broadcast())
  same<DataStream<Order>>()(stream.global())
  same<DataStream<Order>>()(stream.partitionCustom((order, partitionCount) => order.region % partitionCount))
  same<DataStream<Order>>()(
    stream.partitionCustom(
      (shop: string, partitionCount) => shop.length % partitionCount,
      (order) => order.shop,
    ),
  )
  const mapped = stream.map(({ region }) => region)
  same<SingleOutputStreamOperator<number>>()(mapped.startNewChain().slotSharingGroup('heavy').disableChaining())
  same<DataStreamSink>()(mapped.print().disableChaining().slotSharingGroup('writing').setMaxParallelism(64))

  // @ts-expect-error a partitioner gives a number
  stream.partitionCustom((order) => order.shop)
  stream.partitionCustom(
    (shop: number, partitionCount) => shop % partitionCount,
    // @ts-expect-error the partitioner takes a number, and the key is a text
    (order) => order.shop,
  )
  // @ts-expect-error the record has no such field
  stream.partitionCustom((order) => order.missing)
  // @ts-expect-error a distributed stream is no operator that a chain could begin with
  stream.rescale().startNewChain()
  // @ts-expect-error a distributed stream is in no slot
  stream.broadcast().slotSharingGroup('heavy')
  // @ts-expect-error a group has a name
  mapped.slotSharingGroup()
  // @ts-expect-error nothing can follow a sink
  mapped.print().startNewChain()
})
