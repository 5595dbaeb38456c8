import { expect, test } from 'vitest'
import { finishJob } from '../packages/sluice/test/run-job.ts'
import { tempFolder } from '../packages/sluice/test/temp-folder.ts'

interface Mean {
  readonly metric: string
  readonly until: string
  readonly mean: number
}

interface Alert {
  readonly metric: string
  readonly alert: 'raised' | 'cleared'
  readonly at: string
  readonly value: number
}

const SECONDS = 3
const SAMPLES = SECONDS * 10
const WINDOW_MS = 10_000

async function watch(params: Readonly<Record<string, string>>): Promise<{ means: Mean[]; alerts: Alert[] }> {
  const { printed, result } = await finishJob('examples/host-monitor.ts', {
    stateDir: tempFolder(),
    params: { seconds: String(SECONDS), ...params },
  })
  expect(result.recordsRead).toBe(2 * SAMPLES)
  const rows = printed.map((line) => JSON.parse(line) as Mean | Alert) // printed by the job
  return { means: rows.filter((row) => 'mean' in row), alerts: rows.filter((row) => 'alert' in row) }
}

test('the host monitor prints a mean for every second and metric, and raises once what stays above its threshold', async () => {
  const { means, alerts } = await watch({ raiseAbove: '-1', clearBelow: '-1' })
  for (const metric of ['cpu', 'memory']) {
    const untils = means.filter((mean) => mean.metric === metric).map(({ until }) => Date.parse(until))
    // The samples span a little less than three seconds: each is in ten windows, and the windows follow each other second by second.
    expect(untils.length).toBeGreaterThanOrEqual(WINDOW_MS / 1000 + 2)
    expect(untils).toEqual(untils.map((_, index) => (untils[0] ?? 0) + index * 1000))
  }
  expect(means.every(({ mean }) => mean >= 0 && mean <= 1)).toBe(true)
  expect(alerts.map(({ metric, alert }) => `${metric} ${alert}`).sort()).toEqual(['cpu raised', 'memory raised'])
})

test('the host monitor clears an alert once, when the metric falls below the other threshold', async () => {
  // Everything is above -1 and below 2: what is raised at the timer is cleared by the next sample, and raised again two seconds later at most.
  const { alerts } = await watch({ raiseAbove: '-1', clearBelow: '2' })
  for (const metric of ['cpu', 'memory']) {
    const [first, second] = alerts.filter((alert) => alert.metric === metric)
    expect([first?.alert, second?.alert]).toEqual(['raised', 'cleared'])
    expect(Date.parse(second?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(first?.at ?? ''))
  }
})
