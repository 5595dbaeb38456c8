/**
 * The crash demo: three million flights in a child process, `kill -9` at three random moments, resumed each time; then what it committed
 * is compared line by line with a batch computation of the same data.
 *
 *   npm run demo:crash [-- --seed N] [-- --parallelism N] [-- --rate N]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { batchFlightDelays } from '../examples/flight-delays/batch.ts'

const KILLS = 3
/** Behind the first checkpoint of a run. */
const KILL_WITHIN_MS = 1500
const INPUT = 'node_modules/vega-datasets/data/flights-3m.parquet'

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    parallelism: { type: 'string', default: '2' },
    rate: { type: 'string', default: '400000' },
  },
})

interface RunOutcome {
  readonly wasKilled: boolean
  readonly exitCode: number | null
  readonly resumedFrom: number | undefined
  readonly checkpoints: number
  readonly recordsRead: number
}

/** The messages of `sluice run --json` that matter here. */
interface JobLine {
  readonly type?: string
  readonly checkpoint?: number
  readonly recordsIn?: number
}

async function runJob(folder: string, killAfterMs: number | undefined): Promise<RunOutcome> {
  const child = spawn(
    process.execPath,
    [
      'packages/sluice/bin/sluice.js',
      'run',
      'examples/flight-delays.ts',
      '--json',
      '--parallelism',
      flags.parallelism,
      '--state-dir',
      join(folder, 'state'),
      '--param',
      `input=${INPUT}`,
      '--param',
      `output=${join(folder, 'output')}`,
      '--param',
      `rate=${flags.rate}`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let timer: NodeJS.Timeout | undefined
  let [resumedFrom, checkpoints, recordsRead]: [number | undefined, number, number] = [undefined, 0, 0]
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as JobLine
    if (line.type === 'restored') resumedFrom = line.checkpoint
    if (line.type === 'checkpoint-completed') checkpoints += 1
    if (line.type === 'progress' || line.type === 'result') recordsRead = line.recordsIn ?? recordsRead
    // The clock of the kill starts with the first checkpoint, so that every kill hits work and none only the start.
    if (checkpoints > 0 && killAfterMs !== undefined) timer ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  })
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  clearTimeout(timer)
  return { wasKilled: signal === 'SIGKILL', exitCode, resumedFrom, checkpoints, recordsRead }
}

/** What is visible, and hidden files that nothing will make visible any more. */
async function committedLines(output: string): Promise<{ lines: string[]; leftovers: string[] }> {
  const lines: string[] = []
  const leftovers: string[] = []
  for (const entry of await readdir(output, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const isHidden = path.includes('.in-progress')
    if (isHidden && entry.name !== 'run') leftovers.push(path)
    if (isHidden) continue
    for (const line of (await readFile(path, 'utf8')).split('\n').slice(0, -1)) lines.push(line)
  }
  return { lines: lines.sort(), leftovers }
}

/** A number in [0, 1) for each kill, the same for the same seed. */
function randomOf(seed: number, index: number): number {
  let mixed = (seed * 0x9e3779b1 + index * 0x85ebca6b) | 0
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
}

function firstDifference(expected: readonly string[], actual: readonly string[]): string | undefined {
  const length = Math.max(expected.length, actual.length)
  for (let index = 0; index < length; index++) {
    if (expected[index] === actual[index]) continue
    return `line ${index + 1}\n  expected ${expected[index] ?? 'nothing'}\n  got      ${actual[index] ?? 'nothing'}`
  }
  return undefined
}

function describe(run: RunOutcome): string {
  const start =
    run.resumedFrom === undefined ? 'started from the beginning' : `resumed from checkpoint ${run.resumedFrom}`
  const end = run.wasKilled ? 'KILLED (SIGKILL)' : `ended with exit code ${run.exitCode}`
  return `${start}, ${run.checkpoints} checkpoints, ${run.recordsRead.toLocaleString('en')} records read since, ${end}`
}

const folder = await mkdtemp(join(tmpdir(), 'sluice-crash-demo-'))
console.log(
  `flights job: 3,000,000 records at ${Number(flags.rate).toLocaleString('en')}/s, parallelism ${flags.parallelism}, seed ${flags.seed}`,
)
const runs: RunOutcome[] = []
for (let attempt = 0; attempt <= KILLS; attempt++) {
  const isLast = attempt === KILLS
  const killAfterMs = isLast ? undefined : Math.floor(randomOf(Number(flags.seed), attempt) * KILL_WITHIN_MS)
  const run = await runJob(folder, killAfterMs)
  runs.push(run)
  console.log(`run ${attempt + 1}: ${describe(run)}`)
  if (!run.wasKilled) break
}
const { lines, leftovers } = await committedLines(join(folder, 'output'))
console.log('computing the same by a plain loop over the file …')
const expected = await batchFlightDelays(INPUT)
const difference = firstDifference(expected, lines)
const kills = runs.filter((run) => run.wasKilled).length
const resumes = runs.filter((run) => run.resumedFrom !== undefined).length
const isGood =
  difference === undefined &&
  leftovers.length === 0 &&
  kills === KILLS &&
  resumes === KILLS &&
  runs.at(-1)?.exitCode === 0
console.log(
  `kills ${kills}, resumed from a checkpoint ${resumes} times, committed lines ${lines.length.toLocaleString('en')}, expected ${expected.length.toLocaleString('en')}`,
)
if (difference !== undefined) console.log(`first difference: ${difference}`)
if (leftovers.length > 0) console.log(`left over: ${leftovers.join(', ')}`)
console.log(isGood ? 'IDENTICAL: nothing lost, nothing twice' : 'NOT AS PROMISED')
if (isGood) await rm(folder, { recursive: true, force: true })
else console.log(`kept for you to look at: ${folder}`)
process.exitCode = isGood ? 0 : 1
