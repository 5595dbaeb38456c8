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

/** Sources of one group do not run away from each other in event time. */
export interface WatermarkAlignment {
  readonly group: string
  /** How far a source may be ahead of the slowest one of its group, milliseconds of event time. */
  readonly maxDriftMs: number
  /** How often that is looked at, milliseconds. */
  readonly updateIntervalMs: number
}

export interface WatermarkStrategy<T> {
  readonly kind: 'monotonous' | 'bounded-out-of-orderness' | 'generator' | 'none'
  /** How late a record may come, milliseconds; 0 where it does not apply. */
  readonly outOfOrdernessMs: number
  /** undefined: the source's own timestamps. */
  readonly timestampOf: TimestampAssigner<T> | undefined
  /** A split without records for longer than this no longer holds back the watermark; undefined: it always does. */
  readonly idleAfterMs: number | undefined
  /** undefined: as fast as it can. */
  readonly alignment: WatermarkAlignment | undefined
  /** One for each split: says how far event time has come in it. */
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
  /**
   * Keeps the sources of one group together in event time: a source whose watermark is more than `maxDrift` ahead of the smallest one of its group pauses
   * until the others have caught up, and so does a single split where the reader can pause splits. Idle and ended sources do not hold the others
   * back. For `fromSource` only; names of groups are local to the job.
   *
   * @param maxDrift a duration of event time, such as `'20s'`
   * @param updateInterval a duration: how often watermarks are compared. Default `'1s'`. A source may be ahead by what it reads meanwhile
   * @throws CFG1002 when one of them is no duration, or 0
   * @throws GRA1005 when the group has no name, or there are no watermarks
   * @example WatermarkStrategy.forMonotonousTimestamps<Order>().withTimestamp((order) => order.timeMs)
   *   .withWatermarkAlignment('orders and payments', '20s')
   */
  withWatermarkAlignment(group: string, maxDrift: string, updateInterval?: string): WatermarkStrategy<T>
}

const IDLE_AFTER_DEFAULT = '1m'
const ALIGNMENT_INTERVAL_DEFAULT = '1s'

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
      alignment: undefined,
    })
  },
})

interface StrategyFields<T> {
  readonly kind: WatermarkStrategy<T>['kind']
  readonly outOfOrdernessMs: number
  readonly generatorOf: () => WatermarkGenerator
  readonly timestampOf: TimestampAssigner<T> | undefined
  readonly idleAfterMs: number | undefined
  readonly alignment: WatermarkAlignment | undefined
}

class FrozenStrategy<T> implements WatermarkStrategy<T> {
  readonly kind: WatermarkStrategy<T>['kind']
  readonly outOfOrdernessMs: number
  readonly timestampOf: TimestampAssigner<T> | undefined
  readonly idleAfterMs: number | undefined
  readonly alignment: WatermarkAlignment | undefined
  readonly #fields: StrategyFields<T>

  constructor(fields: StrategyFields<T>) {
    this.#fields = fields
    this.kind = fields.kind
    this.outOfOrdernessMs = fields.outOfOrdernessMs
    this.timestampOf = fields.timestampOf
    this.idleAfterMs = fields.idleAfterMs
    this.alignment = fields.alignment
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

  withWatermarkAlignment(
    group: string,
    maxDrift: string,
    updateInterval = ALIGNMENT_INTERVAL_DEFAULT,
  ): WatermarkStrategy<T> {
    refuseAlignment(this.kind, group)
    const alignment = Object.freeze({
      group,
      maxDriftMs: parsePositive(maxDrift, 'drift of a watermark alignment'),
      updateIntervalMs: parsePositive(updateInterval, 'update interval of a watermark alignment'),
    })
    return new FrozenStrategy({ ...this.#fields, alignment })
  }
}

function strategyOf<T>(
  kind: WatermarkStrategy<T>['kind'],
  outOfOrdernessMs: number,
  generatorOf: () => WatermarkGenerator,
): WatermarkStrategy<T> {
  const idleAfterMs = parseIdleness(IDLE_AFTER_DEFAULT)
  const settings = { timestampOf: undefined, idleAfterMs, alignment: undefined }
  return new FrozenStrategy<T>({ kind, outOfOrdernessMs, generatorOf, ...settings })
}

function refuseAlignment(kind: WatermarkStrategy<unknown>['kind'], group: unknown): void {
  if (typeof group !== 'string' || group === '')
    throw new EngineError(
      'GRA1005',
      `withWatermarkAlignment() was given the group ${JSON.stringify(group) ?? String(group)}. The job was not built. Name the group, e.g. withWatermarkAlignment("orders", "20s").`,
    )
  if (kind !== 'none') return
  throw new EngineError(
    'GRA1005',
    `a source of the watermark alignment group ${JSON.stringify(group)} has no watermarks: it would hold back all others for ever. The job was not built. ` +
      'Begin with WatermarkStrategy.forBoundedOutOfOrderness() or forMonotonousTimestamps(), or leave the alignment out.',
  )
}

function parsePositive(text: string, what: string): number {
  const ms = parseDuration(text, what)
  if (ms > 0) return ms
  throw new EngineError(
    'CFG1002',
    `the ${what} is ${JSON.stringify(text)}: it must be more than nothing. Nothing was started. Give a positive duration such as "20s".`,
  )
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

/** A generator of the user, whose faults are told as such. */
class CheckedGenerator implements WatermarkGenerator {
  readonly #generator: WatermarkGenerator

  constructor(generator: WatermarkGenerator) {
    this.#generator = generator
  }

  onEvent(timestampMs: number): void {
    try {
      this.#generator.onEvent(timestampMs)
    } catch (thrown) {
      throw generatorFailed('onEvent', thrown)
    }
  }

  current(): number {
    let watermark: number
    try {
      watermark = this.#generator.current()
    } catch (thrown) {
      throw generatorFailed('current', thrown)
    }
    if (Number.isSafeInteger(watermark)) return watermark
    if (typeof watermark === 'number' && watermark < MIN_WATERMARK) return MIN_WATERMARK // none yet
    throw notAWatermark(watermark)
  }
}

function generatorFailed(method: string, thrown: unknown): EngineError {
  return new EngineError(
    'TSK1001',
    `${method}() of a watermark generator threw: ${messageOf(thrown)}. Event time cannot go on and the task stops; its state stays as of the last checkpoint. ` +
      'Make the generator take every timestamp.',
    { cause: thrown },
  )
}

function notAWatermark(watermark: unknown): EngineError {
  return new EngineError(
    'TIM1001',
    `current() of a watermark generator returned ${typeof watermark === 'number' ? watermark : shapeOfValue(watermark)}. That is not a whole number of ` +
      'milliseconds, so event time cannot go on and the task stops. Return such a number, or Number.MIN_SAFE_INTEGER while there is no watermark.',
  )
}

function shapeOfValue(value: unknown): string {
  return value === undefined || value === null ? String(value) : `a value of type ${typeof value}`
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
  if (isGenerator(generator)) return new CheckedGenerator(generator)
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
