import { createHash } from 'node:crypto'
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { WHOLE, numberedSummary } from './numbered-output.ts'
import { type RunJobOptions, finishJob, runJob, stopAfterCheckpoints } from './run-job.ts'
import { filesBelow, tempFolder } from './temp-folder.ts'

const JOB = new URL('./jobs/numbered.ts', import.meta.url)
const COUNT = 60_000

describe('a damaged checkpoint', () => {
  test.each([
    ['with a changed manifest', 'manifest', flipByte],
    ['with a manifest cut short', 'manifest', halve],
    ['with an empty manifest', 'manifest', empty],
    ['with a changed data file', 'data', flipByte],
    ['with a data file cut short', 'data', halve],
  ] as const)('%s is skipped in favour of the one before, and the output is the same', async (_name, what, damage) => {
    const { folder, run } = await stoppedJob()
    const { manifests, dataOf } = await stateFiles(`${folder}/state`)
    const newest = manifests.at(-1) ?? ''
    for (const path of what === 'manifest' ? [newest] : dataOf(newest).slice(0, 1)) await damage(path)
    const { eventsOf } = await finishJob(JOB, run)
    const [fellBack, ...further] = eventsOf('fell-back')
    expect([fellBack?.checkpoint, fellBack?.error.code, further]).toEqual([numberOf(newest), 'CKP1003', []])
    expect(fellBack?.error.context.path).toContain(`${folder}/state/${what === 'data' ? 'checkpoints' : 'manifests'}/`)
    expect(eventsOf('restored').map(({ checkpoint }) => checkpoint)).toEqual([numberOf(manifests.at(-2) ?? '')])
    expect(await numberedSummary(`${folder}/out`, COUNT)).toEqual(WHOLE)
  })

  test('is refused when no other is left, and nothing is changed', async () => {
    const { folder, run } = await stoppedJob()
    const { manifests } = await stateFiles(`${folder}/state`)
    expect(manifests.length).toBe(3)
    for (const manifest of manifests) await flipByte(manifest)
    const before = await contentsOf(folder)
    const { result, printed } = await runJob(JOB, run)
    expect([result.state, result.error?.code, printed]).toEqual(['failed', 'CKP1008', []])
    for (const manifest of manifests) expect(result.error?.message).toContain(JSON.stringify(manifest))
    expect(await contentsOf(folder)).toEqual(before)
  })
})

/** Stopped in the middle, with three checkpoints kept. */
async function stoppedJob(): Promise<{ readonly folder: string; readonly run: RunJobOptions }> {
  const folder = tempFolder()
  const run = {
    stateDir: `${folder}/state`,
    parallelism: 2,
    params: { count: String(COUNT), output: `${folder}/out` },
    options: { 'checkpoint.interval': '50ms' },
  } as const
  // So slow that three checkpoints complete long before the end of the input, on any disk.
  const params = { ...run.params, rate: '15000' }
  const { result } = await runJob(JOB, { ...run, params, onEvent: stopAfterCheckpoints(3) })
  expect(result.state).toBe('stopped')
  return { folder, run }
}

interface StateFiles {
  /** Oldest first. */
  readonly manifests: readonly string[]
  /** Data files of the checkpoint of a manifest. */
  readonly dataOf: (manifest: string) => readonly string[]
}

async function stateFiles(root: string): Promise<StateFiles> {
  const paths = (await filesBelow(root)).map((path) => join(root, path))
  return {
    manifests: paths.filter((path) => path.endsWith('.manifest')),
    dataOf: (manifest) => paths.filter((path) => path.includes(`/chk-${String(numberOf(manifest)).padStart(6, '0')}/`)),
  }
}

function numberOf(manifest: string): number {
  return Number(/(\d+)\.manifest$/.exec(manifest)?.[1])
}

async function flipByte(path: string): Promise<void> {
  const bytes = await readFile(path)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10
  await writeFile(path, bytes)
}

async function halve(path: string): Promise<void> {
  await truncate(path, (await stat(path)).size >> 1)
}

async function empty(path: string): Promise<void> {
  await truncate(path, 0)
}

/** Every file with a digest of its content; apart from what each start claims and seals before it reads (docs/spec/checkpoint.md, "Fencing"). */
async function contentsOf(folder: string): Promise<readonly string[]> {
  const paths = (await filesBelow(folder)).filter((path) => !/\/(epochs|blocks)\//.test(path))
  const files = await Promise.all(paths.map(async (path) => ({ path, bytes: await readFile(join(folder, path)) })))
  return files
    .filter(({ bytes }) => bytes.toString() !== 'sealed\n')
    .map(({ path, bytes }) => `${path} ${createHash('sha256').update(bytes).digest('hex')}`)
}
