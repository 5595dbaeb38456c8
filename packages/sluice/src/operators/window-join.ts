import type { Key } from '../stream/key-groups.ts'
import { coGroupOperator } from './co-group.ts'
import type { CoGroupDefinition } from './co-group-definition.ts'
import type { OperatorSpec } from './operator.ts'
import { refusePromise } from './user-error.ts'
import type { TimeWindow } from './window-definition.ts'

export interface WindowJoinDefinition<L, R, K extends Key, O> extends Omit<
  CoGroupDefinition<L, R, K, O>,
  'kind' | 'coGroup'
> {
  /** Called for each pair of a left and a right record of one window. */
  readonly join: (left: L, right: R, key: K, window: TimeWindow) => O
}

/**
 * Every left record of a key and window with every right one. A window with one side only gives nothing.
 *
 * @example
 * const paid = windowJoinOperator({
 *   leftKey: (order: Order) => order.id,
 *   rightKey: (payment: Payment) => payment.orderId,
 *   assigner: TumblingEventTimeWindows.of('1h'),
 *   join: (order, payment) => ({ ...order, paidMs: payment.timeMs }),
 * })
 */
export function windowJoinOperator<L, R, K extends Key, O>(definition: WindowJoinDefinition<L, R, K, O>): OperatorSpec {
  const { join, ...windows } = definition
  return coGroupOperator<L, R, K, O>({
    ...windows,
    kind: 'window-join',
    coGroup: (lefts, rights, context) => {
      for (const left of lefts) {
        for (const right of rights) {
          const joined = join(left, right, context.key, context.window)
          refusePromise(context.info, 'join function', joined)
          context.emit(joined)
        }
      }
    },
  })
}
