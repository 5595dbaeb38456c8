/** A few numbers that a slot thread and the main thread share, so that each sees the other even when it cannot take messages. */
import type { LoopProgress } from '../task/task-loop.ts'

const PULSE = 0
const BUSY = 1
const LINES_WRITTEN = 2
const CELLS = 4
/** Behind the cells, in a place of its own size. */
const LEASE_OFFSET = CELLS * Int32Array.BYTES_PER_ELEMENT

/** Of a lease in nanoseconds: one that never ends. */
const FOR_EVER = 2n ** 63n - 1n

/** Lines of one thread that are sent and not yet written. */
export const PRINTED_LINES_MAX = 1024

export function createVitals(): SharedArrayBuffer {
  const vitals = new SharedArrayBuffer(LEASE_OFFSET + BigInt64Array.BYTES_PER_ELEMENT)
  leaseOf(vitals)[0] = FOR_EVER
  return vitals
}

/** End of the lease by the clock that all threads of a process share, `process.hrtime`: `performance.now` starts anew in each thread. */
function leaseOf(vitals: SharedArrayBuffer): BigInt64Array {
  return new BigInt64Array(vitals, LEASE_OFFSET, 1)
}

/** The side of the slot thread. */
export class OwnVitals implements LoopProgress {
  readonly #cells: Int32Array
  readonly #lease: BigInt64Array
  #linesSent = 0

  constructor(vitals: SharedArrayBuffer) {
    this.#cells = new Int32Array(vitals, 0, CELLS)
    this.#lease = leaseOf(vitals)
  }

  /** Whether the lease of the process holds now: also when the main thread stands still and cannot say that it is over. */
  mayCommit(): boolean {
    return process.hrtime.bigint() < Atomics.load(this.#lease, 0)
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
  readonly #lease: BigInt64Array

  constructor(vitals: SharedArrayBuffer) {
    this.#cells = new Int32Array(vitals, 0, CELLS)
    this.#lease = leaseOf(vitals)
  }

  /** The slot may commit until then, in nanoseconds of `process.hrtime`. */
  leaseUntil(untilNs: bigint): void {
    Atomics.store(this.#lease, 0, untilNs)
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
