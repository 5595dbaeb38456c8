import { coGroupOperator } from '../operators/co-group.ts'
import type { CoGroupContext, CoGroupedRecord } from '../operators/co-group-definition.ts'
import { checkEvictor, type Evictor } from '../operators/evictors.ts'
import type { OutputTag } from '../operators/output-tag.ts'
import type { Trigger } from '../operators/triggers.ts'
import type { WindowAssigner } from '../operators/window-assigners.ts'
import type { Key } from '../stream/key-groups.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import {
  attachByKeys,
  keySelectors,
  latenessOf,
  typedWindows,
  withChange,
  type EqualKeys,
  type ErasedWindows,
  type LeftKey,
} from './two-input-windows.ts'
import type { TwoInputs } from './two-inputs.ts'

/**
 * Computes over what both streams have of one key and window, each list in order of arrival. One of them may be empty, never both.
 *
 * @example
 * const unsold: CoGroupFunction<Offer, Bid, number, Offer> = (offers, bids, ctx) => {
 *   if (bids.length === 0) offers.forEach((offer) => ctx.emit(offer))
 * }
 */
export type CoGroupFunction<L, R, K extends Key, O> = (
  lefts: readonly L[],
  rights: readonly R[],
  ctx: CoGroupContext<K, O>,
) => void

/** Two streams of which the records with one key and window are given to one function. Made by `stream.coGroup(other)`. */
export class CoGroupedStreams<L, R> {
  readonly #inputs: TwoInputs

  constructor(inputs: TwoInputs) {
    this.#inputs = inputs
  }

  /**
   * The key of the first stream's records: a string, finite number, boolean or bigint (KEY1001 while the job runs otherwise).
   *
   * @example people.coGroup(auctions).where((person) => person.id).equalTo((auction) => auction.seller)
   */
  where<K extends Key>(leftKey: (value: L) => K): CoGroupWhere<L, R, K> {
    return new CoGroupWhere(this.#inputs, { leftKey })
  }
}

/**
 * A coGroup that still needs the key of the second stream.
 *
 * @example people.coGroup(auctions).where((person) => person.id).equalTo((auction) => auction.seller)
 */
export class CoGroupWhere<L, R, K extends Key> {
  readonly #inputs: TwoInputs
  readonly #left: LeftKey<L, K>

  constructor(inputs: TwoInputs, left: LeftKey<L, K>) {
    this.#inputs = inputs
    this.#left = left
  }

  /** The key of the second stream's records, of the same type as that of the first. */
  equalTo(rightKey: (value: R) => K): CoGroupEqualTo<L, R, K> {
    return new CoGroupEqualTo({ inputs: this.#inputs, ...this.#left, rightKey })
  }
}

/** A coGroup that still needs windows. */
export class CoGroupEqualTo<L, R, K extends Key> {
  readonly #keys: EqualKeys<L, R, K>

  constructor(keys: EqualKeys<L, R, K>) {
    this.#keys = keys
  }

  /**
   * The windows, the same for both streams. An assigner that looks at records gets them as `CoGroupedRecord`.
   *
   * @example people.coGroup(auctions).where((person) => person.id).equalTo((auction) => auction.seller).window(TumblingEventTimeWindows.of('10s'))
   */
  window(assigner: WindowAssigner<CoGroupedRecord<L, R>>): WindowedCoGroup<L, R, K> {
    return new WindowedCoGroup(this.#keys, { assigner })
  }
}

/** A coGroup with windows, waiting for the function. Immutable. */
export class WindowedCoGroup<L, R, K extends Key> {
  readonly #keys: EqualKeys<L, R, K>
  readonly #windows: ErasedWindows

  constructor(keys: EqualKeys<L, R, K>, windows: ErasedWindows) {
    this.#keys = keys
    this.#windows = windows
  }

  /**
   * Says when a window calls the function, instead of the assigner's default. Records of both streams count.
   *
   * @example
   * people.coGroup(auctions).where((person) => person.id).equalTo((auction) => auction.seller)
   *   .window(GlobalWindows.create()).trigger(PurgingTrigger.of(CountTrigger.of(100)))
   */
  trigger(trigger: Trigger<CoGroupedRecord<L, R>>): WindowedCoGroup<L, R, K> {
    return new WindowedCoGroup(this.#keys, withChange<L, R, K>(this.#windows, { trigger }))
  }

  /**
   * Says which records a window forgets when it fires. It sees the records of both streams in order of arrival.
   *
   * @throws GRA1005 when an evictor of your own has neither of its functions
   */
  evictor(evictor: Evictor<CoGroupedRecord<L, R>>): WindowedCoGroup<L, R, K> {
    return new WindowedCoGroup(this.#keys, withChange<L, R, K>(this.#windows, { evictor: checkEvictor(evictor) }))
  }

  /**
   * Keeps windows for this long behind their end: a record that comes late, but within it, makes its window call the function again, with all records.
   *
   * @param lateness a duration such as `'5m'`; default `'0ms'`
   * @throws CFG1002 when it is no duration
   */
  allowedLateness(lateness: string): WindowedCoGroup<L, R, K> {
    return new WindowedCoGroup(this.#keys, withChange<L, R, K>(this.#windows, latenessOf(lateness)))
  }

  /** Sends records of either stream that are too late to a side output; without it they are dropped. `lateRecords` counts them in both cases. */
  sideOutputLateData(tag: OutputTag<CoGroupedRecord<L, R>>): WindowedCoGroup<L, R, K> {
    return new WindowedCoGroup(this.#keys, withChange<L, R, K>(this.#windows, { lateTag: tag.name }))
  }

  /**
   * Calls a function with the records of each key and window when the window fires. What it emits has the last millisecond of the window as timestamp.
   * Needs `.uid(…)`.
   *
   * @throws GRA1005 when the windows, trigger and evictor do not go together or are out of their limits
   * @example
   * people
   *   .coGroup(auctions)
   *   .where((person) => person.id)
   *   .equalTo((auction) => auction.seller)
   *   .window(TumblingEventTimeWindows.of('10s'))
   *   .apply<{ name: string; auctions: number; from: number }>((people, auctions, ctx) => {
   *     for (const { name } of people) ctx.emit({ name, auctions: auctions.length, from: ctx.window.start })
   *   })
   *   .uid('new-sellers')
   */
  apply<O = unknown>(coGroup: CoGroupFunction<L, R, K, O>): SingleOutputStreamOperator<O> {
    const windows = typedWindows<L, R, K>(this.#windows)
    const operator = coGroupOperator({ kind: 'co-group', ...keySelectors(this.#keys), ...windows, coGroup })
    return attachByKeys(this.#keys, operator)
  }
}
