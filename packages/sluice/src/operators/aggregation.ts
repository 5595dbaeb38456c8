import type { OperatorInfo } from './operator.ts'
import type { Key } from '../stream/key-groups.ts'
import { nameOfAdd } from './reduce-aggregate.ts'
import { refusePromise, userError, userResultError } from './user-error.ts'
import type { AggregateFunction, TimeWindow, WindowFunctions } from './window-definition.ts'

/** Calls the user's functions of a window operator; what they throw becomes TSK1001 with the function's name. */
export class Aggregation<T, A> {
  readonly #aggregate: AggregateFunction<T, A, unknown>
  readonly #resultOf: (key: Key, window: TimeWindow, result: unknown) => unknown
  readonly #info: OperatorInfo

  constructor(definition: WindowFunctions<T, A>, info: OperatorInfo) {
    this.#aggregate = definition.aggregate
    this.#resultOf = definition.resultOf
    this.#info = info
  }

  first(value: T): A {
    let created: A
    try {
      created = this.#aggregate.createAccumulator()
    } catch (cause) {
      throw userError(this.#info, 'createAccumulator function', cause)
    }
    const first = this.add(value, created)
    refusePromise(this.#info, 'add function', first)
    return first
  }

  add(value: T, accumulator: A): A {
    let next: A
    try {
      next = this.#aggregate.add(value, accumulator)
    } catch (cause) {
      throw userError(this.#info, nameOfAdd(this.#aggregate), cause)
    }
    if (next === undefined) this.#refuseUndefined('add')
    return next
  }

  merge(first: A, second: A): A {
    let merged: A | undefined
    try {
      merged = this.#aggregate.merge?.(first, second)
    } catch (cause) {
      throw userError(this.#info, 'merge function', cause, { kind: 'merge' })
    }
    if (merged === undefined) this.#refuseUndefined('merge')
    return merged
  }

  result(key: Key, window: TimeWindow, accumulator: A): unknown {
    let result: unknown
    try {
      result = this.#aggregate.getResult(accumulator)
    } catch (cause) {
      throw userError(this.#info, 'getResult function', cause, { kind: 'window', window, key })
    }
    refusePromise(this.#info, 'aggregate or reduce function', result)
    let made: unknown
    try {
      made = this.#resultOf(key, window, result)
    } catch (cause) {
      throw userError(this.#info, 'window function', cause, { kind: 'window', window, key })
    }
    refusePromise(this.#info, 'window function', made)
    return made
  }

  #refuseUndefined(name: string): never {
    throw userResultError(
      this.#info,
      `${name} function`,
      'returned undefined. An accumulator is never undefined: return the one that was changed, or a new one.',
    )
  }
}
