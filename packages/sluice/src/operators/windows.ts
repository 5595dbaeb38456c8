/**
 * Windows: chooses the operator for a definition.
 *
 * Owns: which operator serves it. The choice never changes results: what one of the fast operators (window-operator.ts,
 * session-window-operator.ts) can do, the general one does in the same way.
 */
import type { Key } from '../stream/key-groups.ts'
import { generalWindowOperator } from './general-window-operator.ts'
import type { OperatorSpec } from './operator.ts'
import { sessionWindowOperator } from './session-window-operator.ts'
import type { StateDeclarations } from './user-states.ts'
import type { ProcessWindowDefinition, WindowDefinition } from './window-definition.ts'
import { checkLatenessOf, triggerOf, type AnyWindowDefinition } from './window-layout.ts'
import { alignedWindowOperator } from './window-operator.ts'

/**
 * Computes over the records of each key and window.
 *
 * @throws GRA1005 when the parts of the definition do not go together or are out of their limits, GRA1006 when two states share a name
 * @example
 * const revenue = windowOperator({
 *   keySelector: (order: Order) => order.shop,
 *   assigner: TumblingEventTimeWindows.of('1h'),
 *   aggregate: sum((order: Order) => order.price),
 *   resultOf: (shop, window, total) => ({ shop, hour: window.start, total }),
 * })
 */
export function windowOperator<T, K extends Key, A, R, O>(definition: WindowDefinition<T, K, A, R, O>): OperatorSpec
export function windowOperator<T, K extends Key, In, S extends StateDeclarations, W extends StateDeclarations, O>(
  definition: ProcessWindowDefinition<T, K, In, S, W, O>,
): OperatorSpec
/** One whose types were checked where its parts came from. */
export function windowOperator(definition: object): OperatorSpec
export function windowOperator(definition: object): OperatorSpec {
  const erased = definition as AnyWindowDefinition // see the overloads
  checkLatenessOf(erased)
  return fastOperator(erased) ?? generalWindowOperator(erased)
}

/** An operator for windows of their own default trigger, without evictor, whose records become one accumulator and one result. */
function fastOperator(definition: AnyWindowDefinition): OperatorSpec | undefined {
  if ('process' in definition || definition.evictor !== undefined) return undefined
  const { assigner } = definition
  switch (assigner.kind) {
    case 'tumbling':
    case 'sliding':
      return hasDefaultTrigger(definition) ? alignedWindowOperator(definition, assigner) : undefined
    case 'session':
      return hasDefaultTrigger(definition) ? sessionWindowOperator(definition, assigner) : undefined
    case 'dynamic-session':
    case 'global':
    case 'custom':
      return undefined
  }
}

function hasDefaultTrigger(definition: AnyWindowDefinition): boolean {
  const { trigger, ...withoutTrigger } = definition
  return trigger === undefined || trigger.kind === triggerOf(withoutTrigger).kind
}
