/** The real world as an `Env`: clocks, timers, randomness and disk of this process. */
import { randomInt } from 'node:crypto'
import type { Env, LineSink, Timers } from '../base/env.ts'
import { seededRandom } from '../base/random.ts'
import { nodeDisk } from './node-disk.ts'

/** Node fires a timer with a longer delay at once. */
const TIMER_DELAY_MAX_MS = 2 ** 31 - 1
const SEED_LIMIT = 2 ** 32

export interface NodeEnvOptions {
  readonly stdout: LineSink
}

export function createNodeEnv({ stdout }: NodeEnvOptions): Env {
  return {
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
    timers: nodeTimers,
    turns: { next: (run) => void setImmediate(run) },
    random: seededRandom(randomInt(SEED_LIMIT)),
    disk: nodeDisk,
    stdout,
  }
}

const nodeTimers: Timers = {
  after(delayMs, fire) {
    let remainingMs = Math.max(0, delayMs) // Node warns about negative delays
    let timer = setTimeout(onTimeout, Math.min(remainingMs, TIMER_DELAY_MAX_MS))
    function onTimeout(): void {
      remainingMs -= TIMER_DELAY_MAX_MS
      if (remainingMs <= 0) fire()
      else timer = setTimeout(onTimeout, Math.min(remainingMs, TIMER_DELAY_MAX_MS))
    }
    return { cancel: () => clearTimeout(timer) }
  },
}
