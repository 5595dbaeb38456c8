import { assert, present } from '../base/assert.ts'
import { BaseOperator } from './base-operator.ts'
import type { OperatorContext, OperatorSpec, RecordReceiver } from './operator.ts'
import { refusePromise, userError } from './user-error.ts'

/**
 * One record out for each record of either input; the timestamp stays.
 *
 * @example const amounts = coMapOperator((order: Order) => order.price, (payment: Payment) => -payment.amount)
 */
export function coMapOperator<A, B, O>(mapFirst: (value: A) => O, mapSecond: (value: B) => O): OperatorSpec {
  return Object.freeze({
    kind: 'co-map',
    keyed: false,
    stateful: false,
    inputCount: 2,
    layout: null,
    create: () => new CoMapOperator(mapFirst, mapSecond),
  })
}

class CoMapOperator<A, B, O> extends BaseOperator {
  readonly #mapFirst: (value: A) => O
  readonly #mapSecond: (value: B) => O
  #first: MapInput<A, O> | undefined
  #second: MapInput<B, O> | undefined

  constructor(mapFirst: (value: A) => O, mapSecond: (value: B) => O) {
    super()
    this.#mapFirst = mapFirst
    this.#mapSecond = mapSecond
  }

  override open(context: OperatorContext): void {
    this.#first = new MapInput(this.#mapFirst, 'first map function', context)
    this.#second = new MapInput(this.#mapSecond, 'second map function', context)
  }

  override inputPort(port: number): RecordReceiver {
    assert(port === 0 || port === 1, 'a co-map was asked for a third input', { port })
    return present(port === 0 ? this.#first : this.#second, 'an input of an open operator')
  }

  override onRecord(value: A, timestamp: number): void {
    present(this.#first, 'the first input of an open operator').onRecord(value, timestamp)
  }
}

class MapInput<T, O> implements RecordReceiver {
  readonly #map: (value: T) => O
  readonly #what: string
  readonly #context: OperatorContext

  constructor(map: (value: T) => O, what: string, context: OperatorContext) {
    this.#map = map
    this.#what = what
    this.#context = context
  }

  onRecord(value: T, timestamp: number): void {
    let result: O
    try {
      result = this.#map(value)
    } catch (cause) {
      throw userError(this.#context.info, this.#what, cause)
    }
    refusePromise(this.#context.info, this.#what, result)
    this.#context.output.onRecord(result, timestamp)
  }
}
