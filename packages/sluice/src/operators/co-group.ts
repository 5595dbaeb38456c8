/**
 * Windows over two inputs: what both have of one key and window is given to one function.
 *
 * Owns: telling the inputs apart. Does not own: windows, their state, timers, firing and lateness: a window operator for one input does all that
 * (co-group-windows.ts), and the records of both are given to it; calling the user's function (co-group-output.ts).
 */
import { assert, present } from '../base/assert.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import type { Key } from '../stream/key-groups.ts'
import { BaseOperator } from './base-operator.ts'
import type { CoGroupDefinition } from './co-group-definition.ts'
import type { InputSide, Side } from './co-group-lists.ts'
import { CoGroupOutput } from './co-group-output.ts'
import { Firing, wayOf, windowsOf, type AnyCoGroup } from './co-group-windows.ts'
import { EventClock } from './event-clock.ts'
import type { Operator, OperatorContext, OperatorSpec, RecordReceiver } from './operator.ts'

/**
 * Gives the records of both inputs with one key and window to a function.
 *
 * @throws GRA1005 when the parts of the definition do not go together or are out of their limits
 * @example
 * const counts = coGroupOperator({
 *   kind: 'co-group',
 *   leftKey: (person: Person) => person.id,
 *   rightKey: (auction: Auction) => auction.seller,
 *   assigner: TumblingEventTimeWindows.of('10s'),
 *   coGroup: (people, auctions, ctx) => ctx.emit({ people: people.length, auctions: auctions.length }),
 * })
 */
export function coGroupOperator<L, R, K extends Key, O>(definition: CoGroupDefinition<L, R, K, O>): OperatorSpec {
  const erased: AnyCoGroup = definition
  const { layout } = windowsOf(erased, { current: 'left' }, new Firing())
  return Object.freeze({
    kind: definition.kind,
    keyed: true,
    stateful: true,
    inputCount: 2,
    layout,
    create: (): Operator => new CoGroup(erased),
  })
}

class CoGroup extends BaseOperator {
  readonly #definition: AnyCoGroup
  readonly #side: InputSide = { current: 'left' }
  readonly #firing = new Firing()
  readonly #clock = new EventClock()
  readonly #windows: Operator
  #left: RecordReceiver | undefined
  #right: RecordReceiver | undefined

  constructor(definition: AnyCoGroup) {
    super()
    this.#definition = definition
    this.#windows = windowsOf(definition, this.#side, this.#firing).create()
  }

  override open(context: OperatorContext): void {
    this.#clock.restore(context.restored)
    this.#windows.open(this.#contextOfWindows(context))
    const windows = this.#windows.inputPort(0)
    this.#left = this.#input('left', windows)
    this.#right = this.#input('right', windows)
  }

  override inputPort(port: number): RecordReceiver {
    assert(port === 0 || port === 1, 'a window over two inputs was asked for another', { port })
    return present(port === 0 ? this.#left : this.#right, 'an input of an open operator')
  }

  override onRecord(value: unknown, timestamp: number): void {
    present(this.#left, 'the left input of an open operator').onRecord(value, timestamp)
  }

  override onWatermark(watermark: number, turn: Turn): Advance {
    this.#clock.advanceTo(watermark)
    return this.#windows.onWatermark(watermark, turn)
  }

  override onProcessingTime(nowMs: number, turn: Turn): Advance {
    return this.#windows.onProcessingTime(nowMs, turn)
  }

  override snapshot(checkpoint: number): OperatorStateItems | undefined | Promise<OperatorStateItems | undefined> {
    return this.#windows.snapshot(checkpoint)
  }

  override onEnd(): void {
    this.#windows.onEnd()
  }

  override close(): Promise<void> | undefined {
    return this.#windows.close()
  }

  #input(side: Side, windows: RecordReceiver): RecordReceiver {
    if (wayOf(this.#definition) === 'wrap') return new WrappingInput(side, windows)
    return new CollectingInput(side, this.#side, windows)
  }

  #contextOfWindows(context: OperatorContext): OperatorContext {
    const { lateTag } = this.#definition
    const output = new CoGroupOutput(this.#definition, this.#firing, { context, clock: this.#clock })
    const isWrapped = wayOf(this.#definition) === 'wrap'
    return {
      ...context,
      output,
      sideOutput: (tag) => {
        const receiver = context.sideOutput(tag)
        return tag === lateTag && !isWrapped ? new LateOutput(this.#side, receiver) : receiver
      },
    }
  }
}

class CollectingInput implements RecordReceiver {
  readonly #name: Side
  readonly #side: InputSide
  readonly #windows: RecordReceiver

  constructor(name: Side, side: InputSide, windows: RecordReceiver) {
    this.#name = name
    this.#side = side
    this.#windows = windows
  }

  onRecord(value: unknown, timestamp: number): void {
    this.#side.current = this.#name
    this.#windows.onRecord(value, timestamp)
  }
}

class WrappingInput implements RecordReceiver {
  readonly #side: Side
  readonly #windows: RecordReceiver

  constructor(side: Side, windows: RecordReceiver) {
    this.#side = side
    this.#windows = windows
  }

  onRecord(value: unknown, timestamp: number): void {
    this.#windows.onRecord({ side: this.#side, value }, timestamp)
  }
}

/** Says of a late record which side it is of; a wrapped one says it itself. */
class LateOutput implements RecordReceiver {
  readonly #side: InputSide
  readonly #output: RecordReceiver

  constructor(side: InputSide, output: RecordReceiver) {
    this.#side = side
    this.#output = output
  }

  onRecord(value: unknown, timestamp: number): void {
    this.#output.onRecord({ side: this.#side.current, value }, timestamp)
  }
}
