/** When a request that failed is made again. Pure: the same strategy gives the same delays, so that a replayed job waits as long as before. */
import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'

/** Which outcomes are worth another try. */
export interface AsyncRetryPredicates<U = unknown> {
  /** Whether to try again after this error: what the function threw or its promise was rejected with. Default: after every error. */
  readonly ifException?: (error: unknown) => boolean
  /** Whether to try again after this result. Default: never. */
  readonly ifResult?: (result: U | undefined) => boolean
}

/** Tries with the same delay between any two. */
export interface FixedDelayRetryOptions<U = unknown> extends AsyncRetryPredicates<U> {
  /** How often a request is made again at the most, beyond the first time. */
  readonly attempts: number
  /** A duration such as `'100ms'`. */
  readonly delay: string
}

/** Tries with delays that grow. */
export interface ExponentialBackoffRetryOptions<U = unknown> extends AsyncRetryPredicates<U> {
  /** How often a request is made again at the most, beyond the first time. */
  readonly attempts: number
  /** A duration: the first delay. */
  readonly initialDelay: string
  /** A duration: the longest delay. */
  readonly maxDelay: string
  /** Each delay is so many times the one before, 1 or more. Default 2. */
  readonly multiplier?: number
}

/** Frozen plain data; made by `AsyncRetryStrategies`. */
export interface AsyncRetryStrategy<U = unknown> extends AsyncRetryPredicates<U> {
  /** Tries beyond the first one, at the most. */
  readonly attempts: number
  /** Milliseconds. */
  readonly initialDelayMs: number
  /** Milliseconds. */
  readonly maxDelayMs: number
  /** How many times the delay before each delay is; 1 for the same delay. */
  readonly multiplier: number
}

/** Beyond it a request would rather be an error: the timeout ends it anyway. */
const ATTEMPTS_MAX = 1_000_000

/** Retry strategies of asynchronous functions. All tries of a request, with the delays between them, are within its one timeout. */
export const AsyncRetryStrategies = Object.freeze({
  /**
   * The same delay between any two tries.
   *
   * @throws CFG1002 when `delay` is no duration
   * @throws GRA1005 when `attempts` is no whole number from 1 to 1,000,000
   * @example AsyncRetryStrategies.fixedDelay({ attempts: 3, delay: '100ms' })
   */
  fixedDelay: <U = unknown>({ delay, ...options }: FixedDelayRetryOptions<U>): AsyncRetryStrategy<U> => {
    const delayMs = parseDuration(delay, 'retry delay')
    return strategyOf({ ...options, initialDelayMs: delayMs, maxDelayMs: delayMs, multiplier: 1 })
  },

  /**
   * Delays that grow with each try up to the longest one.
   *
   * @throws CFG1002 when a delay is no duration
   * @throws GRA1005 when `attempts` is no whole number from 1 to 1,000,000, `multiplier` is below 1, or the longest delay is shorter than the first
   * @example AsyncRetryStrategies.exponentialBackoff({ attempts: 5, initialDelay: '50ms', maxDelay: '2s' })
   */
  exponentialBackoff: <U = unknown>(options: ExponentialBackoffRetryOptions<U>): AsyncRetryStrategy<U> => {
    const { initialDelay, maxDelay, multiplier = 2, ...others } = options
    const initialDelayMs = parseDuration(initialDelay, 'first retry delay')
    return strategyOf({
      ...others,
      initialDelayMs,
      maxDelayMs: parseDuration(maxDelay, 'longest retry delay'),
      multiplier,
    })
  },
})

/** Milliseconds to wait behind the try with this number, from 1. */
export function retryDelayMs(strategy: AsyncRetryStrategy<never>, attempt: number): number {
  const grown = strategy.initialDelayMs * strategy.multiplier ** (attempt - 1)
  return Math.min(Math.trunc(grown), strategy.maxDelayMs)
}

function strategyOf<U>(strategy: AsyncRetryStrategy<U>): AsyncRetryStrategy<U> {
  const { attempts, multiplier, initialDelayMs, maxDelayMs } = strategy
  const isCount = Number.isInteger(attempts) && attempts >= 1 && attempts <= ATTEMPTS_MAX
  if (!isCount) throw badRetry(`${attempts} attempts: that is no whole number from 1 to ${ATTEMPTS_MAX}`)
  if (!(multiplier >= 1 && Number.isFinite(multiplier)))
    throw badRetry(`the multiplier ${multiplier}, which is below 1 or no number`)
  if (maxDelayMs < initialDelayMs)
    throw badRetry(`a longest delay of ${maxDelayMs} ms, shorter than the first one of ${initialDelayMs} ms`)
  return Object.freeze(strategy)
}

function badRetry(problem: string): EngineError {
  return new EngineError(
    'GRA1005',
    `a retry strategy of an asynchronous function has ${problem}. The job was not built. Correct the strategy, or leave it out to try once.`,
  )
}
