/** What asynchronous functions and error policies infer, and what they must not accept. Compiled, never run. */
import { DEAD_LETTER } from '../connector/error-policy.ts'
import { jsonLinesSource, type DeadLetter } from '../connector/text-source.ts'
import { AsyncRetryStrategies } from '../operators/async-retry.ts'
import type { DeadLetterRecord } from '../operators/dead-letter.ts'
import { outputTag } from '../operators/output-tag.ts'
import { AsyncDataStream } from './async-data-stream.ts'
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts'

interface Order {
  readonly id: number
  readonly currency: string
}

declare const orders: SingleOutputStreamOperator<Order>
declare function rateOf(currency: string, signal?: AbortSignal): Promise<number>
/** Compiles when both types are the same. */
declare function same<Expected>(): <Actual>(
  actual: Actual,
  ...wrong: (<X>() => X extends Actual ? 1 : 2) extends <X>() => X extends Expected ? 1 : 2 ? [] : [expected: Expected]
) => void

// the stream has the type of the results
same<SingleOutputStreamOperator<number>>()(
  AsyncDataStream.orderedWait(orders, ({ currency }, { signal }) => rateOf(currency, signal), { timeout: '1s' }),
)
same<SingleOutputStreamOperator<{ rate: number; order: Order }>>()(
  AsyncDataStream.unorderedWait(
    orders,
    async (order, { attempt, timestamp }) => ({ order, rate: (await rateOf(order.currency)) + attempt + timestamp }),
    { timeout: '1s', capacity: 10, retry: AsyncRetryStrategies.fixedDelay({ attempts: 3, delay: '1s' }) },
  ),
)

// no result is no record: undefined is not part of the type
same<SingleOutputStreamOperator<string>>()(
  AsyncDataStream.orderedWait(orders, async ({ id }) => (id > 0 ? `${id}` : undefined), {
    timeout: '1s',
    onTimeout: () => undefined,
  }),
)

const untilPositive = AsyncRetryStrategies.exponentialBackoff<number>({
  attempts: 3,
  initialDelay: '1s',
  maxDelay: '1m',
  ifResult: (id) => id === undefined || id < 0,
  ifException: (error) => error instanceof RangeError,
})
same<SingleOutputStreamOperator<number>>()(
  AsyncDataStream.orderedWait(orders, async ({ id }) => id, { timeout: '1s', retry: untilPositive }),
)
// @ts-expect-error the strategy is one for other results
AsyncDataStream.orderedWait(orders, async ({ currency }) => currency, { timeout: '1s', retry: untilPositive })

// @ts-expect-error without a timeout a request may wait for ever
AsyncDataStream.orderedWait(orders, async ({ id }) => id, {})
// @ts-expect-error a function that gives no promise belongs into map
AsyncDataStream.orderedWait(orders, ({ id }) => id, { timeout: '1s' })
// @ts-expect-error the record has no such field
AsyncDataStream.orderedWait(orders, async ({ price }) => price, { timeout: '1s' })
// @ts-expect-error what onTimeout gives is a result
AsyncDataStream.orderedWait(orders, async ({ id }) => id, { timeout: '1s', onTimeout: () => 'none' })
// @ts-expect-error durations have a unit
AsyncRetryStrategies.fixedDelay({ attempts: 3, delay: 100 })

const bad = outputTag<DeadLetterRecord<Order>>('bad')
const rated = orders.map(({ id }) => id).onError(bad)
same<SingleOutputStreamOperator<number>>()(rated)
same<DataStream<DeadLetterRecord<Order>>>()(rated.getSideOutput(bad))
orders.onError('skip').onError('fail').onError('dead-letter')
same<DataStream<DeadLetterRecord<Order>>>()(orders.getSideOutput<DeadLetterRecord<Order>>(DEAD_LETTER))
same<DataStream<DeadLetterRecord<Order>>>()(orders.print().onError(bad).getSideOutput(bad))
jsonLinesSource<Order>('orders', { onError: outputTag<DeadLetter>('broken') })

// @ts-expect-error there is no such policy
orders.onError('ignore')
// @ts-expect-error dead letters of an operator are no strings
orders.onError(outputTag<string>('texts'))
// @ts-expect-error what a source sets aside has file and line
jsonLinesSource<Order>('orders', { onError: bad })
