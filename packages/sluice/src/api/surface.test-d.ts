/** What the rest of the public names infer, and what they must not accept. Compiled, never run. */
import {
  AsyncDataStream,
  AsyncRetryStrategies,
  collectionSource,
  ContinuousEventTimeTrigger,
  ContinuousProcessingTimeTrigger,
  defineJob,
  EndOfStreamTrigger,
  EngineError,
  ERROR_CODES,
  EventTimeTrigger,
  execute,
  formatError,
  NeverTrigger,
  NO_TIMESTAMP,
  ProcessingTimeSessionWindows,
  ProcessingTimeTrigger,
  printSink,
  recordType,
  SlidingEventTimeWindows,
  SlidingProcessingTimeWindows,
  start,
  TimeEvictor,
  valueState,
  mapState,
  WatermarkStrategy,
  type AsyncRetryStrategy,
  type CoGroupedStreams,
  type CoGroupEqualTo,
  type CoGroupWhere,
  type DataStream,
  type DataStreamSink,
  type EnumeratorContext,
  type ErrorCode,
  type IntervalJoin,
  type IntervalJoined,
  type JobClient,
  type JobDefinition,
  type JoinedStreams,
  type JoinEqualTo,
  type JoinWhere,
  type OutputTag,
  type ReaderContext,
  type RunResult,
  type Sink,
  type SingleOutputStreamOperator,
  type Source,
  type SourceReader,
  type SplitEnumerator,
  type StreamExecutionEnvironment,
  type WindowedStream,
} from '../index.ts'

interface Order {
  readonly id: string
  readonly price: number
  readonly timeMs: number
}

interface Payment {
  readonly orderId: string
  readonly amount: number
}

interface RushOrder extends Order {
  readonly byMs: number
}

declare const orderSource: Source<Order>
declare const paymentSource: Source<Payment>
declare const rushSource: Source<RushOrder>
declare const job: JobDefinition
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

defineJob('streams', (env) => {
  same<StreamExecutionEnvironment>()(env)
  same<SingleOutputStreamOperator<number>>()(env.fromCollection([1, 2]))
  same<SingleOutputStreamOperator<string>>()(env.fromSource(collectionSource(['a'])))
  const orders = env.fromSource(orderSource).name('orders').uid('orders').setParallelism(2).setMaxParallelism(128)
  same<SingleOutputStreamOperator<Order>>()(orders)
  same<DataStreamSink>()(
    orders
      .sinkTo(printSink({ prefix: 'order' }))
      .name('print')
      .uid('print')
      .setParallelism(1),
  )
  same<DataStreamSink>()(orders.print('order'))

  const strategy = WatermarkStrategy.forMonotonousTimestamps<Order>().withTimestamp((order) => order.timeMs)
  same<WatermarkStrategy<Order>>()(strategy.withIdleness('off'))
  same<SingleOutputStreamOperator<Order>>()(orders.assignTimestampsAndWatermarks(strategy))
  // a strategy for orders is one for what extends them
  same<SingleOutputStreamOperator<RushOrder>>()(env.fromSource(rushSource).assignTimestampsAndWatermarks(strategy))
  // a stream of rush orders is a stream of orders
  const wider: DataStream<Order> = env.fromSource(rushSource)
  wider.print()
  // @ts-expect-error the strategy is for other records
  env.fromSource(paymentSource).assignTimestampsAndWatermarks(strategy)
  // @ts-expect-error a timestamp is a number
  WatermarkStrategy.noWatermarks<Order>().withTimestamp((order) => order.id)
  // @ts-expect-error durations are text with a unit
  strategy.withIdleness(60_000)
  // @ts-expect-error a sink ends the stream
  orders.print().map((order) => order)
  // @ts-expect-error a parallelism is a number
  orders.setParallelism('2')
  // @ts-expect-error the records have no such field
  orders.map((order) => order.weight)
  // @ts-expect-error flatMap hands on what it was declared to
  orders.flatMap<string>((order, out) => out(order.price))
})

defineJob('timers', (env) => {
  const orders = env.fromSource(orderSource).keyBy((order) => order.id)
  const out = orders.process({
    emits: recordType<number>(),
    state: { last: valueState<Order>('last'), seen: mapState<string, number>('seen') },
    open(ctx) {
      same<boolean>()(ctx.isRestored)
      // @ts-expect-error nothing can be emitted before the first record
      ctx.emit(1)
      // @ts-expect-error no key is current
      ctx.state.last.clear()
    },
    onRecord(order, ctx) {
      same<'event' | 'processing' | undefined>()(ctx.timeDomain)
      same<number>()(ctx.timestamp)
      same<number>()(ctx.currentWatermark())
      same<boolean>()(ctx.state.seen.has(order.id))
      same<Iterable<readonly [string, number]>>()(ctx.state.seen.entries())
      ctx.state.seen.remove(order.id)
      ctx.registerProcessingTimeTimer(ctx.processingTimeMs() + 1)
      ctx.deleteProcessingTimeTimer(1)
      ctx.deleteEventTimeTimer(1)
      ctx.emitWithTimestamp(order.price, ctx.timestamp === NO_TIMESTAMP ? 0 : ctx.timestamp)
      ctx.counter('orders').add(1)
      // @ts-expect-error a timer is for a number of milliseconds
      ctx.registerEventTimeTimer('10s')
      // @ts-expect-error the map is one of numbers
      ctx.state.seen.put('a', 'b')
      // @ts-expect-error the output was declared
      ctx.emitWithTimestamp('text', 1)
    },
    onTimer(_timestampMs, ctx) {
      same<string>()(ctx.key)
      same<Order | undefined>()(ctx.state.last.value())
    },
    onEnd(ctx) {
      ctx.emit(1)
      // @ts-expect-error no key is current
      ctx.state.last.clear()
    },
  })
  same<SingleOutputStreamOperator<number>>()(out)
  // @ts-expect-error without a key there are no timers
  env.fromSource(orderSource).process({ onRecord: (_order, ctx) => ctx.registerEventTimeTimer(1) })
  // @ts-expect-error a state is declared with a descriptor
  orders.process({ state: { last: 1 }, onRecord() {} })
})

defineJob('joins', (env) => {
  const orders = env.fromSource(orderSource)
  const payments = env.fromSource(paymentSource)
  same<JoinedStreams<Order, Payment>>()(orders.join(payments))
  same<JoinWhere<Order, Payment, string>>()(orders.join(payments).where((order) => order.id))
  same<JoinEqualTo<Order, Payment, string>>()(
    orders
      .join(payments)
      .where((order) => order.id)
      .equalTo((payment) => payment.orderId),
  )
  same<CoGroupedStreams<Order, Payment>>()(orders.coGroup(payments))
  same<CoGroupWhere<Order, Payment, string>>()(orders.coGroup(payments).where((order) => order.id))
  same<CoGroupEqualTo<Order, Payment, string>>()(
    orders
      .coGroup(payments)
      .where((order) => order.id)
      .equalTo((payment) => payment.orderId),
  )
  const interval = orders.keyBy((order) => order.id).intervalJoin(payments.keyBy((payment) => payment.orderId))
  same<IntervalJoin<Order, Payment, string>>()(interval)
  same<IntervalJoined<Order, Payment, string>>()(interval.between('0ms', '1h'))
  // @ts-expect-error windows come behind both keys
  orders.join(payments).window(SlidingEventTimeWindows.of('1h', '5m'))
  // @ts-expect-error a function comes behind the windows
  orders.coGroup(payments).apply(() => {})
})

defineJob('windows', (env) => {
  const orders = env.fromSource(orderSource).keyBy((order) => order.id)
  const windows = orders.window(SlidingEventTimeWindows.of('1h', '5m'))
  same<WindowedStream<Order, string>>()(windows)
  same<WindowedStream<Order, string>>()(orders.window(SlidingProcessingTimeWindows.of('1h', '5m')))
  same<WindowedStream<Order, string>>()(orders.window(ProcessingTimeSessionWindows.withGap('1m')))
  same<WindowedStream<Order, string>>()(windows.evictor(TimeEvictor.of('10s')))
  for (const trigger of [
    EventTimeTrigger.create(),
    ProcessingTimeTrigger.create(),
    ContinuousEventTimeTrigger.of('1m'),
    ContinuousProcessingTimeTrigger.of('1m'),
    EndOfStreamTrigger.create(),
    NeverTrigger.create(),
  ]) {
    same<WindowedStream<Order, string>>()(windows.trigger(trigger))
  }
  // @ts-expect-error sizes are text with a unit
  SlidingEventTimeWindows.of(3_600_000, 300_000)
  // @ts-expect-error an evictor is no trigger
  windows.trigger(TimeEvictor.of('10s'))
  // @ts-expect-error lateness is text with a unit
  windows.allowedLateness(0)
})

defineJob('async', (env) => {
  const request = async (order: Order, context: { readonly attempt: number; readonly signal: AbortSignal }) =>
    context.signal.aborted ? context.attempt : order.price
  same<SingleOutputStreamOperator<number>>()(
    AsyncDataStream.unorderedWait(env.fromSource(orderSource), request, { timeout: '1s' }),
  )
  const retry = AsyncRetryStrategies.fixedDelay<number>({ attempts: 2, delay: '1s' })
  same<AsyncRetryStrategy<number>>()(retry)
  // @ts-expect-error a strategy is frozen
  retry.attempts = 3
})

export async function programs(): Promise<void> {
  same<RunResult>()(await execute(job, { parallelism: 2, options: { 'checkpoint.interval': '1s' } }))
  same<JobClient>()(await start(new URL('file:///job.ts')))
  // @ts-expect-error no such option
  await execute(job, { options: { 'checkpoint.intervall': '1s' } })
  // @ts-expect-error values of options are text
  await execute(job, { options: { parallelism: 2 } })
  // @ts-expect-error a build function alone is no job
  await execute(() => {})
}

const error = new EngineError('JOB1003', 'the job failed', { context: { job: 'orders', subtask: 1 } })
same<ErrorCode>()(error.code)
same<'user' | 'external' | 'internal'>()(error.domain)
same<'never' | 'backoff' | 'restart'>()(error.retry)
same<EngineError>()(error.within({ checkpoint: 3 }))
same<string>()(formatError(error))
export const title: string = ERROR_CODES.JOB1003.title
// @ts-expect-error no such code
export const unknown = new EngineError('JOB9999', 'text')

interface Part {
  readonly id: string
  readonly from: number
}

export const parts: Source<string, Part, readonly string[]> = {
  kind: 'parts',
  identity: ['a'],
  boundedness: 'bounded',
  createEnumerator(context, restored) {
    same<EnumeratorContext<Part>>()(context)
    same<readonly string[] | undefined>()(restored)
    context.assign(0, [{ id: 'a', from: 0 }])
    context.noMoreSplits(context.registeredReaders()[0] ?? 0)
    // @ts-expect-error a split of this source has a position
    context.assign(0, [{ id: 'a' }])
    return {} as SplitEnumerator<Part, readonly string[]> // only the types matter here
  },
  createReader(context) {
    same<ReaderContext>()(context)
    context.requestSplit()
    return {} as SourceReader<string, Part> // only the types matter here
  },
}

export const numbers: Pick<Sink<number, string, { readonly open: string }>, 'createWriter' | 'createCommitter'> = {
  // @ts-expect-error committables are texts, and the snapshot gives a number
  createWriter(context, restored) {
    same<readonly { readonly open: string }[]>()(restored)
    same<'exactly-once' | 'at-least-once' | 'none'>()(context.delivery)
    return {
      write(value, timestamp) {
        same<number>()(value)
        same<number>()(timestamp)
      },
      isBlocked: () => false,
      snapshot: async () => ({ committables: [1], states: [] }),
      close: async () => {},
    }
  },
  createCommitter: () => ({
    async commit(requests) {
      for (const request of requests) same<string>()(request.committable)
      // @ts-expect-error committables are texts
      requests[0]?.updateAndRetryLater(1)
    },
  }),
}

declare const late: OutputTag<Order>
// @ts-expect-error a tag belongs to its type
export const other: OutputTag<Payment> = late
