import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WHOLE, numberedSummary } from './numbered-output.ts'
import { fixture, startCli, type CliRun } from './run-cli.ts'
import { tempFolder } from './temp-folder.ts'

const COUNT = 60_000
/** So slow that a process can be killed in the middle. */
const RATE = 12_000

interface LocalCluster {
  readonly folder: string
  readonly urls: readonly string[]
  pidOf(name: string): number
}

interface StartedProcess {
  readonly name: string
  readonly pid: number
  readonly restUrl: string | null
}

/** Faults are found sooner than by default, so that the tests are. */
const QUICK = [
  'heartbeat.interval=200ms',
  'heartbeat.timeout=1500ms',
  'leader.renewInterval=200ms',
  'leader.lease=1200ms',
  'leader.timeout=2s',
  'scheduler.restartSlotWait=300ms',
  'scheduler.settle=300ms',
].flatMap((setting) => ['-D', setting])

async function startCluster(...flags: readonly string[]): Promise<LocalCluster> {
  const folder = tempFolder()
  onTestFinished(async () => void (await startCli(['cluster', 'stop'], folder).exit))
  const started = startCli(['cluster', 'start', '--json', ...flags, ...QUICK], folder)
  expect(await started.exit, started.stderr.join('\n')).toBe(0)
  const { processes } = JSON.parse(started.stdout.join('')) as { readonly processes: readonly StartedProcess[] } // docs/guide/cluster.md
  return {
    folder,
    urls: processes.flatMap(({ restUrl }) => restUrl ?? []),
    pidOf: (name) => processes.find((process) => process.name === name)?.pid ?? 0,
  }
}

function runNumbered({ folder, urls }: LocalCluster, ...flags: readonly string[]): CliRun {
  const params = { output: join(folder, 'out'), count: String(COUNT), rate: String(RATE) }
  const words = Object.entries(params).flatMap(([name, value]) => ['--param', `${name}=${value}`])
  return startCli(
    ['run', fixture('numbered.ts'), '--jobmanager', urls.join(','), '--json', '--parallelism', '2', ...words, ...flags],
    folder,
  )
}

const isCheckpoint = (line: string): boolean => line.includes('"type":"checkpoint-completed"')

describe('a cluster of several processes', () => {
  test('runs a job to its end, and loses nothing when a TaskManager is killed in the middle', async () => {
    const cluster = await startCluster('--taskmanagers', '2')
    const run = runNumbered(cluster)
    await run.line(isCheckpoint)
    process.kill(cluster.pidOf('taskmanager-2'), 'SIGKILL')
    expect(await run.exit, run.stdout.join('\n')).toBe(0)
    expect(JSON.parse(run.stdout.at(-1) ?? '')).toMatchObject({ type: 'result', state: 'finished' })
    expect(run.stdout.some((line) => line.includes('"type":"restarting"'))).toBe(true)
    expect(await numberedSummary(join(cluster.folder, 'out'), COUNT)).toEqual(WHOLE)
  })

  test('a standby takes the job over when the JobManager that leads is killed', async () => {
    const cluster = await startCluster('--jobmanagers', '2', '--taskmanagers', '2')
    const run = runNumbered(cluster)
    await run.line(isCheckpoint)
    const [leader] = await leaderOf(cluster)
    process.kill(cluster.pidOf(leader ?? ''), 'SIGKILL')
    expect(await run.exit, run.stdout.join('\n')).toBe(0)
    expect(JSON.parse(run.stdout.at(-1) ?? '')).toMatchObject({ type: 'result', state: 'finished' })
    expect(await numberedSummary(join(cluster.folder, 'out'), COUNT)).toEqual(WHOLE)
  })

  test('a second one in the same folder is refused, and stopping twice is fine', async () => {
    const { folder } = await startCluster('--taskmanagers', '1')
    const second = startCli(['cluster', 'start'], folder)
    expect(await second.exit).toBe(2)
    expect(second.stderr.join('\n')).toContain('[CLU1010] a local cluster runs already')
    const stop = startCli(['cluster', 'stop'], folder)
    expect([await stop.exit, stop.stdout[0]]).toEqual([
      0,
      expect.stringContaining('Stopped jobmanager-1, taskmanager-1'),
    ])
    expect(await startCli(['cluster', 'stop'], folder).exit).toBe(0)
  })

  test('one that cannot be started says why, with the log of the process', async () => {
    const folder = tempFolder()
    const start = startCli(['cluster', 'start', '-D', 'heartbeat.timeout=1s', '-D', 'heartbeat.interval=1s'], folder)
    expect(await start.exit).toBe(2)
    expect(start.stderr.join('\n')).toMatch(/\[CLU1010\] jobmanager-1 ended before it was ready[^]*\[CFG1003\]/)
    expect(await startCli(['cluster', 'status'], folder).exit).toBe(1)
  })
})

/** By their health. */
async function leaderOf({ urls }: LocalCluster): Promise<readonly string[]> {
  const roles = await Promise.all(
    urls.map(async (url) => (await fetch(`${url}/v1/health`)).json() as Promise<{ role: string }>),
  )
  return roles.flatMap(({ role }, index) => (role === 'leader' ? [`jobmanager-${index + 1}`] : []))
}
