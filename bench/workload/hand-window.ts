import { WINDOW_MS } from './events.ts'
import type { ResultSumming } from './results.ts'

/** A count by key and window, as the loops written by hand drive it. */
export interface HandCounting {
  add(key: string, timestampMs: number): void
  /** Fires and frees what is complete. */
  advance(watermarkMs: number): void
}

interface Cell {
  count: number
}

/**
 * A tumbling count by key as one would write it by hand for exactly this: a map of windows, each a map of its keys. Takes records out of
 * order, drops late ones, fires and frees a window when the watermark passes its end. No failure handling, no checkpoints, no timers.
 */
export class HandWindows implements HandCounting {
  readonly #windows = new Map<number, Map<string, Cell>>()
  readonly #results: ResultSumming
  #watermarkMs = Number.NEGATIVE_INFINITY
  lateRecords = 0

  constructor(results: ResultSumming) {
    this.#results = results
  }

  add(key: string, timestampMs: number): void {
    const index = Math.floor(timestampMs / WINDOW_MS)
    let cells = this.#windows.get(index)
    if (cells === undefined) {
      if ((index + 1) * WINDOW_MS - 1 <= this.#watermarkMs) {
        this.lateRecords++
        return
      }
      cells = new Map()
      this.#windows.set(index, cells)
    }
    const cell = cells.get(key)
    if (cell === undefined) cells.set(key, { count: 1 })
    else cell.count++
  }

  advance(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs
    for (const [index, cells] of this.#windows) {
      if ((index + 1) * WINDOW_MS - 1 > watermarkMs) continue
      for (const [key, { count }] of cells) this.#results.add(key, index * WINDOW_MS, count)
      this.#windows.delete(index)
    }
  }
}
