import type { ResultSummary } from '../workload/results.ts'

export interface KeyedTask {
  readonly records: number
  readonly parallelism: number
}

export interface KeyedMeasurement {
  /** From the first record to the moment when all results are out. */
  readonly processingMs: number
  /** Processor time of the counting threads, within that time. */
  readonly cpuMs: number
  /** With everything around it: starting threads, the last checkpoint, ending. */
  readonly wholeMs: number
  readonly summary: ResultSummary
  readonly checkpoints: number
}
