import { EngineError } from './errors.ts'

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION = /^(\d+)\s*(ms|s|m|h|d)$/

/**
 * A duration as people write it, in milliseconds: a whole number and a unit of `ms`, `s`, `m`, `h` or `d`.
 *
 * @param what named in the error, e.g. `checkpoint.interval`
 * @throws CFG1002 for anything else
 * @example parseDuration('250ms') // 250
 * @example parseDuration('2h') // 7200000
 */
export function parseDuration(text: string, what = 'duration'): number {
  const match = typeof text === 'string' ? DURATION.exec(text.trim()) : null // JavaScript callers may give a number
  const valueMs = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN)
  if (Number.isSafeInteger(valueMs)) return valueMs
  throw new EngineError(
    'CFG1002',
    `${what} ${JSON.stringify(text)} is not a duration. Nothing was started. Write a whole number and a unit (ms, s, m, h, d), e.g. "250ms", "30s", "2h" or "1d".`,
  )
}

/** The shortest exact way to write it: 7200000 is `2h`, 1500 is `1500ms`. */
export function formatDuration(durationMs: number): string {
  const whole = Math.round(durationMs)
  const unit = ['d', 'h', 'm', 's'].find((name) => whole !== 0 && whole % (UNIT_MS[name] ?? 1) === 0) ?? 'ms'
  return `${whole / (UNIT_MS[unit] ?? 1)}${unit}`
}
