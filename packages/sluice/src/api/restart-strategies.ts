import type { OptionKey } from '../config/options.ts'

/** Whether and when a failed job starts again. What is left out has the default of its option (docs/guide/options.md). */
export type RestartStrategy =
  | { readonly strategy: 'none' }
  | FixedDelayRestart
  | FailureRateRestart
  | ExponentialDelayRestart

/** Restarts after the same delay, a number of times. */
export interface FixedDelayRestart {
  readonly strategy: 'fixed-delay'
  /** Restarts before the job fails for good. Default 1. */
  readonly attemptsMax?: number | 'unlimited'
  /** A duration such as `'1s'`. Default `1s`. */
  readonly delay?: string
}

/** Restarts while failures are rare enough. */
export interface FailureRateRestart {
  readonly strategy: 'failure-rate'
  /** Failures within `failureInterval` that are answered by a restart; one more fails the job. Default 1. */
  readonly failuresMax?: number
  /** A duration: failures are counted over it. Default `1m`. */
  readonly failureInterval?: string
  /** A duration. Default `1s`. */
  readonly delay?: string
}

/** Restarts after delays that grow with every failure. */
export interface ExponentialDelayRestart {
  readonly strategy: 'exponential-delay'
  /** A duration: the first delay. Default `1s`. */
  readonly initial?: string
  /** A duration: the longest delay. Default `1m`. */
  readonly max?: string
  /** How many times the delay before each delay is, 1 to 100. Default 1.5. */
  readonly multiplier?: number
  /** 0 to 1. Share of the delay that is added or taken away at random. Default 0.1. */
  readonly jitter?: number
  /** A duration: after it without a failure the delay starts again at the first one. Default `1h`. */
  readonly resetAfter?: string
  /** Restarts before the job fails for good. Default `unlimited`. */
  readonly attemptsMax?: number | 'unlimited'
}

/** Restart strategies under their Flink names. */
export const RestartStrategies = Object.freeze({
  /** A failure ends the job. */
  none: (): RestartStrategy => ({ strategy: 'none' }),

  /**
   * At most `attemptsMax` restarts, each after the same delay.
   *
   * @example env.setRestartStrategy(RestartStrategies.fixedDelay(2, '1s'))
   */
  fixedDelay: (attemptsMax: number | 'unlimited', delay: string): RestartStrategy => ({
    strategy: 'fixed-delay',
    attemptsMax,
    delay,
  }),

  /** Restarts while at most `failuresMax` failures happen within `failureInterval`. */
  failureRate: (failuresMax: number, failureInterval: string, delay: string): RestartStrategy => ({
    strategy: 'failure-rate',
    failuresMax,
    failureInterval,
    delay,
  }),

  /** Restarts after delays that grow with every failure. */
  exponentialDelay: (settings: Omit<ExponentialDelayRestart, 'strategy'> = {}): RestartStrategy => ({
    strategy: 'exponential-delay',
    ...settings,
  }),
})

/** The strategy as options, in the words of a user. */
export function restartOptions(strategy: RestartStrategy): ReadonlyMap<OptionKey, string> {
  const keys = KEYS[strategy.strategy]
  const settings = Object.entries(strategy).flatMap(([field, value]): [OptionKey, string][] => {
    const key = keys[field]
    return key === undefined || value === undefined ? [] : [[key, String(value)]]
  })
  return new Map([['restart.strategy', strategy.strategy], ...settings])
}

type KeysOf<Strategy> = { readonly [Field in Exclude<keyof Strategy, 'strategy'>]-?: OptionKey }

const FIXED_DELAY: KeysOf<FixedDelayRestart> = { attemptsMax: 'restart.attemptsMax', delay: 'restart.delay' }

const FAILURE_RATE: KeysOf<FailureRateRestart> = {
  failuresMax: 'restart.failuresMax',
  failureInterval: 'restart.failureInterval',
  delay: 'restart.delay',
}

const EXPONENTIAL_DELAY: KeysOf<ExponentialDelayRestart> = {
  initial: 'restart.backoff.initial',
  max: 'restart.backoff.max',
  multiplier: 'restart.backoff.multiplier',
  jitter: 'restart.backoff.jitter',
  resetAfter: 'restart.backoff.resetAfter',
  attemptsMax: 'restart.attemptsMax',
}

const KEYS: Readonly<Record<RestartStrategy['strategy'], Readonly<Record<string, OptionKey>>>> = {
  none: {},
  'fixed-delay': { ...FIXED_DELAY },
  'failure-rate': { ...FAILURE_RATE },
  'exponential-delay': { ...EXPONENTIAL_DELAY },
}
