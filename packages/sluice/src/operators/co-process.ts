/** A user function for each of two inputs, without keys, state and timers. What it sees: co-context.ts. */
import { CoContext, CoInput, type CoProcessContext } from './co-context.ts'
import { coOperator } from './co-operator.ts'
import type { OperatorSpec } from './operator.ts'

export interface CoProcessDefinition<A, B, O> {
  readonly onFirst: (value: A, context: CoProcessContext<O>) => void
  readonly onSecond: (value: B, context: CoProcessContext<O>) => void
}

/**
 * A function for each of two inputs, without keys.
 *
 * @example
 * const ids = coProcessOperator<Order, Payment, string>({
 *   onFirst: (order, ctx) => ctx.emit(order.id),
 *   onSecond: (payment, ctx) => ctx.emit(payment.orderId),
 * })
 */
export function coProcessOperator<A, B, O>(definition: CoProcessDefinition<A, B, O>): OperatorSpec {
  return coOperator({
    kind: 'co-process',
    stateful: false,
    layout: null,
    open: (runtime) => {
      const user = new CoContext<O>(runtime)
      return {
        first: new CoInput((value: A) => definition.onFirst(value, user), 'onFirst function', user, runtime),
        second: new CoInput((value: B) => definition.onSecond(value, user), 'onSecond function', user, runtime),
      }
    },
  })
}
