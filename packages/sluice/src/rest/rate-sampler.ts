/**
 * Records per second of every subtask: from counters that only grow within an attempt, looked at again and again.
 *
 * Owns: one timer and the samples of the last `WINDOW_SAMPLES` rounds of the jobs that live. `close` ends both.
 */
import type { Env, Timer } from '../base/env.ts'
import type { ClusterApi, JobDetail, SubtaskStatus } from '../jobmanager/cluster-api.ts'
import { hasEnded } from './views/job-views.ts'
import type { SubtaskRates } from './views/metric-views.ts'

const INTERVAL_MS = 2000
/** A rate is the mean over this many intervals. */
const WINDOW_SAMPLES = 5

interface Counts {
  readonly attempt: number
  readonly recordsIn: number
  readonly recordsOut: number
}

interface Sample {
  readonly atMs: number
  /** By vertex and subtask. */
  readonly counts: ReadonlyMap<string, Counts>
}

const NO_RATES: SubtaskRates = { inPerSecond: 0, outPerSecond: 0 }

export class RateSampler {
  readonly #api: ClusterApi
  readonly #env: Pick<Env, 'clock' | 'timers'>
  readonly #samples = new Map<string, readonly Sample[]>()
  #timer: Timer

  constructor(api: ClusterApi, env: Pick<Env, 'clock' | 'timers'>) {
    this.#api = api
    this.#env = env
    this.#timer = env.timers.after(INTERVAL_MS, () => this.#tick())
  }

  close(): void {
    this.#timer.cancel()
    this.#samples.clear()
  }

  /** Zero until it has been seen for an interval. */
  ratesOf(job: string, vertex: string, subtask: SubtaskStatus): SubtaskRates {
    const now = countsOf(subtask)
    if (now === undefined) return NO_RATES
    const key = keyOf(vertex, subtask)
    const samples = this.#samples.get(job) ?? []
    const oldest = samples.find(({ counts }) => counts.get(key)?.attempt === now.attempt)
    const then = oldest?.counts.get(key)
    if (oldest === undefined || then === undefined) return NO_RATES
    const seconds = (this.#env.clock.monotonicMs() - oldest.atMs) / 1000
    if (seconds <= 0) return NO_RATES
    return {
      inPerSecond: Math.max(0, now.recordsIn - then.recordsIn) / seconds,
      outPerSecond: Math.max(0, now.recordsOut - then.recordsOut) / seconds,
    }
  }

  #tick(): void {
    if (this.#api.notLeading() === undefined) this.#sample()
    else this.#samples.clear()
    this.#timer = this.#env.timers.after(INTERVAL_MS, () => this.#tick())
  }

  #sample(): void {
    const living = this.#api.jobs().filter((job) => !hasEnded(job))
    for (const job of this.#samples.keys()) if (!living.some((one) => one.job === job)) this.#samples.delete(job)
    for (const { job } of living) {
      const sample = { atMs: this.#env.clock.monotonicMs(), counts: allCounts(this.#api.job(job)) }
      this.#samples.set(job, [...(this.#samples.get(job) ?? []), sample].slice(-WINDOW_SAMPLES))
    }
  }
}

function allCounts({ vertices }: JobDetail): ReadonlyMap<string, Counts> {
  const entries = vertices.flatMap(({ vertex, subtasks }) =>
    subtasks.flatMap((subtask) => {
      const counts = countsOf(subtask)
      return counts === undefined ? [] : [[keyOf(vertex, subtask), counts] as const]
    }),
  )
  return new Map(entries)
}

function countsOf({ attempt, report }: SubtaskStatus): Counts | undefined {
  return report === undefined ? undefined : { attempt, recordsIn: report.recordsIn, recordsOut: report.recordsOut }
}

function keyOf(vertex: string, { subtask }: SubtaskStatus): string {
  return `${vertex}/${subtask}`
}
