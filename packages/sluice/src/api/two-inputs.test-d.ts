/** What operators with two inputs infer, and what they must not accept. Compiled, never run. */
import type { Source } from '../connector/source.ts'
import type { CoGroupedRecord } from '../operators/co-group-definition.ts'
import { outputTag } from '../operators/output-tag.ts'
import { CountTrigger, DeltaTrigger, PurgingTrigger } from '../operators/triggers.ts'
import { EventTimeSessionWindows, TumblingEventTimeWindows } from '../operators/window-assigners.ts'
import { listState, mapState, valueState } from '../state/descriptors.ts'
import { operatorListState } from '../state/operator-descriptors.ts'
import type { BroadcastConnectedStream, BroadcastStream, KeyedBroadcastConnectedStream } from './broadcast-stream.ts'
import type { WindowedCoGroup } from './co-grouped-streams.ts'
import type { ConnectedStreams, KeyedConnectedStreams } from './connected-streams.ts'
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts'
import { defineJob } from './define-job.ts'
import type { WindowedJoin } from './joined-streams.ts'
import { recordType } from './record-type.ts'

interface Order {
  readonly id: string
  readonly price: number
}

interface Payment {
  readonly orderId: string
  readonly amount: number
}

interface Limit {
  readonly country: string
  readonly amount: number
}

declare const orderSource: Source<Order>
declare const paymentSource: Source<Payment>
declare const limitSource: Source<Limit>
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

defineJob('connect', (env) => {
  const orders = env.fromSource(orderSource)
  const payments = env.fromSource(paymentSource)
  const connected = orders.connect(payments)
  same<ConnectedStreams<Order, Payment>>()(connected)
  same<SingleOutputStreamOperator<string | number>>()(
    connected.map(
      (order) => order.id,
      (payment) => payment.amount,
    ),
  )
  same<SingleOutputStreamOperator<string>>()(
    connected.flatMap<string>(
      (order, out) => out(order.id),
      (payment, out) => out(payment.orderId),
    ),
  )
  same<SingleOutputStreamOperator<number>>()(
    connected.process({
      emits: recordType<number>(),
      onFirst(order, ctx) {
        same<Order>()(order)
        same<number>()(ctx.currentWatermark())
        ctx.emit(order.price)
        // @ts-expect-error the output was declared
        ctx.emit(order.id)
        // @ts-expect-error without keys there is no state
        ctx.state.clear()
        // @ts-expect-error nor are there timers
        ctx.registerEventTimeTimer(1)
      },
      onSecond(payment) {
        same<Payment>()(payment)
      },
    }),
  )
  connected.process({
    emits: recordType<number>(),
    operatorState: { unpaid: operatorListState<Order>('unpaid') },
    open(ctx) {
      same<readonly Order[]>()(ctx.operatorState.unpaid.get())
      // @ts-expect-error nothing can be emitted before the first record
      ctx.emit(1)
    },
    onFirst: (order, ctx) => ctx.operatorState.unpaid.add(order),
    onSecond(payment, ctx) {
      // @ts-expect-error a list of orders
      ctx.operatorState.unpaid.add(payment)
      ctx.counter('payments').add(1)
    },
    onEnd: (ctx) => ctx.emit(ctx.operatorState.unpaid.get().length),
  })
  // @ts-expect-error a co-map has a function for each stream
  connected.map((order: Order) => order.id)

  const keyed = connected.keyBy(
    (order) => order.id,
    (payment) => payment.orderId,
  )
  same<KeyedConnectedStreams<Order, Payment, string>>()(keyed)
  same<KeyedConnectedStreams<Order, Payment, string>>()(
    orders.keyBy((order) => order.id).connect(payments.keyBy((payment) => payment.orderId)),
  )
  connected.keyBy(
    (order) => order.id,
    // @ts-expect-error both keys have one type
    (payment) => payment.amount,
  )
  // @ts-expect-error both keys have one type
  orders.keyBy((order) => order.id).connect(payments.keyBy((payment) => payment.amount))
  // @ts-expect-error a stream with keys is connected with another one
  orders.keyBy((order) => order.id).connect(payments)

  same<SingleOutputStreamOperator<{ id: string; waited: number }>>()(
    keyed.process({
      emits: recordType<{ id: string; waited: number }>(),
      state: { order: valueState<Order>('order'), amounts: listState<number>('amounts') },
      onFirst(order, ctx) {
        same<string>()(ctx.key)
        same<Order | undefined>()(ctx.state.order.value())
        ctx.state.order.update(order)
        // @ts-expect-error a list of numbers
        ctx.state.amounts.add(order)
      },
      onSecond(payment, ctx) {
        ctx.emit({ id: payment.orderId, waited: payment.amount })
        ctx.registerEventTimeTimer(ctx.timestamp + 1)
      },
      onTimer(timestampMs, ctx) {
        same<number>()(timestampMs)
        ctx.state.amounts.clear()
      },
    }),
  )
})

defineJob('windows', (env) => {
  const orders = env.fromSource(orderSource)
  const payments = env.fromSource(paymentSource)
  const joined = orders
    .join(payments)
    .where((order) => order.id)
    .equalTo((payment) => payment.orderId)
    .window(TumblingEventTimeWindows.of('1h'))
  same<WindowedJoin<Order, Payment, string>>()(joined)
  same<SingleOutputStreamOperator<{ id: string; paid: number; from: number }>>()(
    joined.apply((order, payment, key, window) => ({
      id: key,
      paid: payment.amount - order.price,
      from: window.start,
    })),
  )
  const grouped = orders
    .coGroup(payments)
    .where((order) => order.id)
    .equalTo((payment) => payment.orderId)
    .window(TumblingEventTimeWindows.of('1h'))
  same<WindowedCoGroup<Order, Payment, string>>()(grouped)
  same<SingleOutputStreamOperator<number>>()(
    grouped.apply<number>((some, others, ctx) => {
      same<readonly Order[]>()(some)
      same<readonly Payment[]>()(others)
      same<string>()(ctx.key)
      same<number>()(ctx.window.end)
      ctx.emit(some.length + others.length)
      // @ts-expect-error the output was declared
      ctx.emit('text')
    }),
  )
  const late = outputTag<CoGroupedRecord<Order, Payment>>('late')
  same<DataStream<CoGroupedRecord<Order, Payment>>>()(
    grouped
      .sideOutputLateData(late)
      .allowedLateness('1m')
      .apply(() => {})
      .uid('x')
      .getSideOutput(late),
  )
  const texts = outputTag<string>('texts')
  // @ts-expect-error late records are those of both streams
  grouped.sideOutputLateData(texts)
  joined.trigger(PurgingTrigger.of(CountTrigger.of(10)))
  grouped.trigger(
    DeltaTrigger.of(1, (last: CoGroupedRecord<Order, Payment>, one) =>
      last.side === 'left' && one.side === 'left' ? one.value.price - last.value.price : 0,
    ),
  )
  // @ts-expect-error a trigger that looks at records sees those of both streams
  grouped.trigger(DeltaTrigger.of(1, (last: Order, one) => one.price - last.price))
  orders
    .join(payments)
    .where((order) => order.id)
    // @ts-expect-error both keys have one type
    .equalTo((payment) => payment.amount)
  orders
    .coGroup(payments)
    .where((order) => order.price)
    // @ts-expect-error both keys have one type
    .equalTo((payment) => payment.orderId)
  // @ts-expect-error an object is no key
  orders.join(payments).where((order) => order)
  orders
    .join(orders)
    .where((order) => order.id)
    .equalTo((order) => order.id)
    .window(EventTimeSessionWindows.withGap('1m'))
    .apply((first, second) => first.price - second.price)
    .uid('self-join')
})

defineJob('interval', (env) => {
  const orders = env.fromSource(orderSource).keyBy((order) => order.id)
  const payments = env.fromSource(paymentSource).keyBy((payment) => payment.orderId)
  const within = orders.intervalJoin(payments).between('-5m', '1h').lowerBoundExclusive().upperBoundExclusive()
  same<SingleOutputStreamOperator<number>>()(within.apply((order, payment) => order.price - payment.amount))
  same<SingleOutputStreamOperator<string>>()(
    within
      .sideOutputLeftLateData(outputTag<Order>('late-orders'))
      .sideOutputRightLateData(outputTag<Payment>('late-payments'))
      .process({
        emits: recordType<string>(),
        onMatch(order, payment, ctx) {
          same<Order>()(order)
          same<Payment>()(payment)
          same<string>()(ctx.key)
          ctx.emit(`${ctx.leftTimestamp} ${ctx.rightTimestamp}`)
        },
      }),
  )
  // @ts-expect-error late records of the first stream are orders
  within.sideOutputLeftLateData(outputTag<Payment>('late'))
  // @ts-expect-error durations have units
  orders.intervalJoin(payments).between(-5, 5)
  // @ts-expect-error bounds come first
  orders.intervalJoin(payments).apply(() => 1)
  // @ts-expect-error both keys have one type
  orders.intervalJoin(env.fromSource(paymentSource).keyBy((payment) => payment.amount))
})

defineJob('broadcast', (env) => {
  const orders = env.fromSource(orderSource)
  const limits = env.fromSource(limitSource).broadcast({ limits: mapState<string, number>('limits') })
  same<BroadcastStream<Limit, { limits: ReturnType<typeof mapState<string, number>> }>>()(limits)
  same<DataStream<Limit>>()(env.fromSource(limitSource).broadcast())
  const connected = orders.connect(limits)
  same<BroadcastConnectedStream<Order, Limit, { limits: ReturnType<typeof mapState<string, number>> }>>()(connected)
  same<SingleOutputStreamOperator<string>>()(
    connected.process({
      emits: recordType<string>(),
      onRecord(order, ctx) {
        same<Order>()(order)
        same<number | undefined>()(ctx.broadcastState.limits.get(order.id))
        // @ts-expect-error only the broadcast stream's function writes
        ctx.broadcastState.limits.put(order.id, 1)
      },
      onBroadcast(limit, ctx) {
        same<Limit>()(limit)
        ctx.broadcastState.limits.put(limit.country, limit.amount)
        ctx.emit(limit.country)
        // @ts-expect-error limits are numbers
        ctx.broadcastState.limits.put(limit.country, limit)
        // @ts-expect-error without keys there is no state to apply anything to
        ctx.applyToKeyedState('spent', () => {})
      },
    }),
  )
  const keyed = orders.keyBy((order) => order.id).connect(limits)
  same<KeyedBroadcastConnectedStream<Order, Limit, string, { limits: ReturnType<typeof mapState<string, number>> }>>()(
    keyed,
  )
  same<SingleOutputStreamOperator<number>>()(
    keyed.process({
      emits: recordType<number>(),
      state: { spent: valueState<number>('spent', 0), seen: listState<Order>('seen') },
      onRecord(order, ctx) {
        same<number>()(ctx.state.spent.value())
        same<string>()(ctx.key)
        same<number | undefined>()(ctx.broadcastState.limits.get(order.id))
        ctx.registerEventTimeTimer(1)
        // @ts-expect-error only the broadcast stream's function writes
        ctx.broadcastState.limits.clear()
      },
      onBroadcast(limit, ctx) {
        ctx.applyToKeyedState('spent', (key, spent) => {
          same<string>()(key)
          spent.update(spent.value() + limit.amount)
        })
        ctx.applyToKeyedState('seen', (_key, seen) => {
          same<readonly Order[]>()(seen.get())
        })
        // @ts-expect-error no such state
        ctx.applyToKeyedState('other', () => {})
        // @ts-expect-error no key is current
        ctx.state.spent.clear()
        // @ts-expect-error nor are there timers
        ctx.registerEventTimeTimer(1)
      },
      onTimer(_timestampMs, ctx) {
        same<number>()(ctx.broadcastState.limits.size())
      },
    }),
  )
  // @ts-expect-error broadcast state is a map
  env.fromSource(limitSource).broadcast({ last: valueState<Limit>('last') })
  // @ts-expect-error a broadcast stream is connected to another, not mapped
  limits.map((limit) => limit)
})
