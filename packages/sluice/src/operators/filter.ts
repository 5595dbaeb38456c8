import { present } from '../base/assert.ts'
import { BaseOperator } from './base-operator.ts'
import type { OperatorContext, OperatorSpec } from './operator.ts'
import { refusePromise, userError } from './user-error.ts'

/**
 * Lets through the records for which `predicate` gives true, with their timestamps.
 *
 * @example const { values } = await testOperator(filterOperator((price: number) => price > 2), [record(1), record(3)])
 */
export function filterOperator<T>(predicate: (value: T) => boolean): OperatorSpec {
  return Object.freeze({
    kind: 'filter',
    keyed: false,
    stateful: false,
    layout: null,
    create: () => new FilterOperator(predicate),
  })
}

class FilterOperator<T> extends BaseOperator {
  readonly #predicate: (value: T) => boolean
  #context: OperatorContext | undefined

  constructor(predicate: (value: T) => boolean) {
    super()
    this.#predicate = predicate
  }

  override open(context: OperatorContext): void {
    this.#context = context
  }

  override onRecord(value: T, timestamp: number): void {
    const context = present(this.#context, 'the context of an open operator')
    let passes: boolean
    try {
      passes = this.#predicate(value)
    } catch (cause) {
      throw userError(context.info, 'filter function', cause)
    }
    refusePromise(context.info, 'filter function', passes)
    if (passes) context.output.onRecord(value, timestamp)
  }
}
