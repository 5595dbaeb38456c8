import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseMetrics } from '../../test/prometheus-parser.ts'
import { METRIC_NAMES, metricRow } from './metric-table.ts'
import { prometheusText } from './prometheus-text.ts'
import type { Sample } from './sample.ts'

const LABELS = { tm_id: 'tm-1', host: 'a' }

function textOf(...samples: readonly Sample[]): string {
  return prometheusText(samples)
}

describe('the text for Prometheus', () => {
  test('has help and type before the samples of a metric', () => {
    const jobs = { job_id: 'j', job_name: 'orders' }
    expect(
      textOf(
        { metric: 'sluice_job_slots_held', labels: jobs, value: 2 },
        { metric: 'sluice_taskmanager_slots', labels: LABELS, value: 4 },
      ),
    ).toBe(
      [
        '# HELP sluice_taskmanager_slots Slots of the TaskManager.',
        '# TYPE sluice_taskmanager_slots gauge',
        'sluice_taskmanager_slots{tm_id="tm-1",host="a"} 4',
        '# HELP sluice_job_slots_held Slots that the job has.',
        '# TYPE sluice_job_slots_held gauge',
        'sluice_job_slots_held{job_id="j",job_name="orders"} 2',
        '',
      ].join('\n'),
    )
  })

  test('is the same in whatever order the samples come', () => {
    const samples: readonly Sample[] = ['a', 'b', 'c'].flatMap((host) => [
      { metric: 'sluice_taskmanager_slots', labels: { tm_id: 'x', host }, value: 1 },
      { metric: 'sluice_taskmanager_slots_free', labels: { tm_id: 'x', host }, value: 0 },
    ])
    expect(prometheusText(samples.toReversed())).toBe(prometheusText(samples))
  })

  test('a summary has quantiles from the smallest to the largest, a sum and a count', () => {
    const labels = { job_id: 'j', job_name: 'o' }
    const value = { count: 9, sum: 45, min: 1, max: 9, mean: 5, p50: 5, p95: 8, p99: 9 }
    const lines = textOf({ metric: 'sluice_job_checkpoint_duration_seconds', labels, value }).split('\n').slice(2, -1)
    expect(lines.map((line) => line.replace('sluice_job_checkpoint_duration_seconds', ''))).toEqual([
      '{job_id="j",job_name="o",quantile="0"} 1',
      '{job_id="j",job_name="o",quantile="0.5"} 5',
      '{job_id="j",job_name="o",quantile="0.95"} 8',
      '{job_id="j",job_name="o",quantile="0.99"} 9',
      '{job_id="j",job_name="o",quantile="1"} 9',
      '_sum{job_id="j",job_name="o"} 45',
      '_count{job_id="j",job_name="o"} 9',
    ])
  })

  test('a parser reads back every number and every label, whatever is in it', () => {
    const sample: fc.Arbitrary<Sample> = fc.constantFrom(...METRIC_NAMES).chain((metric) => {
      const { labels, kind } = metricRow(metric)
      const text = fc.oneof(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: fc.constantFrom('"', '\\', '\n', 'n', '}', ',') }),
      )
      const number = fc.double()
      const value = kind === 'summary' ? fc.record(summaryOf(number)) : number
      return fc.record({
        metric: fc.constant(metric),
        labels: fc.record(Object.fromEntries(labels.map((name) => [name, text]))),
        value,
      })
    })
    fc.assert(
      fc.property(sample, (one) => {
        const { metric, labels, value } = one
        const { kind, help } = metricRow(metric)
        const [family, ...others] = parseMetrics(prometheusText([one]))
        expect(others).toEqual([])
        expect(family).toMatchObject({ name: metric, type: kind, help })
        const numbers =
          typeof value === 'number'
            ? [value]
            : [value.min, value.p50, value.p95, value.p99, value.max, value.sum, value.count]
        expect(family?.samples.map((read) => read.value)).toEqual(numbers.map((number) => number + 0))
        for (const read of family?.samples ?? []) {
          const { quantile: _, ...own } = read.labels
          expect(own).toEqual(labels)
        }
      }),
    )
  })
})

function summaryOf(number: fc.Arbitrary<number>) {
  return { count: number, sum: number, min: number, max: number, mean: number, p50: number, p95: number, p99: number }
}
