import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { WHOLE, numberedSummary } from './numbered-output.ts'
import { tempFolder } from './temp-folder.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const COUNT = 120_000
/** Of the runs that are killed: so slow that checkpoints complete long before the end of the input, on any disk. */
const RATE = 20_000

/** The messages of `sluice run --json` that matter here. */
interface JobLine {
  readonly type: string
  readonly checkpoint?: number
  readonly state?: string
}

interface ProcessRun {
  readonly signal: string | null
  readonly exitCode: number | null
  readonly lines: readonly JobLine[]
  /** Checkpoint it resumed from. */
  readonly resumedFrom: number | undefined
}

test.each([1, 2])(
  'a process that is killed with SIGKILL twice in the middle goes on from its checkpoints and commits the same output (parallelism %i)',
  async (parallelism) => {
    const folder = tempFolder()
    const runs = [
      await runKilled(folder, parallelism, 3),
      await runKilled(folder, parallelism, 2),
      await runKilled(folder, parallelism, undefined),
    ]
    const [first, second, last] = runs
    expect(runs.map(({ signal }) => signal)).toEqual(['SIGKILL', 'SIGKILL', null])
    expect(first?.resumedFrom).toBeUndefined()
    expect(second?.resumedFrom).toBeGreaterThanOrEqual(newestOf(first))
    expect(last?.resumedFrom).toBeGreaterThanOrEqual(newestOf(second))
    expect(last?.exitCode).toBe(0)
    expect(last?.lines.at(-1)).toMatchObject({ type: 'result', state: 'finished' })
    expect(await numberedSummary(`${folder}/out`, COUNT)).toEqual(WHOLE)
  },
)

/** Newest checkpoint that a run told of. */
function newestOf(run: ProcessRun | undefined): number {
  return Math.max(
    0,
    ...(run?.lines ?? []).map(({ type, checkpoint }) => (type === 'checkpoint-completed' ? (checkpoint ?? 0) : 0)),
  )
}

/** @param killAt number of the completed checkpoint in this run at which it is killed */
async function runKilled(folder: string, parallelism: number, killAt: number | undefined): Promise<ProcessRun> {
  const child = startProcess(folder, parallelism, killAt === undefined ? {} : { rate: String(RATE) })
  const lines: JobLine[] = []
  let completed = 0
  if (child.stdout === null) throw new TypeError('the process has no stdout')
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as JobLine // as docs/guide/cli.md describes it
    lines.push(line)
    if (line.type === 'checkpoint-completed' && ++completed === killAt) child.kill('SIGKILL')
  })
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, string | null] // as node:child_process says
  return { exitCode, signal, lines, resumedFrom: lines.find(({ type }) => type === 'restored')?.checkpoint }
}

function startProcess(folder: string, parallelism: number, pace: { readonly rate?: string }): ChildProcess {
  const params = { output: join(folder, 'out'), count: String(COUNT), ...pace }
  const words = [
    'run',
    join(PACKAGE, 'test/jobs/numbered.ts'),
    '--json',
    '--parallelism',
    String(parallelism),
    '--state-dir',
    join(folder, 'state'),
  ]
  for (const [name, value] of Object.entries(params)) words.push('--param', `${name}=${value}`)
  return spawn(process.execPath, [join(PACKAGE, 'bin/sluice.js'), ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
}
