/** A few numbers that a slot thread and the main thread share, so that each sees the other even when it cannot take messages. */
import type { LoopProgress } from '../task/task-loop.ts'

const PULSE = 0
const BUSY = 1
const LINES_WRITTEN = 2
const CELLS = 3

/** Lines of one thread that are sent and not yet written. */
export const PRINTED_LINES_MAX = 1024

export function createVitals(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT)
}

/** The side of the slot thread. */
export class OwnVitals implements LoopProgress {
  readonly #cells: Int32Array
  #linesSent = 0

  constructor(vitals: SharedArrayBuffer) {
    this.#cells = new Int32Array(vitals)
  }

  /** Shows that the thread takes its turns. */
  beat(): void {
    Atomics.add(this.#cells, PULSE, 1)
  }

  enter(): void {
    Atomics.store(this.#cells, BUSY, 1)
    this.beat()
  }

  leave(): void {
    Atomics.store(this.#cells, BUSY, 0)
    this.beat()
  }

  /** Waits, blocking the thread, while too many lines are on their way. */
  beforeLines(count: number): void {
    for (;;) {
      const written = Atomics.load(this.#cells, LINES_WRITTEN)
      if (((this.#linesSent - written) | 0) < PRINTED_LINES_MAX) break
      Atomics.wait(this.#cells, LINES_WRITTEN, written)
    }
    this.#linesSent = (this.#linesSent + count) | 0
  }
}

/** The side of the main thread. */
export class WatchedVitals {
  readonly #cells: Int32Array

  constructor(vitals: SharedArrayBuffer) {
    this.#cells = new Int32Array(vitals)
  }

  pulse(): number {
    return Atomics.load(this.#cells, PULSE)
  }

  isBusy(): boolean {
    return Atomics.load(this.#cells, BUSY) === 1
  }

  linesWritten(count: number): void {
    Atomics.add(this.#cells, LINES_WRITTEN, count)
    Atomics.notify(this.#cells, LINES_WRITTEN)
  }
}
