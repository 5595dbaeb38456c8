/** The short form of `npm run chaos`, and tests of its parts: a checker that finds nothing because it looks at nothing proves nothing. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { whyLeftOut } from './chaos-faults.ts'
import { createHosts } from './chaos-hosts.ts'
import { checkCounted, checkLines, isWhole, SPLITS, valueOf } from './chaos-output.ts'
import { isGood, percentile, reportText } from './chaos-report.ts'
import { runChaos } from './chaos-run.ts'

const KEYS = 24
const SEED = 20_240_607

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-chaos-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What the job commits for the first `count` records. */
function countedLines(count: number): string[] {
  const totals = Array.from({ length: KEYS }, () => ({ n: 0, sum: 0 }))
  return Array.from({ length: count }, (_, index) => {
    const total = totals[index % KEYS] ?? { n: 0, sum: 0 }
    total.n += 1
    total.sum += valueOf(index)
    return JSON.stringify({ index, ...total })
  })
}

/** Until record 239, so that each sequence ends with one of the last twelve. */
const ENDS = Array.from({ length: SPLITS }, (_, split) => 228 + split)

async function check(lines: readonly string[]): Promise<Awaited<ReturnType<typeof checkCounted>>> {
  const folder = tempFolder()
  writeFileSync(join(folder, 'part-1.jsonl'), lines.map((line) => `${line}\n`).join(''))
  return checkCounted(folder, KEYS, ENDS)
}

describe('the comparison with the batch computation', () => {
  test('finds nothing in output that is whole', async () => {
    expect(isWhole(await check(countedLines(240)))).toBe(true)
  })

  test('finds a record that is lost in the middle, and one that is lost at the end', async () => {
    const lines = countedLines(240)
    expect(await check(lines.toSpliced(100, 1))).toMatchObject({ lost: 1, duplicated: 0, wrong: 0 })
    expect(await check(lines.slice(0, -1))).toMatchObject({ lost: 1, duplicated: 0, wrong: 0 })
  })

  test('finds a record twice, and one with lost state behind it', async () => {
    const lines = countedLines(240)
    expect(await check([...lines, lines[7] ?? ''])).toMatchObject({ lost: 0, duplicated: 1, wrong: 0 })
    expect(await check(lines.with(200, '{"index":200,"n":1,"sum":1}'))).toMatchObject({ lost: 0, wrong: 1 })
  })

  test('finds lost, repeated and unknown lines, and files that nobody will commit', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, '.in-progress'))
    writeFileSync(join(folder, '.in-progress', 'part'), 'c\n')
    writeFileSync(join(folder, 'part'), 'a\na\nx\n')
    const outcome = await checkLines(folder, ['a', 'b'])
    expect(outcome).toMatchObject({ lineCount: 3, lost: 1, duplicated: 1, wrong: 1 })
    expect(outcome.leftovers).toHaveLength(1)
  })
})

test('a percentile is one of the values', () => {
  const values = Array.from({ length: 30 }, (_, index) => index + 1)
  expect([0, 0.5, 0.95, 1].map((share) => percentile(values, share))).toEqual([1, 15, 29, 30])
})

test('without namespaces partitions are left out, with the reason', () => {
  const hosts = createHosts('off')
  expect(whyLeftOut('partition-taskmanager', hosts)).toBe('--netns off')
  expect(whyLeftOut('taskmanager-kill', hosts)).toBeUndefined()
})

describe('real processes', () => {
  test('commit each record once, whatever is killed, hangs or has no room', { timeout: 110_000 }, async () => {
    const notes: string[] = []
    const { report } = await runChaos({
      seed: SEED,
      faults: {
        'taskmanager-kill': 1,
        'taskmanager-hang': 1,
        'leader-kill': 1,
        'disk-full': process.platform === 'linux' ? 1 : 0,
      },
      minutesMax: Infinity,
      netns: 'off',
      settings: QUICK,
      beyondLeasesMs: 3500,
      keyed: { rate: 2000, keys: 2400, valueSize: 100, interval: '300ms' },
      flightsRate: undefined,
      jitterMs: 500,
      folder: 'remove',
      note: (text) => void notes.push(text),
    })
    const said = `${notes.join('\n')}\n${reportText(report)}`
    expect(isGood(report), said).toBe(true)
    expect(report.leftOut, said).toEqual([])
    expect(report.faults, said).toHaveLength(process.platform === 'linux' ? 4 : 3)
  })

  test('and their folder are gone when the run is killed', async () => {
    const child = spawn(
      process.execPath,
      ['scripts/chaos.ts', '--kinds', 'taskmanager-kill', '--netns', 'off', '--flights-rate', '0'],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    const folder = await new Promise<string>((resolve) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        const [, path] = /folder (\S+)/.exec(line) ?? []
        if (path !== undefined) resolve(path)
      })
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    await expect.poll(() => existsSync(folder), { timeout: 20_000 }).toBe(false)
  })
})

/** Faults are found sooner than by default, so that the test is. */
const QUICK = {
  'heartbeat.interval': '200ms',
  'heartbeat.timeout': '1500ms',
  'leader.renewInterval': '200ms',
  'leader.lease': '1200ms',
  'leader.timeout': '2s',
  'scheduler.restartSlotWait': '300ms',
  'scheduler.settle': '300ms',
}
