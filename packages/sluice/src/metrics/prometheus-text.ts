/**
 * Samples in the text format of Prometheus, version 0.0.4.
 *
 * The order is that of the table, then of the labels: the same samples give the same text, in whatever order they come.
 */
import { METRIC_NAMES, METRICS, metricRow, type MetricName, type MetricRow } from './metric-table.ts'
import type { Labels, Sample, Summary } from './sample.ts'

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function prometheusText(samples: readonly Sample[]): string {
  const byMetric = Map.groupBy(samples, ({ metric }) => metric)
  return METRIC_NAMES.flatMap((metric) => {
    const own = byMetric.get(metric)
    return own === undefined ? [] : [familyText(metric, own)]
  }).join('')
}

function familyText(metric: MetricName, samples: readonly Sample[]): string {
  const { kind, help } = METRICS[metric]
  const lines = samples.map((sample) => sampleLines(sample)).sort()
  return `# HELP ${metric} ${escaped(help)}\n# TYPE ${metric} ${kind}\n${lines.join('')}`
}

function sampleLines({ metric, labels, value }: Sample): string {
  const pairs = labelPairs(metricRow(metric), labels)
  return typeof value === 'number' ? line(metric, pairs, value) : summaryLines(metric, pairs, value)
}

/** The smallest and the largest are quantiles, too. */
function summaryLines(metric: MetricName, pairs: readonly string[], summary: Summary): string {
  const { min, p50, p95, p99, max, sum, count } = summary
  const quantiles = [
    ['0', min],
    ['0.5', p50],
    ['0.95', p95],
    ['0.99', p99],
    ['1', max],
  ] as const
  return [
    ...quantiles.map(([quantile, value]) => line(metric, [...pairs, `quantile="${quantile}"`], value)),
    line(`${metric}_sum`, pairs, sum),
    line(`${metric}_count`, pairs, count),
  ].join('')
}

function line(name: string, pairs: readonly string[], value: number): string {
  const labels = pairs.length === 0 ? '' : `{${pairs.join(',')}}`
  return `${name}${labels} ${numberText(value)}\n`
}

function labelPairs({ labels: names }: MetricRow, labels: Labels): readonly string[] {
  return names.map((name) => `${name}="${escapedLabel(labels[name] ?? '')}"`)
}

/** Most labels have nothing to escape. */
function escapedLabel(text: string): string {
  return SPECIAL.test(text) ? escaped(text).replaceAll('"', '\\"') : text
}

const SPECIAL = /[\\\n"]/

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}
