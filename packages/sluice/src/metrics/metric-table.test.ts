import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { METRIC_NAMES, metricRow } from './metric-table.ts'

const page = readFileSync(new URL('../../../../docs/guide/observability.md', import.meta.url), 'utf8')

/** Rows of the page's tables of metrics. */
const documented = [...page.matchAll(/^\| `(?:flink|sluice|process|nodejs)_\w+` \| .*$/gm)].map(([row]) => row)

describe('the table of metrics', () => {
  test.each(METRIC_NAMES)('%s has a name, labels and a unit that Prometheus and readers can use', (name) => {
    const { kind, unit, help, labels } = metricRow(name)
    expect(name).toMatch(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/)
    for (const label of labels) expect(label).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(labels).not.toContain('quantile')
    expect(help).toMatch(/\.$/)
    if (!name.startsWith('sluice_')) return
    expect(name.endsWith('_total')).toBe(kind === 'counter')
    expect(name.endsWith('_seconds')).toBe(unit === 's')
    expect(name.endsWith('_bytes')).toBe(unit === 'bytes')
  })

  test('docs/guide/observability.md has every metric with its kind, unit and meaning, in this order, and no other', () => {
    const rows = METRIC_NAMES.map((name) => {
      const { kind, unit, help } = metricRow(name)
      return `| \`${name}\` | ${kind} | ${unit} | ${help} |`
    })
    expect(documented).toEqual(rows)
  })

  test('docs/guide/observability.md asks for no metric that there is not', () => {
    const named = page.match(/\b(?:flink|sluice|process|nodejs)_\w+/g) ?? []
    const unknown = named.filter((name) => !METRIC_NAMES.some((one) => one === name) && !name.endsWith('_'))
    expect(unknown).toEqual([])
  })
})
