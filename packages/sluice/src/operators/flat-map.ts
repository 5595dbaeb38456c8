import { present } from '../base/assert.ts'
import { BaseOperator } from './base-operator.ts'
import type { OperatorContext, OperatorInfo, OperatorSpec } from './operator.ts'
import { refusePromise } from './user-error.ts'
import { UserOutput } from './user-output.ts'

/** Takes what a user function gives out; only during the call that got it. */
export type Collector<U> = (value: U) => void

/**
 * Any number of records out for each record in, all with its timestamp.
 *
 * @example const words = flatMapOperator<string, string>((line, out) => line.split(' ').forEach((word) => out(word)))
 */
export function flatMapOperator<T, U>(flatMap: (value: T, out: Collector<U>) => void): OperatorSpec {
  return Object.freeze({
    kind: 'flat-map',
    keyed: false,
    stateful: false,
    layout: null,
    create: () => new FlatMapOperator(flatMap),
  })
}

class FlatMapOperator<T, U> extends BaseOperator {
  readonly #flatMap: (value: T, out: Collector<U>) => unknown
  #run: FlatMapRun<U> | undefined

  constructor(flatMap: (value: T, out: Collector<U>) => unknown) {
    super()
    this.#flatMap = flatMap
  }

  override open(context: OperatorContext): void {
    this.#run = new FlatMapRun(context)
  }

  override onRecord(value: T, timestamp: number): void {
    const run = present(this.#run, 'the output of an open operator')
    run.timestamp = timestamp
    run.output.begin()
    let returned: unknown
    try {
      returned = this.#flatMap(value, run.collect)
    } catch (cause) {
      throw run.output.failed('flatMap function', cause)
    }
    run.output.end()
    if (returned !== undefined) refusePromise(run.info, 'flatMap function', returned)
  }
}

/** One collector for the life of the operator; the timestamp is that of the record being processed. */
class FlatMapRun<U> {
  timestamp = 0
  readonly info: OperatorInfo
  readonly output: UserOutput
  readonly collect: Collector<U>

  constructor(context: OperatorContext) {
    const output = new UserOutput(context)
    this.info = context.info
    this.output = output
    this.collect = (value) => output.emit(context.output, value, this.timestamp)
  }
}
