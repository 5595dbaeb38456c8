/** How time passes in a thread that should never stand still: when it did, and how many records passed when. */
import { preciseWallMs, threadCpuMs } from './stopwatch.ts'

export interface Pause {
  readonly endMs: number
  readonly durationMs: number
  /** Of it, what the thread itself spent on a processor: the rest it waited for one, or for helpers of the collector. */
  readonly cpuMs: number
}

export interface PauseReport {
  /** When every key had been seen once. */
  readonly loadedMs: number
  readonly pauses: readonly Pause[]
  /** Wall milliseconds of every `RECORDS_PER_MARK`th record. */
  readonly marks: readonly number[]
}

export const RECORDS_PER_MARK = 16_384
/** About every tenth of a millisecond: looking costs one per cent. */
const RECORDS_PER_LOOK = 256
/** Shorter ones are not kept: a batch of another task takes as long. */
const PAUSE_MS_MIN = 2

export class PauseLog {
  readonly #pauses: Pause[] = []
  readonly #marks: number[] = []
  #records = 0
  #lastMs = 0
  #lastCpuMs = 0
  #loadedMs = 0

  record(): void {
    if (++this.#records % RECORDS_PER_LOOK === 0) this.#look()
  }

  loaded(): void {
    this.#loadedMs = preciseWallMs()
  }

  report(): PauseReport {
    return { loadedMs: this.#loadedMs, pauses: this.#pauses, marks: this.#marks }
  }

  #look(): void {
    const nowMs = preciseWallMs()
    const cpuMs = threadCpuMs()
    const durationMs = nowMs - this.#lastMs
    if (this.#lastMs > 0 && durationMs > PAUSE_MS_MIN)
      this.#pauses.push({ endMs: nowMs, durationMs, cpuMs: cpuMs - this.#lastCpuMs })
    this.#lastMs = nowMs
    this.#lastCpuMs = cpuMs
    if (this.#records % RECORDS_PER_MARK === 0) this.#marks.push(nowMs)
  }
}
