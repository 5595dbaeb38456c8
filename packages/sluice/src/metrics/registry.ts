/**
 * Metrics that live in this process: counters and gauges in one typed array, summaries beside it.
 *
 * Owns: the numbers. Does not own: what the metrics are (metric-table.ts), how they are shown (prometheus-text.ts).
 *
 * G1 A series is a metric with its labels; there is one of each, and asking again gives the same.
 * G2 A series costs memory until it is removed: labels that come and go (jobs) are removed by whoever asked for them. What is counted
 *    on a removed one goes nowhere.
 */
import { assert } from '../base/assert.ts'
import { METRICS, type MetricKind, type MetricName } from './metric-table.ts'
import { ObservationWindow } from './observation-window.ts'
import type { Labels, Sample } from './sample.ts'

export interface Counter {
  /** @param amount default 1; not negative */
  add(amount?: number): void
}

export interface Gauge {
  set(value: number): void
}

export interface SummaryMeter {
  observe(value: number): void
}

interface Series {
  readonly metric: MetricName
  readonly labels: Labels
}

interface NumberSeries extends Series {
  /** Of the typed array. */
  cell: number
}

interface SummarySeries extends Series {
  readonly window: ObservationWindow
}

const CELLS_FIRST = 32
/** What is counted here is not shown. */
const NOWHERE = 0
/** Observations that the quantiles of a summary are of. */
const WINDOW_SIZE = 256

export class Registry {
  readonly #numbers = new Map<string, NumberSeries>()
  readonly #summaries = new Map<string, SummarySeries>()
  readonly #freeCells: number[] = []
  #cells = new Float64Array(CELLS_FIRST)
  #cellCount = NOWHERE + 1

  counter(metric: MetricName, labels: Labels): Counter {
    const series = this.#numberOf(metric, labels, 'counter')
    return {
      add: (amount = 1) => {
        assert(amount >= 0, 'a counter only grows', { metric, amount })
        this.#cells[series.cell] = (this.#cells[series.cell] ?? 0) + amount
      },
    }
  }

  gauge(metric: MetricName, labels: Labels): Gauge {
    const series = this.#numberOf(metric, labels, 'gauge')
    return { set: (value) => void (this.#cells[series.cell] = value) }
  }

  summary(metric: MetricName, labels: Labels): SummaryMeter {
    const key = keyOf(metric, labels, 'summary')
    const series = this.#summaries.get(key) ?? { metric, labels, window: new ObservationWindow(WINDOW_SIZE) }
    this.#summaries.set(key, series)
    return series.window
  }

  // G2
  remove(metric: MetricName, labels: Labels): void {
    const key = keyOf(metric, labels, METRICS[metric].kind)
    this.#summaries.delete(key)
    const series = this.#numbers.get(key)
    if (series === undefined) return
    this.#numbers.delete(key)
    this.#freeCells.push(series.cell)
    series.cell = NOWHERE
  }

  samples(): readonly Sample[] {
    const numbers = [...this.#numbers.values()].map(({ metric, labels, cell }) => ({
      metric,
      labels,
      value: this.#cells[cell] ?? 0,
    }))
    const summaries = [...this.#summaries.values()].map(({ metric, labels, window }) => ({
      metric,
      labels,
      value: window.summary(),
    }))
    return [...numbers, ...summaries]
  }

  // G1
  #numberOf(metric: MetricName, labels: Labels, kind: MetricKind): NumberSeries {
    const key = keyOf(metric, labels, kind)
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const series = { metric, labels, cell: this.#takeCell() }
    this.#numbers.set(key, series)
    return series
  }

  #takeCell(): number {
    const cell = this.#freeCells.pop() ?? this.#cellCount++
    if (cell >= this.#cells.length) {
      const grown = new Float64Array(this.#cells.length * 2)
      grown.set(this.#cells)
      this.#cells = grown
    }
    this.#cells[cell] = 0
    return cell
  }
}

function keyOf(metric: MetricName, labels: Labels, kind: MetricKind): string {
  const row = METRICS[metric]
  assert(row.kind === kind, 'a metric is asked for as something it is not', { metric, kind })
  return JSON.stringify([metric, ...row.labels.map((name) => labels[name] ?? '')])
}
