/**
 * Joins records of two inputs with equal keys whose times are within an interval of each other: docs/spec/two-inputs.md.
 *
 * Owns: what each side keeps, how long, late records. Does not own: the clock and when timers fire (keyed-operator.ts).
 *
 * L1 Each side of a key is sorted by timestamp; records of one timestamp are in order of arrival.
 * L2 A record meets every kept record of the other side within its interval, once: the one that comes second makes the pair.
 * L3 A record is kept until the watermark reaches its clean-up time, behind which only late records could meet it.
 * L4 Each side has one timer that counts, at its earliest clean-up time, and no timer per record. Any other finds nothing to do.
 * L5 A record for which the function throws is not kept: where the error policy goes on, it does not make the records that come later fail too.
 */
import { valueState } from '../state/descriptors.ts'
import type { KeyedStateBackend, TimerNamespace } from '../state/keyed-state.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import type { CoProcessContext } from './co-process.ts'
import { type NoOperatorState, UserContext } from './function-context.ts'
import { checkInterval, type InclusiveInterval, type JoinInterval } from './interval-bounds.ts'
import type { IntervalBuffer } from './interval-buffer.ts'
import { IntervalSide, type SideDefinition } from './interval-side.ts'
import { ownKey } from './key-selection.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec, RecordReceiver } from './operator.ts'
import { refusePromise } from './user-error.ts'

/** What the function of an interval join works with. One object serves all calls: do not keep it. */
export interface IntervalJoinContext<K extends Key, O> extends CoProcessContext<O> {
  readonly key: K
  /** Of the left record, milliseconds. */
  readonly leftTimestamp: number
  /** Of the right record, milliseconds. */
  readonly rightTimestamp: number
}

export interface IntervalJoinDefinition<L, R, K extends Key, O> {
  readonly leftKey: (value: L) => K
  readonly rightKey: (value: R) => K
  readonly interval: JoinInterval
  /** `timestamp` of the context is the greater one of both. */
  readonly onMatch: (left: L, right: R, context: IntervalJoinContext<K, O>) => void
  /** Names of the side outputs for late records; without one they are dropped. `lateRecords` counts them in both cases. */
  readonly leftLateTag?: string | undefined
  readonly rightLateTag?: string | undefined
}

/** Timer namespaces. */
const LEFT = 0
const RIGHT = 1

/**
 * Pairs of records of two inputs with one key that are at most so far apart in time.
 *
 * @throws GRA1005 when no pair could ever be within the interval, or a bound is out of its limits
 * @example
 * const paid = intervalJoinOperator({
 *   leftKey: (order: Order) => order.id,
 *   rightKey: (payment: Payment) => payment.orderId,
 *   interval: { lowerMs: 0, upperMs: 3_600_000, lowerBound: 'inclusive', upperBound: 'inclusive' },
 *   onMatch: (order, payment, ctx) => ctx.emit({ ...order, paidMs: payment.timeMs }),
 * })
 */
export function intervalJoinOperator<L, R, K extends Key, O>(
  definition: IntervalJoinDefinition<L, R, K, O>,
): OperatorSpec {
  const interval = checkInterval(definition.interval)
  return keyedOperator({
    kind: 'interval-join',
    inputCount: 2,
    layout: {
      states: [
        { name: 'left', kind: 'value' },
        { name: 'right', kind: 'value' },
      ],
      interval: { ...interval },
    },
    open: (runtime) => new IntervalJoin(definition, interval, runtime),
  })
}

class IntervalJoin<L, R, K extends Key, O> implements KeyedLogic {
  readonly #left: IntervalSide<L, R>
  readonly #right: IntervalSide<R, L>

  constructor(
    definition: IntervalJoinDefinition<L, R, K, O>,
    { lowerMs, upperMs }: InclusiveInterval,
    runtime: KeyedRuntime,
  ) {
    const matches = new Matches(definition.onMatch, runtime)
    const lefts = runtime.keyed.valueState(valueState<IntervalBuffer<L>>('left'))
    const rights = runtime.keyed.valueState(valueState<IntervalBuffer<R>>('right'))
    const left: SideDefinition<L, R> = {
      keySelector: definition.leftKey,
      interval: { lowerMs, upperMs },
      lateTag: definition.leftLateTag,
      timerNamespace: LEFT,
      own: lefts,
      other: rights,
      onPair: (own, other, ownTimestamp, otherTimestamp) => matches.call(own, other, ownTimestamp, otherTimestamp),
    }
    const right: SideDefinition<R, L> = {
      keySelector: definition.rightKey,
      interval: { lowerMs: -upperMs, upperMs: -lowerMs },
      lateTag: definition.rightLateTag,
      timerNamespace: RIGHT,
      own: rights,
      other: lefts,
      onPair: (own, other, ownTimestamp, otherTimestamp) => matches.call(other, own, otherTimestamp, ownTimestamp),
    }
    this.#left = new IntervalSide(left, runtime)
    this.#right = new IntervalSide(right, runtime)
  }

  get secondInput(): RecordReceiver {
    return this.#right
  }

  onRecord(value: L, timestamp: number): void {
    this.#left.onRecord(value, timestamp)
  }

  onEventTimer(timestampMs: number, _key: Key, namespace: TimerNamespace): void {
    if (namespace === LEFT) this.#left.onTimer(timestampMs)
    else this.#right.onTimer(timestampMs)
  }

  onProcessingTimer(): void {}
}

/** Calls the user's function for pairs. */
class Matches<L, R, K extends Key, O> {
  readonly #onMatch: (left: L, right: R, context: IntervalJoinContext<K, O>) => unknown
  readonly #user: MatchContext<K, O>
  readonly #runtime: KeyedRuntime

  constructor(onMatch: (left: L, right: R, context: IntervalJoinContext<K, O>) => unknown, runtime: KeyedRuntime) {
    this.#onMatch = onMatch
    this.#user = new MatchContext(runtime)
    this.#runtime = runtime
  }

  call(left: L, right: R, leftTimestamp: number, rightTimestamp: number): void {
    const user = this.#user
    user.enter(leftTimestamp, rightTimestamp)
    let returned: unknown
    try {
      returned = this.#onMatch(left, right, user)
    } catch (cause) {
      throw user.output.failed('onMatch function', cause, { kind: 'record', key: user.key })
    }
    user.output.end()
    if (returned !== undefined) refusePromise(this.#runtime.context.info, 'onMatch function', returned)
  }
}

class MatchContext<K extends Key, O> extends UserContext<O, NoOperatorState> implements IntervalJoinContext<K, O> {
  leftTimestamp = NO_TIMESTAMP
  rightTimestamp = NO_TIMESTAMP
  readonly #keyed: KeyedStateBackend

  constructor(runtime: KeyedRuntime) {
    super(runtime)
    this.#keyed = runtime.keyed
  }

  enter(leftTimestamp: number, rightTimestamp: number): void {
    this.leftTimestamp = leftTimestamp
    this.rightTimestamp = rightTimestamp
    this.timestamp = Math.max(leftTimestamp, rightTimestamp)
    this.output.begin()
  }

  get key(): K {
    return ownKey(this.#keyed.currentKey())
  }
}
