import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { ROOT } from './import-graph.ts'

/**
 * `npm run check [-- PART...] [--json]`: everything that can be said about the repository without running it. The parts run
 * in parallel; one that fails prints what it has to say.
 */

const PARTS = {
  types: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--pretty', 'false'],
  lint: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'],
  format: ['node_modules/oxfmt/bin/oxfmt', '--check'],
  layers: ['scripts/layers.ts'],
  ratchets: ['scripts/ratchets.ts'],
  unused: ['node_modules/knip/bin/knip.js', '--no-progress'],
  docs: ['scripts/docs.ts'],
  docstrings: ['scripts/docstrings.ts'],
  examples: ['scripts/doc-examples.ts'],
} as const

type PartName = keyof typeof PARTS

interface Outcome {
  readonly part: PartName
  readonly ok: boolean
  readonly durationMs: number
  readonly output: string
}

const PART_DURATION_MS_MAX = 110_000

function runPart(part: PartName): Promise<Outcome> {
  const startMs = performance.now()
  const child = spawn(process.execPath, PARTS[part], { cwd: ROOT, timeout: PART_DURATION_MS_MAX })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => {
    const finish = (ok: boolean, ending: string): void => {
      const output = `${Buffer.concat(chunks).toString('utf8')}${ending}`
      resolve({ part, ok, durationMs: Math.round(performance.now() - startMs), output })
    }
    child.on('error', (error) => finish(false, `could not be started: ${error.message}\n`))
    child.on('close', (code, signal) => finish(code === 0, signal === null ? '' : `ended by ${signal}\n`))
  })
}

function isPart(name: string): name is PartName {
  return Object.hasOwn(PARTS, name)
}

function chooseParts(names: readonly string[]): PartName[] {
  const unknown = names.filter((name) => !isPart(name))
  if (unknown.length === 0) return names.length > 0 ? names.filter(isPart) : Object.keys(PARTS).filter(isPart)
  process.stderr.write(`unknown part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}\n`)
  process.exit(2)
}

function printTable(outcomes: readonly Outcome[]): void {
  for (const { part, output } of outcomes.filter(({ ok }) => !ok)) console.log(`--- ${part}\n${output.trimEnd()}\n`)
  for (const { part, ok, durationMs } of outcomes) {
    console.log(`${ok ? 'ok    ' : 'FAILED'}  ${part.padEnd(10)}${(durationMs / 1000).toFixed(1).padStart(6)} s`)
  }
  const failedCount = outcomes.filter(({ ok }) => !ok).length
  console.log(`\n${outcomes.length - failedCount} of ${outcomes.length} parts ok`)
}

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true })
const outcomes = await Promise.all(chooseParts(positionals).map(runPart))
if (values.json === true) console.log(JSON.stringify({ ok: outcomes.every(({ ok }) => ok), parts: outcomes }))
else printTable(outcomes)
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1
