import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, readSources } from './import-graph.ts'
import { METRICS, type Metric, type Place, isMeasured, measure } from './measures.ts'

/**
 * Numbers that can only get better. ratchets.json holds the worst value allowed for each; worse fails, better may be
 * written down with `--update`, which never raises a number. A number at its goal need not get better.
 */

export type Limits = Readonly<Record<string, number>>

export interface Reading {
  readonly metric: Pick<Metric, 'name' | 'title' | 'kind' | 'goal'>
  readonly value: number
  readonly limit: number
  readonly places: readonly Place[]
}

const FILE = join(ROOT, 'scripts/ratchets.json')
const PLACES_SHOWN_MAX = 20

export function complaints(readings: readonly Reading[]): string[] {
  return readings
    .filter(({ value, limit }) => value > limit)
    .map(({ metric, value, limit, places }) => {
      const guilty = metric.kind === 'sum' ? places : places.filter((place) => place.value > limit)
      const list = guilty.slice(0, PLACES_SHOWN_MAX).map((place) => `    ${place.where} (${place.value})`)
      return [`${metric.name}: ${metric.title}: ${value}, at most ${limit} allowed`, ...list].join('\n')
    })
}

/** The limits with every number lowered to what was measured, but not below its goal; none is ever raised. */
export function tightened(readings: readonly Reading[]): Limits {
  return Object.fromEntries(readings.map((reading) => [reading.metric.name, Math.min(reading.limit, target(reading))]))
}

function target({ metric, value }: Reading): number {
  return Math.max(value, metric.goal)
}

function read(limits: Limits): Reading[] {
  const files = readSources('packages/*/src/**/*.ts')
  return METRICS.map((metric) => {
    const measured = files.filter((file) => isMeasured(file.path, metric))
    return { metric, limit: limits[metric.name] ?? metric.goal, ...measure(metric, measured) }
  })
}

function main(isUpdate: boolean): number {
  const readings = read(JSON.parse(readFileSync(FILE, 'utf8')) as Limits)
  for (const { metric, value, limit } of readings) console.log(`${metric.name.padEnd(26)}${value} of ${limit}`)
  const worse = complaints(readings)
  if (worse.length > 0) console.log(`\n${worse.join('\n')}`)
  if (isUpdate) writeFileSync(FILE, `${JSON.stringify(tightened(readings), undefined, 2)}\n`)
  const slack = readings.filter((reading) => target(reading) < reading.limit).map(({ metric }) => metric.name)
  if (!isUpdate && slack.length > 0) {
    console.log(`\nCould be tightened with \`npm run ratchets -- --update\`: ${slack.join(', ')}`)
  }
  return worse.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = main(process.argv.includes('--update'))
