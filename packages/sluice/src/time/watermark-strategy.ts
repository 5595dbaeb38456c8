/**
 * How a stream gets its event time: which timestamp a record has, how far behind the greatest one the watermark stays, and when
 * a silent source stops holding back the others.
 *
 * A strategy is frozen and holds no progress; every source split gets a generator of its own.
 */
import { parseDuration } from '../base/duration.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { MIN_WATERMARK } from '../stream/element.ts'

/** Follows the timestamps of one split. */
export interface WatermarkGenerator {
  /** Called for every record. */
  onEvent(timestampMs: number): void
  /** The watermark now: no record with a smaller or equal timestamp is expected any more. Never goes back. */
  current(): number
}

/** The record's time in milliseconds; `sourceTimestampMs` is what the source itself knows, or NO_TIMESTAMP. */
export type TimestampAssigner<T> = (record: T, sourceTimestampMs: number) => number

export interface WatermarkStrategy<T> {
  readonly kind: 'monotonous' | 'bounded-out-of-orderness' | 'generator' | 'none'
  /** How late a record may come, milliseconds; 0 where it does not apply. */
  readonly outOfOrdernessMs: number
  /** undefined: the source's own timestamps. */
  readonly timestampOf: TimestampAssigner<T> | undefined
  /** A split without records for longer than this no longer holds back the watermark; undefined: it always does. */
  readonly idleAfterMs: number | undefined
  createGenerator(): WatermarkGenerator
  /**
   * Takes the event time from the record.
   *
   * @example WatermarkStrategy.forBoundedOutOfOrderness<Flight>('2h').withTimestamp((flight) => flight.departureMs)
   */
  withTimestamp(timestampOf: TimestampAssigner<T>): WatermarkStrategy<T>
  /**
   * How long a split may be silent before the others go on without it; `'off'` lets it hold them back for ever. Default `'1m'`.
   *
   * @throws CFG1002 when it is no duration, or 0
   */
  withIdleness(after: string): WatermarkStrategy<T>
}

const IDLE_AFTER_DEFAULT = '1m'

/** Factories, in Flink's words. */
export const WatermarkStrategy = Object.freeze({
  /** Timestamps of one split never go back. */
  forMonotonousTimestamps<T>(): WatermarkStrategy<T> {
    return strategyOf('monotonous', 0, () => new BoundedOutOfOrdernessGenerator(0))
  },

  /**
   * A record comes at most `bound` behind the greatest timestamp seen so far; later ones are late.
   *
   * @param bound a duration such as `'5s'`
   * @throws CFG1002 when it is no duration
   */
  forBoundedOutOfOrderness<T>(bound: string): WatermarkStrategy<T> {
    const boundMs = parseDuration(bound, 'bound of out-of-orderness')
    return strategyOf('bounded-out-of-orderness', boundMs, () => new BoundedOutOfOrdernessGenerator(boundMs))
  },

  /**
   * Watermarks of your own making.
   *
   * @param createGenerator called once per split; what it returns is checked then (GRA1005)
   * @throws GRA1005 when it is no function
   * @example WatermarkStrategy.forGenerator<Event>(() => {
   *   let greatest = Number.MIN_SAFE_INTEGER
   *   return { onEvent: (timestampMs) => void (greatest = Math.max(greatest, timestampMs)), current: () => greatest - 1 }
   * })
   */
  forGenerator<T>(createGenerator: () => WatermarkGenerator): WatermarkStrategy<T> {
    if (typeof createGenerator !== 'function')
      throw wrongGenerator(`forGenerator was given ${shapeOf(createGenerator)}`, 'The job was not built.')
    return strategyOf('generator', 0, () => checkedGenerator(createGenerator))
  },

  /** For jobs without event time. The only watermark is the one at the end of the input. */
  noWatermarks<T>(): WatermarkStrategy<T> {
    return new FrozenStrategy<T>({
      kind: 'none',
      outOfOrdernessMs: 0,
      generatorOf: () => NO_WATERMARKS,
      timestampOf: undefined,
      idleAfterMs: undefined,
    })
  },
})

interface StrategyFields<T> {
  readonly kind: WatermarkStrategy<T>['kind']
  readonly outOfOrdernessMs: number
  readonly generatorOf: () => WatermarkGenerator
  readonly timestampOf: TimestampAssigner<T> | undefined
  readonly idleAfterMs: number | undefined
}

class FrozenStrategy<T> implements WatermarkStrategy<T> {
  readonly kind: WatermarkStrategy<T>['kind']
  readonly outOfOrdernessMs: number
  readonly timestampOf: TimestampAssigner<T> | undefined
  readonly idleAfterMs: number | undefined
  readonly #fields: StrategyFields<T>

  constructor(fields: StrategyFields<T>) {
    this.#fields = fields
    this.kind = fields.kind
    this.outOfOrdernessMs = fields.outOfOrdernessMs
    this.timestampOf = fields.timestampOf
    this.idleAfterMs = fields.idleAfterMs
    Object.freeze(this)
  }

  createGenerator(): WatermarkGenerator {
    return this.#fields.generatorOf()
  }

  withTimestamp(timestampOf: TimestampAssigner<T>): WatermarkStrategy<T> {
    return new FrozenStrategy({ ...this.#fields, timestampOf })
  }

  withIdleness(after: string): WatermarkStrategy<T> {
    return new FrozenStrategy({ ...this.#fields, idleAfterMs: parseIdleness(after) })
  }
}

function strategyOf<T>(
  kind: WatermarkStrategy<T>['kind'],
  outOfOrdernessMs: number,
  generatorOf: () => WatermarkGenerator,
): WatermarkStrategy<T> {
  const idleAfterMs = parseIdleness(IDLE_AFTER_DEFAULT)
  return new FrozenStrategy<T>({ kind, outOfOrdernessMs, generatorOf, timestampOf: undefined, idleAfterMs })
}

function parseIdleness(after: string): number | undefined {
  if (after === 'off') return undefined
  const afterMs = parseDuration(after, 'idleness')
  if (afterMs > 0) return afterMs
  throw new EngineError(
    'CFG1002',
    `idleness ${JSON.stringify(after)} would make every split idle at once. Nothing was started. Give a positive duration, or "off" to wait for silent splits.`,
  )
}

class BoundedOutOfOrdernessGenerator implements WatermarkGenerator {
  readonly #boundMs: number
  #maxTimestamp: number

  constructor(boundMs: number) {
    this.#boundMs = boundMs
    // so high that `current` starts at MIN_WATERMARK exactly and never leaves the safe integers
    this.#maxTimestamp = MIN_WATERMARK + boundMs + 1
  }

  onEvent(timestampMs: number): void {
    if (timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs
  }

  current(): number {
    return this.#maxTimestamp - this.#boundMs - 1
  }
}

const NO_WATERMARKS: WatermarkGenerator = Object.freeze({
  onEvent(): void {},
  current: () => MIN_WATERMARK,
})

/** A generator of the user, when it is one. */
function checkedGenerator(createGenerator: () => unknown): WatermarkGenerator {
  let generator: unknown
  try {
    generator = createGenerator()
  } catch (thrown) {
    throw new EngineError(
      'TSK1001',
      `the function given to forGenerator threw: ${messageOf(thrown)}. No watermarks can be made and the task stops; its state stays as of the last checkpoint. Make it return a generator for every split.`,
      { cause: thrown },
    )
  }
  if (isGenerator(generator)) return generator
  throw wrongGenerator(
    `the function given to forGenerator returned ${shapeOf(generator)}`,
    'No watermarks can be made and the job fails; its state stays as of the last checkpoint.',
  )
}

function isGenerator(value: unknown): value is WatermarkGenerator {
  if (typeof value !== 'object' || value === null) return false
  return GENERATOR_METHODS.every((name) => methodOf(value, name) === 'function')
}

const GENERATOR_METHODS = ['onEvent', 'current'] as const

function methodOf(value: object, name: string): string {
  return typeof Reflect.get(value, name)
}

function shapeOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (value instanceof Promise) return 'a promise'
  if (typeof value !== 'object') return `a value of type ${typeof value}`
  const missing = GENERATOR_METHODS.filter((name) => methodOf(value, name) !== 'function')
  return `an object without ${missing.map((name) => `the function ${name}`).join(' and ')}`
}

function wrongGenerator(what: string, meaning: string): EngineError {
  return new EngineError(
    'GRA1005',
    `${what}, not a watermark generator. ${meaning} Give it a function that returns { onEvent(timestampMs) { … }, current() { … } }, where current gives the watermark in milliseconds.`,
  )
}
