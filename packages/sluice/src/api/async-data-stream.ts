import { asyncDefinition, type AsyncFunction, type AsyncWaitOptions } from '../operators/async-definition.ts'
import { asyncWaitOperator } from '../operators/async-wait.ts'
import { attachTo, type DataStream, type SingleOutputStreamOperator } from './data-stream.ts'

/**
 * Calls asynchronous functions for the records of a stream: a lookup in a database, a request to a service. Many requests are under way at once; those that
 * are when a checkpoint is taken are in it, and are made again after a restore. So a request may be made more than once: it should change
 * nothing, or be idempotent.
 */
export const AsyncDataStream = Object.freeze({
  /**
   * Results leave in the order of their records. One that is slow holds up those behind it. Needs `.uid(…)`.
   *
   * A result of `undefined` is no record. What the function throws, a rejected promise and a timeout (TSK1008) are errors of the record: they fail the job, or
   * go by `.onError(…)`.
   *
   * @param request called with each record, and again for each retry; must not emit or touch state, and gives a promise
   * @throws CFG1002 when the timeout is no duration
   * @throws GRA1005 when the timeout is 0 or the capacity no whole number from 1 to 1,000,000
   * @example AsyncDataStream.orderedWait(orders, async (order, { signal }) => ({ ...order, rate: await rates.of(order.currency, signal) }), {
   *   timeout: '10s',
   *   capacity: 50,
   *   retry: AsyncRetryStrategies.fixedDelay({ attempts: 3, delay: '200ms' }),
   * }).uid('rates')
   */
  orderedWait: <T, U>(
    stream: DataStream<T>,
    request: AsyncFunction<T, U>,
    options: AsyncWaitOptions<T, U>,
  ): SingleOutputStreamOperator<U> =>
    attachTo<T, U>(stream, asyncWaitOperator(asyncDefinition('ordered', request, options))),

  /**
   * Results leave as they come, which takes less time and memory. Event time is kept: no result crosses a watermark that came in behind its record or
   * in front of it. Needs `.uid(…)`.
   *
   * A result of `undefined` is no record. What the function throws, a rejected promise and a timeout (TSK1008) are errors of the record: they fail the job, or
   * go by `.onError(…)`.
   *
   * @param request called with each record, and again for each retry; must not emit or touch state, and gives a promise
   * @throws CFG1002 when the timeout is no duration
   * @throws GRA1005 when the timeout is 0 or the capacity no whole number from 1 to 1,000,000
   * @example AsyncDataStream.unorderedWait(clicks, (click) => lookUp(click.user), { timeout: '1s', onTimeout: () => undefined }).uid('users')
   */
  unorderedWait: <T, U>(
    stream: DataStream<T>,
    request: AsyncFunction<T, U>,
    options: AsyncWaitOptions<T, U>,
  ): SingleOutputStreamOperator<U> =>
    attachTo<T, U>(stream, asyncWaitOperator(asyncDefinition('unordered', request, options))),
})
