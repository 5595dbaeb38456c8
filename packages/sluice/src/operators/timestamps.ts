/** Event time that begins in the middle of a graph. At sources it is made per split: task/source-driver.ts. */
import { present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import type { WatermarkGenerator, WatermarkStrategy } from '../time/watermark-strategy.ts'
import { BaseOperator } from './base-operator.ts'
import { EventClock } from './event-clock.ts'
import { checkTimestamp } from './event-time.ts'
import type { OperatorContext, OperatorSpec } from './operator.ts'
import { userError } from './user-error.ts'

/** How often new watermarks are looked for. */
const WATERMARK_INTERVAL_MS = 200

/**
 * Gives records their timestamps and makes watermarks from them. Watermarks from upstream end here, except the last one of
 * a bounded input.
 *
 * Not `stateful`, although it keeps its watermark in checkpoints: without it event time would only go on later.
 *
 * @throws GRA1005 when the strategy asks for watermark alignment
 */
export function timestampsOperator<T>(strategy: WatermarkStrategy<T>): OperatorSpec {
  if (strategy.alignment !== undefined) throw onlyAtSources(strategy.alignment.group)
  return Object.freeze({
    kind: 'timestamps',
    keyed: false,
    stateful: false,
    layout: null,
    create: () => new TimestampsOperator(strategy),
  })
}

class TimestampsOperator<T> extends BaseOperator {
  readonly #timestampOf: ((value: T, timestamp: number) => number) | undefined
  readonly #generator: WatermarkGenerator
  readonly #clock = new EventClock()
  /** A stream without event time may go without timestamps. */
  readonly #needsTimestamps: boolean
  #context: OperatorContext | undefined

  constructor(strategy: WatermarkStrategy<T>) {
    super()
    this.#timestampOf = strategy.timestampOf
    this.#generator = strategy.createGenerator()
    this.#needsTimestamps = strategy.kind !== 'none' || strategy.timestampOf !== undefined
  }

  override open(context: OperatorContext): void {
    this.#context = context
    this.#clock.restore(context.restored)
    context.wakeAt(nextLookMs(context.processingTimeMs()))
  }

  override onRecord(value: T, timestamp: number): void {
    const context = present(this.#context, 'the context of an open operator')
    let assigned = timestamp
    if (this.#timestampOf !== undefined) {
      try {
        assigned = this.#timestampOf(value, timestamp)
      } catch (cause) {
        throw userError(context.info, 'withTimestamp function', cause)
      }
    }
    if (this.#needsTimestamps) checkTimestamp(context.info, assigned)
    try {
      this.#generator.onEvent(assigned)
    } catch (cause) {
      throw userError(context.info, 'watermark generator', cause)
    }
    context.output.onRecord(value, assigned)
  }

  /** Nothing to do but to come back: the chain asks for `outputWatermark` after this call. */
  override onProcessingTime(nowMs: number, _turn: Turn): Advance {
    present(this.#context, 'the context of an open operator').wakeAt(nextLookMs(nowMs))
    return 'done'
  }

  override outputWatermark(watermark: number): number {
    this.#clock.advanceTo(watermark === MAX_WATERMARK ? MAX_WATERMARK : this.#generated())
    return this.#clock.watermark
  }

  /** What the records before the cut brought, emitted or not. */
  override snapshot(_checkpoint: number): OperatorStateItems {
    this.#clock.advanceTo(this.#generated())
    return this.#clock.snapshot()
  }

  #generated(): number {
    try {
      return this.#generator.current()
    } catch (cause) {
      const { info } = present(this.#context, 'the context of an open operator')
      throw userError(info, 'watermark generator', cause)
    }
  }
}

function onlyAtSources(group: string): EngineError {
  return new EngineError(
    'GRA1005',
    `assignTimestampsAndWatermarks() was given a strategy of the watermark alignment group ${JSON.stringify(group)}: there is nothing that could pause behind a source. ` +
      'The job was not built. Give the strategy to fromSource(), or leave withWatermarkAlignment() out.',
  )
}

/** On a fixed grid, so that a restart does not shift it. */
function nextLookMs(nowMs: number): number {
  return (Math.floor(nowMs / WATERMARK_INTERVAL_MS) + 1) * WATERMARK_INTERVAL_MS
}
