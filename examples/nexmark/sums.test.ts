import { readFileSync } from 'node:fs'
import { defineJob, functionSink } from 'sluice'
import { describe, expect, test } from 'vitest'
import { MEASURED } from '../../bench/workload/nexmark-rows.ts'
import { finishInline } from '../../packages/sluice/test/inline-job.ts'
import { NexmarkGenerator } from './generator.ts'
import { nexmarkEvents } from './job.ts'
import { QUERIES } from './oracle/queries.ts'
import { byKind } from './oracle/rows.ts'

const EVENTS = 100_000
const RATE = 10_000

/** Lines such as `| q2 | 774 | 3084231409 |`; outputs that depend on the order of events or on the clock are `–`. */
const documented = new Map(
  [
    ...readFileSync(new URL('./README.md', import.meta.url), 'utf8').matchAll(/^\| (q\d+) \| (\d+|–) \| (\d+) \|$/gm),
  ].map(([, query = '', outputs, sum]) => [
    query,
    { outputs: outputs === '–' ? undefined : Number(outputs), sum: Number(sum) },
  ]),
)
const generator = new NexmarkGenerator(RATE)
const events = byKind(Array.from({ length: EVENTS }, (_, id) => generator.event(id)))

test('README.md has the sums of every query that is measured', () => {
  expect([...documented.keys()]).toEqual(Object.keys(MEASURED))
})

describe.each(Object.entries(MEASURED))('the sum of %s', (name, { build, opened }) => {
  const expected = documented.get(name)

  test('is that of the rows of plain loops', () => {
    const totals = { outputs: 0, sum: 0 }
    const add = opened()
    for (const row of QUERIES[name]?.oracle(events) ?? []) add(row, totals)
    expect(totals.sum).toBe(expected?.sum)
    if (expected?.outputs !== undefined) expect(totals.outputs).toBe(expected.outputs)
  })

  test('is that of the rows which the job sends on', async () => {
    const totals = { outputs: 0, sum: 0 }
    const add = opened()
    const job = defineJob(`sum-of-${name}`, (env) => {
      build(nexmarkEvents(env, { events: EVENTS, rate: RATE })).sinkTo(functionSink((row) => add(row, totals)))
    })
    await finishInline(job, { parallelism: 2 })
    expect(totals.sum).toBe(expected?.sum)
  })
})
