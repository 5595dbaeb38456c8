/** The real world as an `Env`: clocks, timers, randomness, disk and network of this process. */
import { randomFillSync } from 'node:crypto'
import type { Clock, Env, LineSink, Network, Random, Timers } from '../base/env.ts'
import { nodeDisk } from './node-disk.ts'
import { createNodeNetwork } from './node-network.ts'
import { nodeSockets } from './node-sockets.ts'

/** Node fires a timer with a longer delay at once. */
const TIMER_DELAY_MAX_MS = 2 ** 31 - 1
const RANDOM_POOL_WORDS = 256

export interface NodeEnvOptions {
  readonly stdout: LineSink
  /** Default: TCP without TLS. */
  readonly network?: Network
}

export function createNodeEnv({ stdout, network }: NodeEnvOptions): Env {
  return {
    clock: nodeClock,
    timers: nodeTimers,
    turns: { next: (run) => void setImmediate(run) },
    random: unpredictableRandom(),
    disk: nodeDisk,
    network: network ?? createNodeNetwork(),
    sockets: nodeSockets,
    stdout,
  }
}

export const nodeClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() }

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

/** Nobody can guess the next number: ids, and nonces of handshakes, are made of them. */
function unpredictableRandom(): Random {
  const pool = new Uint32Array(RANDOM_POOL_WORDS)
  let used = pool.length
  const u32 = (): number => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    return pool[used++] ?? 0 // within the pool
  }
  return { u32, fraction: () => u32() / 2 ** 32 }
}
