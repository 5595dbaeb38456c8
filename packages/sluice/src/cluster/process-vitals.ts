/** How this process is doing: for heartbeats, and as metrics. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { TaskManagerVitals } from '../control/cluster-messages.ts'
import { ObservationWindow } from '../metrics/observation-window.ts'
import { type Labels, type Sample, samplesOf } from '../metrics/sample.ts'
import { packageVersion } from './package-version.ts'

const NS_PER_MS = 1e6
const MS_PER_SECOND = 1000
const MICROSECONDS_PER_MS = 1000
const MICROSECONDS_PER_SECOND = 1e6
const RESOLUTION_MS = 20
/** The worst delay of each second, for a minute. */
const WINDOW_SECONDS = 60

export interface ProcessVitals {
  /** Of the process. */
  readonly labels: Labels
  /** CPU and delay are since the last call. */
  read(): Omit<TaskManagerVitals, 'slotsInUse'>
  samples(): readonly Sample[]
  /** What was used lately: of one core, so that 2 means two cores. */
  cpuRatio(): number
  stop(): void
}

/** @param labels of the process: `role`, `id` and `host` */
export function createProcessVitals(labels: Labels): ProcessVitals {
  const delay = new LoopDelay()
  const sinceRead = new CpuClock()
  const sinceShown = new CpuClock()
  return {
    labels,
    read: () => ({
      heapUsedBytes: process.memoryUsage().heapUsed,
      cpuRatio: sinceRead.ratio(),
      eventLoopDelayMs: delay.takeWorstMs(),
    }),
    samples: () => [...processSamples(labels), { ...LOOP_DELAY, labels, value: delay.window.summary() }],
    cpuRatio: () => sinceShown.ratio(),
    stop: () => delay.stop(),
  }
}

const LOOP_DELAY = { metric: 'sluice_event_loop_delay_seconds' } as const

export function heapMaxBytes(): number {
  return getHeapStatistics().heap_size_limit
}

/** Looked at every second: what is asked for in between does not make anybody else miss the worst. */
class LoopDelay {
  readonly window = new ObservationWindow(WINDOW_SECONDS)
  readonly #monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #timer: NodeJS.Timeout
  #worstMs = 0

  constructor() {
    this.#monitor.enable()
    this.#timer = setInterval(() => this.#look(), MS_PER_SECOND).unref()
  }

  /** Since the last call. */
  takeWorstMs(): number {
    const worstMs = Math.max(this.#worstMs, this.#nowMs())
    this.#worstMs = 0
    return worstMs
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#monitor.disable()
  }

  #look(): void {
    const delayMs = this.#nowMs()
    this.#monitor.reset()
    this.#worstMs = Math.max(this.#worstMs, delayMs)
    this.window.observe(delayMs / MS_PER_SECOND)
  }

  #nowMs(): number {
    return Math.max(0, this.#monitor.max / NS_PER_MS - RESOLUTION_MS)
  }
}

class CpuClock {
  #cpu = process.cpuUsage()
  #atMs = performance.now()

  /** CPU time over time, since the last call. */
  ratio(): number {
    const { user, system } = process.cpuUsage(this.#cpu)
    const nowMs = performance.now()
    const ratio = (user + system) / MICROSECONDS_PER_MS / Math.max(1, nowMs - this.#atMs)
    this.#cpu = process.cpuUsage()
    this.#atMs = nowMs
    return ratio
  }
}

function processSamples(labels: Labels): readonly Sample[] {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return [
    ...samplesOf({ ...labels, version: packageVersion() }, { sluice_build_info: 1 }),
    ...samplesOf(labels, {
      process_start_time_seconds: performance.timeOrigin / MS_PER_SECOND,
      process_cpu_seconds_total: (user + system) / MICROSECONDS_PER_SECOND,
      process_resident_memory_bytes: rss,
      nodejs_heap_size_used_bytes: heapUsed,
      nodejs_heap_size_total_bytes: heapTotal,
      nodejs_external_memory_bytes: external,
    }),
  ]
}
