/**
 * Restart strategies: after a failure, restart when, or give up. Pure; the formulas are in docs/spec/restart.md.
 *
 * Owns: the budget of restarts. Does not own: what a failure is, which failures no restart repairs, waiting.
 *
 * R1 to R5 in docs/spec/restart.md.
 */
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import type {
  ExponentialDelayOptions,
  FailureRateOptions,
  FixedDelayOptions,
  ResolvedRestartOptions,
} from '../config/options.ts'

export type RestartStrategy = ResolvedRestartOptions

/** What a strategy remembers. Moments are monotonic milliseconds. */
export interface RestartState {
  /** Failures counted: all of them, or for `exponential-delay` those since the last reset. */
  readonly failures: number
  /** The last planned restart; `-Infinity` before the first. */
  readonly restartAtMs: number
  /** Moments of the last failures, oldest first; kept by `failure-rate` only. */
  readonly recentMs: readonly number[]
}

export type RestartVerdict =
  | { readonly kind: 'restart'; readonly restartAtMs: number }
  /** Part of a restart that is still ahead. */
  | { readonly kind: 'merged'; readonly restartAtMs: number }
  | { readonly kind: 'give-up' }

export interface RestartDecision {
  readonly state: RestartState
  readonly verdict: RestartVerdict
}

/** The inputs of a decision that are not the strategy's own. */
export interface FailureMoment {
  /** Monotonic. */
  readonly nowMs: number
  readonly random: Random
}

export const NO_FAILURES: RestartState = { failures: 0, restartAtMs: Number.NEGATIVE_INFINITY, recentMs: [] }

/** Notes a failure and says what to do about it. */
export function decide(strategy: RestartStrategy, state: RestartState, moment: FailureMoment): RestartDecision {
  switch (strategy.strategy) {
    case 'none':
      return { state: { ...state, failures: state.failures + 1 }, verdict: { kind: 'give-up' } }
    case 'fixed-delay':
      return fixedDelay(strategy, state, moment.nowMs)
    case 'failure-rate':
      return failureRate(strategy, state, moment.nowMs)
    case 'exponential-delay':
      return exponentialDelay(strategy, state, moment)
  }
}

function fixedDelay(strategy: FixedDelayOptions, state: RestartState, nowMs: number): RestartDecision {
  const failures = state.failures + 1
  if (failures > limitOf(strategy.attemptsMax)) return giveUp({ ...state, failures }) // R2
  return restartAt({ ...state, failures }, nowMs + strategy.delayMs)
}

function failureRate(strategy: FailureRateOptions, state: RestartState, nowMs: number): RestartDecision {
  const ringSize = strategy.failuresMax + 1
  const recentMs = [...state.recentMs, nowMs].slice(-ringSize)
  const next = { ...state, failures: state.failures + 1, recentMs }
  const oldestMs = recentMs[0] ?? nowMs
  if (recentMs.length === ringSize && nowMs - oldestMs <= strategy.failureIntervalMs) return giveUp(next) // R3
  return restartAt(next, nowMs + strategy.delayMs)
}

function exponentialDelay(
  strategy: ExponentialDelayOptions,
  state: RestartState,
  moment: FailureMoment,
): RestartDecision {
  const { nowMs, random } = moment
  if (nowMs <= state.restartAtMs) return { state, verdict: { kind: 'merged', restartAtMs: state.restartAtMs } }
  const attempt = nowMs - state.restartAtMs >= strategy.resetAfterMs ? 0 : state.failures // R4
  const failures = attempt + 1
  const restartAtMs = nowMs + backoffMs(strategy, attempt, random)
  const next = { ...state, failures, restartAtMs }
  return failures <= limitOf(strategy.attemptsMax) ? restartAt(next, restartAtMs) : giveUp(next)
}

/** R1. `attempt` restarts came before this one. */
function backoffMs(strategy: ExponentialDelayOptions, attempt: number, random: Random): number {
  // Without the cap the power overflows after some hundred restarts.
  const capMs = Math.max(strategy.initialMs, strategy.maxMs) * JITTER_HEADROOM
  const baseMs = Math.trunc(Math.min(strategy.initialMs * strategy.multiplier ** attempt, capMs))
  const spreadMs = Math.trunc(baseMs * strategy.jitter)
  const jitterMs = below(random, 2 * spreadMs + 1) - spreadMs
  return Math.max(strategy.initialMs, Math.min(baseMs + jitterMs, strategy.maxMs))
}

/** How far above the largest delay the base may grow: keeps the arithmetic exact and changes no result for a jitter below 0.99. */
const JITTER_HEADROOM = 100

function limitOf(attemptsMax: number | 'unlimited'): number {
  return attemptsMax === 'unlimited' ? Number.POSITIVE_INFINITY : attemptsMax
}

function restartAt(state: RestartState, restartAtMs: number): RestartDecision {
  return { state: { ...state, restartAtMs }, verdict: { kind: 'restart', restartAtMs } }
}

function giveUp(state: RestartState): RestartDecision {
  return { state, verdict: { kind: 'give-up' } }
}
