import { writeFileSync } from 'node:fs'
import type { Sink, SinkWriter } from '../../packages/sluice/src/index.ts'
import { preciseWallMs, threadCpuMs } from './stopwatch.ts'

export interface SinkCapture<T> {
  add(value: T, timestamp: number): void
  /** What the file of the subtask will hold. */
  report(): unknown
}

/** What a subtask of the sink leaves behind. */
export interface CaptureFile {
  /** Of the last cut: everything had been processed by then. */
  readonly lastCutMs: number
  /** Processor time of the thread by then. */
  readonly lastCutCpuMs: number
  readonly report: unknown
}

/** Keeps nothing, and writes what it saw into `<path>-<subtask>.json` when it closes. */
export function measuringSink<T>(path: string, open: () => SinkCapture<T>): Sink<T, never, never> {
  return {
    kind: 'measuring',
    identity: path,
    prepare: async () => {},
    createWriter: ({ subtask }) => new MeasuringWriter(`${path}-${subtask}.json`, open()),
    createCommitter: () => undefined,
  }
}

class MeasuringWriter<T> implements SinkWriter<T, never, never> {
  readonly #path: string
  readonly #capture: SinkCapture<T>
  #lastCutMs = 0
  #lastCutCpuMs = 0

  constructor(path: string, capture: SinkCapture<T>) {
    this.#path = path
    this.#capture = capture
  }

  write(value: T, timestamp: number): void {
    this.#capture.add(value, timestamp)
  }

  isBlocked(): boolean {
    return false
  }

  async snapshot(): Promise<{ readonly committables: readonly never[]; readonly states: readonly never[] }> {
    this.#lastCutMs = preciseWallMs()
    this.#lastCutCpuMs = threadCpuMs()
    return { committables: [], states: [] }
  }

  async close(): Promise<void> {
    const file: CaptureFile = {
      lastCutMs: this.#lastCutMs,
      lastCutCpuMs: this.#lastCutCpuMs,
      report: this.#capture.report(),
    }
    writeFileSync(this.#path, JSON.stringify(file))
  }
}
