/** The newest observations of something, and what they say together. Observing costs one write. */
import { assert } from '../base/assert.ts'
import type { Summary } from './sample.ts'

export class ObservationWindow {
  readonly #values: Float64Array
  #count = 0
  #sum = 0

  /** @param size observations that quantiles are of */
  constructor(size: number) {
    assert(size > 0, 'a window of observations has room for none', { size })
    this.#values = new Float64Array(size)
  }

  observe(value: number): void {
    this.#values[this.#count % this.#values.length] = value
    this.#count += 1
    this.#sum += value
  }

  summary(): Summary {
    const sorted = this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort()
    return {
      count: this.#count,
      sum: this.#sum,
      min: sorted[0] ?? NaN,
      max: sorted.at(-1) ?? NaN,
      mean: sorted.length === 0 ? NaN : sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
      p50: quantile(sorted, 0.5),
      p95: quantile(sorted, 0.95),
      p99: quantile(sorted, 0.99),
    }
  }
}

/** The smallest value that this share of all is not above. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}
