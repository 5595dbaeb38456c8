/** What the progress display shows, worked out from the job's status. Pure: time comes in. */
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { JobStatus } from '../jobmanager/job-status.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'

export interface LastCheckpoint {
  readonly checkpoint: number
  readonly ageMs: number
  readonly durationMs: number
  readonly stateBytes: number
}

/** Counts are those of the current attempt: after a restart they begin again at what the checkpoint covers. */
export interface Progress {
  readonly state: JobStatus['state']
  readonly elapsedMs: number
  readonly recordsIn: number
  readonly recordsOut: number
  readonly inPerSecond: number
  readonly outPerSecond: number
  /** The smallest of all vertices. */
  readonly watermark: number
  /** Of the busiest vertex. */
  readonly busyRatio: number
  readonly backPressuredRatio: number
  readonly restartCount: number
  readonly lastCheckpoint: LastCheckpoint | undefined
  readonly losses: Losses
}

/** Records that took another way than the main one. */
export interface Losses {
  readonly late: number
  readonly deadLettered: number
  readonly skipped: number
}

interface Sample {
  readonly atMs: number
  readonly recordsIn: number
  readonly recordsOut: number
}

/** Rates are means over this time: slots report less often than the display is drawn. */
const RATE_WINDOW_MS = 2000

export class ProgressMeter {
  #startMs: number
  #samples: readonly Sample[]
  #attempt = 0
  #checkpoint:
    | { readonly atMs: number; readonly event: Extract<JobEvent, { readonly kind: 'checkpoint-completed' }> }
    | undefined

  constructor(nowMs: number) {
    this.#startMs = nowMs
    this.#samples = [{ atMs: nowMs, recordsIn: 0, recordsOut: 0 }]
  }

  /** The job begins: what went before, such as loading its module, is not part of its time. */
  onStart(nowMs: number): void {
    this.#startMs = nowMs
    this.#samples = [{ atMs: nowMs, recordsIn: 0, recordsOut: 0 }]
  }

  onEvent(event: JobEvent, nowMs: number): void {
    if (event.kind === 'checkpoint-completed') this.#checkpoint = { atMs: nowMs, event }
  }

  read(status: JobStatus, nowMs: number): Progress {
    const recordsOut = writtenRecords(status)
    const oldest = this.#sample(status.attempt, { atMs: nowMs, recordsIn: status.recordsRead, recordsOut })
    const seconds = Math.max(1, nowMs - oldest.atMs) / 1000
    return {
      state: status.state,
      elapsedMs: nowMs - this.#startMs,
      recordsIn: status.recordsRead,
      recordsOut,
      inPerSecond: (status.recordsRead - oldest.recordsIn) / seconds,
      outPerSecond: (recordsOut - oldest.recordsOut) / seconds,
      watermark: watermarkOf(status),
      busyRatio: Math.max(0, ...status.vertices.map(({ busyRatio }) => busyRatio)),
      backPressuredRatio: Math.max(0, ...status.vertices.map(({ backPressuredRatio }) => backPressuredRatio)),
      restartCount: status.restartCount,
      lastCheckpoint: this.#lastCheckpoint(nowMs),
      losses: lossesOf(status.counters),
    }
  }

  /** Takes a sample and gives the one to compare it with: the newest from before the window, or the oldest. */
  #sample(attempt: number, sample: Sample): Sample {
    const newest = this.#samples.at(-1)
    // counts begin anew with an attempt, and with a leader
    const isAnew =
      newest !== undefined && (sample.recordsIn < newest.recordsIn || sample.recordsOut < newest.recordsOut)
    if (attempt !== this.#attempt || isAnew) this.#samples = []
    this.#attempt = attempt
    const windowStartMs = sample.atMs - RATE_WINDOW_MS
    const first = Math.max(
      0,
      this.#samples.findLastIndex(({ atMs }) => atMs <= windowStartMs),
    )
    this.#samples = [...this.#samples.slice(first), sample]
    return this.#samples[0] ?? sample
  }

  #lastCheckpoint(nowMs: number): LastCheckpoint | undefined {
    if (this.#checkpoint === undefined) return undefined
    const { atMs, event } = this.#checkpoint
    const { checkpoint, durationMs, stateBytes } = event
    return { checkpoint, ageMs: nowMs - atMs, durationMs, stateBytes }
  }
}

/** Before there are tasks nothing is known. */
function watermarkOf({ vertices }: JobStatus): number {
  if (vertices.length === 0) return MIN_WATERMARK
  return vertices.reduce((least, { watermark }) => Math.min(least, watermark), MAX_WATERMARK)
}

type Counters = JobStatus['counters']

/** Records given to sinks. */
export function writtenRecords({ counters }: Pick<JobStatus, 'counters'>): number {
  return sumOf(counters, 'writtenRecords')
}

export function lossesOf(counters: Counters): Losses {
  return {
    late: sumOf(counters, 'lateRecords'),
    deadLettered: sumOf(counters, 'deadLetterRecords'),
    skipped: sumOf(counters, 'skippedRecords'),
  }
}

function sumOf(counters: Counters, name: string): number {
  return Object.entries(counters).reduce((sum, [key, count]) => (key.endsWith(`/${name}`) ? sum + count : sum), 0)
}
