/** What is shown of a metric at one moment. Plain data. */
import { type MetricName, isMetricName } from './metric-table.ts'

/** Those that the row of the metric names, no others. */
export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly metric: MetricName
  readonly labels: Labels
  readonly value: number | Summary
}

/** `count` and `sum` are of all observations, the rest is of the newest ones, which are a bounded number. */
export interface Summary {
  readonly count: number
  readonly sum: number
  /** NaN when there was nothing yet, as all below. */
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Samples of several metrics with the same labels. */
export function samplesOf(labels: Labels, values: Readonly<Partial<Record<MetricName, number>>>): readonly Sample[] {
  return Object.entries(values).flatMap(([metric, value]) => (isMetricName(metric) ? [{ metric, labels, value }] : []))
}
