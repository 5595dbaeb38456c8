import { assert, present } from '../base/assert.ts'
import { BaseOperator } from './base-operator.ts'
import type { Collector } from './flat-map.ts'
import type { OperatorContext, OperatorSpec, RecordReceiver } from './operator.ts'
import { refusePromise } from './user-error.ts'
import { UserOutput } from './user-output.ts'

/**
 * Any number of records out for each record of either input, all with its timestamp.
 *
 * @example
 * const ids = coFlatMapOperator<Order, Payment, string>(
 *   (order, out) => out(order.id),
 *   (payment, out) => out(payment.orderId),
 * )
 */
export function coFlatMapOperator<A, B, O>(
  flatMapFirst: (value: A, out: Collector<O>) => void,
  flatMapSecond: (value: B, out: Collector<O>) => void,
): OperatorSpec {
  return Object.freeze({
    kind: 'co-flat-map',
    keyed: false,
    stateful: false,
    inputCount: 2,
    layout: null,
    create: () => new CoFlatMapOperator(flatMapFirst, flatMapSecond),
  })
}

class CoFlatMapOperator<A, B, O> extends BaseOperator {
  readonly #flatMapFirst: (value: A, out: Collector<O>) => void
  readonly #flatMapSecond: (value: B, out: Collector<O>) => void
  #first: FlatMapInput<A, O> | undefined
  #second: FlatMapInput<B, O> | undefined

  constructor(
    flatMapFirst: (value: A, out: Collector<O>) => void,
    flatMapSecond: (value: B, out: Collector<O>) => void,
  ) {
    super()
    this.#flatMapFirst = flatMapFirst
    this.#flatMapSecond = flatMapSecond
  }

  override open(context: OperatorContext): void {
    this.#first = new FlatMapInput(this.#flatMapFirst, 'first flatMap function', context)
    this.#second = new FlatMapInput(this.#flatMapSecond, 'second flatMap function', context)
  }

  override inputPort(port: number): RecordReceiver {
    assert(port === 0 || port === 1, 'a co-flatMap was asked for a third input', { port })
    return present(port === 0 ? this.#first : this.#second, 'an input of an open operator')
  }

  override onRecord(value: A, timestamp: number): void {
    present(this.#first, 'the first input of an open operator').onRecord(value, timestamp)
  }
}

class FlatMapInput<T, O> implements RecordReceiver {
  readonly #flatMap: (value: T, out: Collector<O>) => unknown
  readonly #what: string
  readonly #context: OperatorContext
  readonly #output: UserOutput
  readonly #collect: Collector<O>
  #timestamp = 0

  constructor(flatMap: (value: T, out: Collector<O>) => unknown, what: string, context: OperatorContext) {
    this.#flatMap = flatMap
    this.#what = what
    this.#context = context
    this.#output = new UserOutput(context)
    this.#collect = (value) => this.#output.emit(context.output, value, this.#timestamp)
  }

  onRecord(value: T, timestamp: number): void {
    this.#timestamp = timestamp
    this.#output.begin()
    let returned: unknown
    try {
      returned = this.#flatMap(value, this.#collect)
    } catch (cause) {
      throw this.#output.failed(this.#what, cause)
    }
    this.#output.end()
    if (returned !== undefined) refusePromise(this.#context.info, this.#what, returned)
  }
}
