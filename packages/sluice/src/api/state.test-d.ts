/** What process functions, states and running aggregations infer, and what they must not accept. Compiled, never run. */
import type { Source } from '../connector/source.ts'
import type { Counter, OperatorInfo } from '../operators/operator.ts'
import { outputTag } from '../operators/output-tag.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from '../state/descriptors.ts'
import { broadcastState, operatorListState, unionListState } from '../state/operator-descriptors.ts'
import { average } from './aggregates.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import { defineJob } from './define-job.ts'
import type { KeyedStream } from './keyed-stream.ts'
import { recordType } from './record-type.ts'

interface Bid {
  readonly auction: number
  readonly price: number
  readonly wei: bigint
  readonly channel: string
  readonly reserve?: number
  readonly tags: readonly string[]
}

declare const bids: Source<Bid>
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

defineJob('keyed states', (env) => {
  const keyed = env.fromSource(bids).keyBy((bid) => bid.auction)
  const result = keyed.process({
    emits: recordType<number>(),
    state: {
      count: valueState<number>('count', 0, { ttl: '1h' }),
      last: valueState<Bid>('last', undefined, { ttl: { after: '1h', time: 'event' } }),
      recent: listState<Bid>('recent', { ttl: '10m' }),
      byChannel: mapState<string, number>('byChannel', { ttl: '10m' }),
      highest: reducingState<number>('highest', (a, b) => Math.max(a, b)),
      mean: aggregatingState(
        'mean',
        average((bid: Bid) => bid.price),
        { ttl: '1d' },
      ),
    },
    operatorState: {
      pending: operatorListState<string>('pending'),
      offsets: unionListState<number>('offsets'),
      limits: broadcastState<string, number>('limits'),
    },
    open(ctx) {
      same<readonly string[]>()(ctx.operatorState.pending.get())
      same<boolean>()(ctx.isRestored)
      same<OperatorInfo>()(ctx.info)
      // @ts-expect-error nothing can be emitted before the first record
      ctx.emit(1)
      // @ts-expect-error no key is current
      ctx.state.count.value()
    },
    onRecord(bid, ctx) {
      same<Bid>()(bid)
      same<number>()(ctx.key)
      same<number>()(ctx.state.count.value())
      same<Bid | undefined>()(ctx.state.last.value())
      same<number | undefined>()(ctx.state.highest.get())
      same<number | undefined>()(ctx.state.mean.get())
      same<number | undefined>()(ctx.operatorState.limits.get('x'))
      same<readonly number[]>()(ctx.operatorState.offsets.get())
      same<Counter>()(ctx.counter('bids'))
      ctx.state.mean.add(bid)
      ctx.state.highest.add(bid.price)
      ctx.emit(1)
      // @ts-expect-error the mean is of bids
      ctx.state.mean.add(1)
      // @ts-expect-error a folding state is added to, not updated
      ctx.state.highest.update(1)
      // @ts-expect-error pending holds texts
      ctx.operatorState.pending.add(1)
    },
    onEnd(ctx) {
      ctx.emit(2)
      // @ts-expect-error no key is current
      ctx.state.count.value()
    },
  })
  same<SingleOutputStreamOperator<number>>()(result)
})

defineJob('without keys', (env) => {
  const stream = env.fromSource(bids)
  const late = outputTag<Bid>('late')
  const result = stream.process({
    emits: recordType<string>(),
    operatorState: { seen: operatorListState<number>('seen') },
    onRecord(bid, ctx) {
      same<Bid>()(bid)
      same<number>()(ctx.timestamp)
      same<readonly number[]>()(ctx.operatorState.seen.get())
      ctx.emit(bid.channel)
      ctx.sideOutput(late, bid)
      // @ts-expect-error the output was declared
      ctx.emit(1)
      // @ts-expect-error timers belong to keys
      ctx.registerEventTimeTimer(1)
      // @ts-expect-error there is no key
      void ctx.key
    },
  })
  same<SingleOutputStreamOperator<string>>()(result)
  // @ts-expect-error keyed state needs keyBy
  stream.process({ state: { count: valueState<number>('count') }, onRecord() {} })
  // @ts-expect-error timers need keyBy
  stream.process({ onRecord() {}, onTimer() {} })
})

defineJob('aggregations', (env) => {
  const keyed = env.fromSource(bids).keyBy((bid) => bid.auction)
  same<SingleOutputStreamOperator<Bid>>()(keyed.sum('price'))
  same<SingleOutputStreamOperator<Bid>>()(keyed.sum('wei'))
  same<SingleOutputStreamOperator<Bid>>()(keyed.min('channel'))
  same<SingleOutputStreamOperator<Bid>>()(keyed.max('wei'))
  same<SingleOutputStreamOperator<Bid>>()(keyed.minBy('price'))
  same<SingleOutputStreamOperator<Bid>>()(keyed.maxBy((bid) => bid.price - (bid.reserve ?? 0), { ties: 'last' }))
  const anything: KeyedStream<unknown, number> = keyed
  anything.reduce((first) => first)
  // @ts-expect-error texts do not add up
  keyed.sum('channel')
  // @ts-expect-error it may be missing
  keyed.sum('reserve')
  // @ts-expect-error arrays have no order
  keyed.min('tags')
  // @ts-expect-error no such field
  keyed.max('prize')
  // @ts-expect-error neither has what a function gives
  keyed.maxBy((bid) => bid.tags)
  // @ts-expect-error the first or the last
  keyed.minBy('price', { ties: 'any' })
})

// @ts-expect-error a default of another type
valueState<number>('count', 'text')
// @ts-expect-error there are two kinds of time
valueState<number>('count', 0, { ttl: { after: '1h', time: 'wall' } })
// @ts-expect-error a time to live has a unit
listState<number>('recent', { ttl: 3600 })
// @ts-expect-error it must say how long
mapState<string, number>('map', { ttl: { time: 'event' } })
// @ts-expect-error values are folded into one of their own type
reducingState<number>('highest', (a: number, b: number) => `${a}${b}`)
