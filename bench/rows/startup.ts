/** From the start of the process `sluice run` to its first line of output. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { BenchRow, Figure, Scale } from '../row.ts'
import { spreadOf } from '../statistics.ts'
import { withTempFolder } from '../temp-folder.ts'
import { preciseWallMs } from '../workload/stopwatch.ts'

const ROW = 'startup'
const RUNS: Readonly<Record<'warm' | 'cold', Readonly<Record<Scale, number>>>> = {
  warm: { full: 15, quick: 3 },
  cold: { full: 5, quick: 1 },
}
const GOAL = { kind: 'at-most', limit: 300 } as const
const CLI = fileURLToPath(new URL('../../packages/sluice/bin/sluice.js', import.meta.url))
const JOB = fileURLToPath(new URL('../jobs/three-elements.job.ts', import.meta.url))
const EMPTY = fileURLToPath(new URL('../workload/empty.js', import.meta.url))

interface Launch {
  readonly firstOutputMs: number
  /** By name, milliseconds since the start. */
  readonly marks: ReadonlyMap<string, number>
}

export const startupRow: BenchRow = {
  name: ROW,
  run: (scale) =>
    withTempFolder(async (folder) => {
      const warmCache = join(folder, 'cache')
      await launchJob(folder, warmCache)
      const warm: Launch[] = []
      const bare: Launch[] = []
      while (warm.length < RUNS.warm[scale]) {
        bare.push(await launch([EMPTY], folder, warmCache))
        warm.push(await launchJob(folder, warmCache))
      }
      const cold: Launch[] = []
      while (cold.length < RUNS.cold[scale]) cold.push(await launchJob(folder, join(folder, `cold-${cold.length}`)))
      return [figureOf('first output, warm cache', warm, bare), figureOf('first output, cold cache', cold, bare)]
    }),
}

function figureOf(what: string, launches: readonly Launch[], bare: readonly Launch[]): Figure {
  return {
    row: ROW,
    what,
    unit: 'ms',
    value: spreadOf(launches.map(({ firstOutputMs }) => firstOutputMs)),
    reference: spreadOf(bare.map(({ firstOutputMs }) => firstOutputMs)),
    ...(what.includes('warm') ? { goal: GOAL } : {}),
    note: `reference: node with a script of one line; medians since the start: ${breakdownOf(launches)}`,
  }
}

function breakdownOf(launches: readonly Launch[]): string {
  const names = [...(launches[0]?.marks.keys() ?? [])]
  const medians = names.map(
    (name) => [name, spreadOf(launches.map(({ marks }) => marks.get(name) ?? Number.NaN)).median] as const,
  )
  return medians
    .toSorted(([, a], [, b]) => a - b)
    .map(([name, ms]) => `${name} ${ms.toFixed(0)}`)
    .join(', ')
}

function launchJob(folder: string, cache: string): Promise<Launch> {
  return launch([CLI, 'run', JOB], folder, cache)
}

async function launch(args: readonly string[], cwd: string, cache: string): Promise<Launch> {
  const startMs = preciseWallMs()
  const child = spawn(process.execPath, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  })
  const firstOutput = new Promise<number>((resolve) =>
    child.stdout.once('data', () => resolve(preciseWallMs() - startMs)),
  )
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  const stderr = await text(child.stderr)
  const code = await ended
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return { firstOutputMs: await firstOutput, marks: marksOf(stderr, startMs) }
}

function marksOf(stderr: string, startMs: number): ReadonlyMap<string, number> {
  const marks = [...stderr.matchAll(/^mark (\S+) (\S+)$/gm)]
  return new Map(marks.map(([, name = '', wallMs]) => [name, Number(wallMs) - startMs]))
}
