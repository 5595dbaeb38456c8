import { WINDOW_MS } from './events.ts'
import type { HandCounting } from './hand-window.ts'
import type { ResultSumming } from './results.ts'

interface Cell {
  count: number
}

/**
 * The same count with the key outside: a map of keys, each a map of its windows, as keyed state has to be. Besides, the keys of each window
 * in a list, to fire them.
 */
export class HandKeys implements HandCounting {
  readonly #keys = new Map<string, Map<number, Cell>>()
  readonly #keysByWindow = new Map<number, string[]>()
  readonly #results: ResultSumming
  #watermarkMs = Number.NEGATIVE_INFINITY
  lateRecords = 0

  constructor(results: ResultSumming) {
    this.#results = results
  }

  add(key: string, timestampMs: number): void {
    const index = Math.floor(timestampMs / WINDOW_MS)
    let cells = this.#keys.get(key)
    const cell = cells?.get(index)
    if (cell !== undefined) {
      cell.count++
      return
    }
    if ((index + 1) * WINDOW_MS - 1 <= this.#watermarkMs) {
      this.lateRecords++
      return
    }
    if (cells === undefined) this.#keys.set(key, (cells = new Map()))
    cells.set(index, { count: 1 })
    this.#keysOf(index).push(key)
  }

  advance(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs
    for (const [index, keys] of this.#keysByWindow) {
      if ((index + 1) * WINDOW_MS - 1 > watermarkMs) continue
      for (const key of keys) this.#fire(key, index)
      this.#keysByWindow.delete(index)
    }
  }

  #fire(key: string, index: number): void {
    const cells = this.#keys.get(key)
    this.#results.add(key, index * WINDOW_MS, cells?.get(index)?.count ?? 0)
    cells?.delete(index)
    if (cells?.size === 0) this.#keys.delete(key)
  }

  #keysOf(index: number): string[] {
    let keys = this.#keysByWindow.get(index)
    if (keys === undefined) this.#keysByWindow.set(index, (keys = []))
    return keys
  }
}
