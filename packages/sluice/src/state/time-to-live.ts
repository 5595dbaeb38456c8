/**
 * How long a state keeps what was put into it: what a user writes, and what the states work with.
 *
 * Not part of a state's identity: it may be changed, added and removed while the state lives.
 */
import { parseDuration } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'

/** A duration like `'1h'`, or a duration and how it counts. */
export type StateTtl = string | StateTtlConfig

/**
 * When what a state holds is forgotten. A value as a whole; elements of a list and pairs of a map each on their own.
 *
 * @example valueState<Session>('session', undefined, { ttl: { after: '30m', time: 'event', refresh: 'on-read-and-write' } })
 */
export interface StateTtlConfig {
  /** How long after it was used last, e.g. `'1h'`. */
  readonly after: string
  /**
   * `processing`: the wall clock. `event`: what was written counts from the timestamp of its record (from the watermark, when that is greater) and has
   * expired when the watermark is `after` further. Default `processing`.
   */
  readonly time?: 'processing' | 'event'
  /** What counts as use: being created or written, or being read as well. Default `on-create-and-write`. */
  readonly refresh?: 'on-create-and-write' | 'on-read-and-write'
  /** Whether what has expired is still returned while nothing has removed it yet. Default `never-return-expired`. */
  readonly visibility?: 'never-return-expired' | 'return-until-cleaned'
  /** In any case, what has expired is removed when it is read, and when a snapshot is taken: it is never in one. */
  readonly cleanup?: {
    /** Keys that are looked at, to remove what has expired, when something new is put into the state; `off`: none. Default 5. */
    readonly incrementally?: number | 'off'
  }
}

/** The same, checked and complete. Frozen plain data. */
export interface TimeToLive {
  readonly afterMs: number
  readonly time: 'processing' | 'event'
  readonly refresh: 'on-create-and-write' | 'on-read-and-write'
  readonly visibility: 'never-return-expired' | 'return-until-cleaned'
  /** 0: never incrementally. */
  readonly lookCount: number
}

const LOOK_COUNT_DEFAULT = 5
const LOOK_COUNT_MAX = 10_000
/** A million days. */
const TTL_MAX_MS = 1_000_000 * 86_400_000

const MODES = {
  time: ['processing', 'event'],
  refresh: ['on-create-and-write', 'on-read-and-write'],
  visibility: ['never-return-expired', 'return-until-cleaned'],
} as const

/** STA1003, CFG1002 for what is no time to live. */
export function timeToLive(state: string, ttl: StateTtl): TimeToLive {
  const config = typeof ttl === 'string' ? { after: ttl } : ttl
  return Object.freeze({
    afterMs: durationOf(state, config.after),
    time: modeOf('time', state, { modes: MODES.time, value: config.time }),
    refresh: modeOf('refresh', state, { modes: MODES.refresh, value: config.refresh }),
    visibility: modeOf('visibility', state, { modes: MODES.visibility, value: config.visibility }),
    lookCount: lookCountOf(state, config.cleanup?.incrementally ?? LOOK_COUNT_DEFAULT),
  })
}

function durationOf(state: string, after: string): number {
  const afterMs = parseDuration(after, `the time to live of state "${state}"`)
  if (afterMs > 0 && afterMs <= TTL_MAX_MS) return afterMs
  throw new EngineError(
    'STA1003',
    `the time to live of state "${state}" is "${after}". The job was not built, because every value would ` +
      (afterMs > 0
        ? 'outlive the range of time. Use at most "1000000d".'
        : 'have expired when it is written. Use a longer duration, e.g. "1h".'),
  )
}

/** The first one is the default. */
function modeOf<Mode extends string>(
  name: string,
  state: string,
  { modes, value = modes[0] }: { readonly modes: readonly [Mode, Mode]; readonly value: Mode | undefined },
): Mode {
  if (modes.includes(value)) return value
  throw new EngineError(
    'STA1003',
    `${name} in the time to live of state "${state}" is ${JSON.stringify(value)}. The job was not built. Use "${modes[0]}" or "${modes[1]}".`,
  )
}

function lookCountOf(state: string, incrementally: number | 'off'): number {
  if (incrementally === 'off') return 0
  if (Number.isInteger(incrementally) && incrementally >= 1 && incrementally <= LOOK_COUNT_MAX) return incrementally
  throw new EngineError(
    'STA1003',
    `the clean-up of state "${state}" looks at ${String(incrementally)} keys at a time. The job was not built. Use a whole number from 1 to ${LOOK_COUNT_MAX}, or "off".`,
  )
}
