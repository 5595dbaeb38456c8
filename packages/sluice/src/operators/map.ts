import { present } from '../base/assert.ts'
import { BaseOperator } from './base-operator.ts'
import type { OperatorContext, OperatorSpec } from './operator.ts'
import { refusePromise, userError } from './user-error.ts'

/**
 * One record out for each record in; the timestamp stays.
 *
 * @example const { values } = await testOperator(mapOperator((order: Order) => order.price), [record({ price: 3 })])
 */
export function mapOperator<T, U>(map: (value: T) => U): OperatorSpec {
  return Object.freeze({
    kind: 'map',
    keyed: false,
    stateful: false,
    layout: null,
    create: () => new MapOperator(map),
  })
}

class MapOperator<T, U> extends BaseOperator {
  readonly #map: (value: T) => U
  #context: OperatorContext | undefined

  constructor(map: (value: T) => U) {
    super()
    this.#map = map
  }

  override open(context: OperatorContext): void {
    this.#context = context
  }

  override onRecord(value: T, timestamp: number): void {
    const context = present(this.#context, 'the context of an open operator')
    let result: U
    try {
      result = this.#map(value)
    } catch (cause) {
      throw userError(context.info, 'map function', cause)
    }
    refusePromise(context.info, 'map function', result)
    context.output.onRecord(result, timestamp)
  }
}
