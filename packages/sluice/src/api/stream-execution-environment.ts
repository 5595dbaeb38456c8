import { EngineError } from '../base/errors.ts'
import type { OptionKey } from '../config/options.ts'
import { collectionSource } from '../connector/collection-source.ts'
import type { Source } from '../connector/source.ts'
import type { CheckpointMode } from '../stream/element.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { SingleOutputStreamOperator } from './data-stream.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { restartOptions, type RestartStrategy } from './restart-strategies.ts'

/** How checkpoints are taken and kept. Each is an option too; values of the command line and the environment win. */
export interface CheckpointSettings {
  /** Default `exactly-once`. */
  readonly mode?: CheckpointMode
  /** A duration after which a checkpoint is given up. Default `10m`. */
  readonly timeout?: string
  /** A duration: least time between the end of one checkpoint and the start of the next. Default `0ms`. */
  readonly minPause?: string
  /** Consecutive failed checkpoints that do not restart the job. Default 0. */
  readonly tolerableFailures?: number
  /** Where checkpoints are kept, e.g. `file:///var/lib/sluice/orders`. Default: inside the state directory. */
  readonly storage?: string
  /** Completed checkpoints that are kept. Default 3. */
  readonly retained?: number
}

/** What else is known about a source. */
export interface SourceSettings {
  /** Names the source in plans, progress and messages. Default: its uid, without one its kind. */
  readonly name?: string
  /** The id under which checkpoints keep its splits; `.uid(…)` behind the source does the same. Without it one is derived from the graph, with a warning where there are checkpoints. */
  readonly uid?: string
  /** Records per second over all subtasks, evenly shared: a subtask without a split leaves its share unused. Above 0; default: no limit. */
  readonly rateLimit?: number
}

const CHECKPOINT_KEYS: Readonly<Record<keyof CheckpointSettings, OptionKey>> = {
  mode: 'checkpoint.mode',
  timeout: 'checkpoint.timeout',
  minPause: 'checkpoint.pauseMin',
  tolerableFailures: 'checkpoint.failuresMax',
  storage: 'checkpoint.storage.uri',
  retained: 'checkpoint.retained',
}

/**
 * What the build function of a job describes its graph with. Describing has no effect outside the graph; values that the command
 * line or the environment set win over what is set here. Values are checked when the job starts, all at once (CFG1001, CFG1002, CFG1003).
 */
export class StreamExecutionEnvironment {
  readonly #builder: GraphBuilder

  constructor(builder: GraphBuilder) {
    this.#builder = builder
  }

  /**
   * Takes a checkpoint every `interval`, from which the job continues after a failure. Off unless called.
   *
   * @param interval a duration from `'10ms'`
   * @example env.enableCheckpointing('1s', { mode: 'exactly-once', timeout: '1m' })
   */
  enableCheckpointing(interval: string, settings: CheckpointSettings = {}): this {
    this.#builder.setOption('checkpoint.interval', interval)
    for (const [field, value] of Object.entries(settings)) {
      // an unknown field keeps its name below `checkpoint.`, so that resolving the options reports it
      const key = isCheckpointField(field) ? CHECKPOINT_KEYS[field] : `checkpoint.${field}`
      if (value !== undefined) this.#builder.setOption(key, String(value))
    }
    return this
  }

  /** Subtasks of every operator that sets no parallelism of its own, 1 to 32768. Default 1. */
  setParallelism(parallelism: number): this {
    return this.set('parallelism', parallelism)
  }

  /** Key groups of every operator that sets none of its own, 1 to 32768. Default: derived from the parallelism, at least 128. */
  setMaxParallelism(maxParallelism: number): this {
    return this.set('maxParallelism', maxParallelism)
  }

  /**
   * Every operator runs in a task of its own from now on: slower, but its figures are its own. Sets `operatorChaining`.
   *
   * @example env.disableOperatorChaining()
   */
  disableOperatorChaining(): this {
    return this.set('operatorChaining', false)
  }

  /**
   * What happens after a failure. Default: growing delays with checkpoints, no restart without.
   *
   * @example env.setRestartStrategy(RestartStrategies.fixedDelay(2, '1s'))
   * @example env.setRestartStrategy({ strategy: 'exponential-delay', max: '10s' })
   */
  setRestartStrategy(strategy: RestartStrategy): this {
    this.#builder.clearOptions('restart.')
    for (const [key, text] of restartOptions(strategy)) this.#builder.setOption(key, text)
    return this
  }

  /**
   * Sets any option of docs/guide/options.md.
   *
   * @example env.set('exchange.buffer.timeout', '10ms')
   */
  set(key: OptionKey, value: string | number | boolean): this {
    this.#builder.setOption(key, String(value))
    return this
  }

  /**
   * A stream of what a source reads.
   *
   * @param watermarks where event time comes from; default: none, and only the end of the input fires event-time windows
   * @throws CFG1002 when the rate limit is not a number above 0
   * @example env.fromSource(parquetSource<Flight>('flights'), WatermarkStrategy
   *   .forBoundedOutOfOrderness<Flight>('2h').withTimestamp((flight) => flight.departureMs))
   */
  fromSource<T>(
    source: Source<T>,
    watermarks: WatermarkStrategy<NoInfer<T>> = WatermarkStrategy.noWatermarks<T>(),
    { name, uid, rateLimit }: SourceSettings = {},
  ): SingleOutputStreamOperator<T> {
    checkRateLimit(rateLimit)
    const node = this.#builder.add((id) => ({
      kind: 'source',
      id,
      name: source.kind,
      source,
      watermarks: erased(watermarks),
      ...(uid === undefined ? {} : { uid }),
      ...(rateLimit === undefined ? {} : { rateLimit }),
    }))
    if (name !== undefined) this.#builder.patch(node, { name })
    return new SingleOutputStreamOperator<T>(this.#builder, node)
  }

  /**
   * A stream of the given records, in order; for tests and examples.
   *
   * @example env.fromElements('to be', 'or not to be')
   */
  fromElements<T>(...items: readonly T[]): SingleOutputStreamOperator<T> {
    return this.fromCollection(items)
  }

  /** A stream of the records of an array, in order. */
  fromCollection<T>(items: readonly T[]): SingleOutputStreamOperator<T> {
    return this.fromSource(collectionSource(items))
  }
}

function checkRateLimit(rateLimit: number | undefined): void {
  if (rateLimit === undefined || rateLimit > 0) return
  throw new EngineError(
    'CFG1002',
    `the rate limit of a source is ${String(rateLimit)}, so it would never read a record. Nothing was started. Give records per second, above 0, or leave it out.`,
  )
}

function isCheckpointField(field: string): field is keyof CheckpointSettings {
  return Object.hasOwn(CHECKPOINT_KEYS, field)
}

/** The graph holds strategies of any type: the source beside it guarantees the records. */
function erased<T>(strategy: WatermarkStrategy<T>): WatermarkStrategy<unknown> {
  return strategy as WatermarkStrategy<unknown> // see above
}
