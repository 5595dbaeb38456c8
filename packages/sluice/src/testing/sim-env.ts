/**
 * The world as one simulated process sees it.
 *
 * W1 Every process starts its monotonic clock anew; its wall clock is off by an amount of its own.
 * W2 Turns and timers come at their moment or later, a few of them much later.
 * W3 Its clock may run a little too fast or too slow, and its wall clock may jump while it runs.
 */
import type { Env, Random } from '../base/env.ts'
import { seededRandom } from '../base/random.ts'
import { noNetwork } from './no-network.ts'
import type { SimDisk } from './sim-disk.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimLife, SimScheduler } from './sim-scheduler.ts'

/** Virtual time 0, 2023-11-14T22:13:20Z. */
const WALL_START_MS = 1_700_000_000_000
/** How far the wall clocks of two processes may be apart. */
const WALL_JUMP_MAX_MS = 20_000

export interface SimDelays {
  /** Share of turns and timers that are late. */
  readonly lateShare: number
  readonly lateMaxMs: number
}

export interface SimEnvOptions {
  readonly scheduler: SimScheduler
  readonly disk: SimDisk
  readonly random: Random
  readonly delays: SimDelays
  readonly life: SimLife
  /** Default: nobody can be reached. */
  readonly network?: SimNetwork
  readonly drift?: SimDrift
}

/** How the clocks of one process differ from true time. */
export interface SimDrift {
  /** Its milliseconds for each true one. */
  readonly rate: number
  /** Grows and shrinks by the jumps of its wall clock. */
  wallOffsetMs: number
}

const NO_DRIFT: SimDrift = { rate: 1, wallOffsetMs: 0 }

export function simEnv(options: SimEnvOptions): Env {
  const { scheduler, disk, random, delays, life, network, drift = NO_DRIFT } = options
  const wallStartMs = WALL_START_MS + Math.floor(random.fraction() * WALL_JUMP_MAX_MS)
  const lateMs = (): number => (random.fraction() < delays.lateShare ? random.fraction() * delays.lateMaxMs : 0)
  return {
    clock: {
      wallMs: () => Math.floor(wallStartMs + scheduler.nowMs + drift.wallOffsetMs),
      monotonicMs: () => (scheduler.nowMs - life.startMs) * drift.rate,
    },
    timers: {
      after: (delayMs, fire) => scheduler.after(life, Math.max(0, delayMs) / drift.rate + lateMs(), 'timer', fire),
    },
    turns: { next: (run) => void scheduler.after(life, lateMs(), 'turn', run) },
    random: seededRandom(random.u32()),
    disk: disk.of(life),
    network: network?.of(life) ?? noNetwork(),
    stdout: { writeLine: () => {} },
  }
}
