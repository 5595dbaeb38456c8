import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { namedPipe } from '../../test/named-pipe.ts'
import { fixture, jsonLines, runCli, startCli } from '../../test/run-cli.ts'
import { committedOutput, tempFolder } from '../../test/temp-folder.ts'

const ECHO = fixture('echo.ts')
const SUMS = fixture('sums.ts')

interface Refusal {
  readonly what: string
  readonly words: readonly string[]
  readonly code: string
  readonly says: RegExp
}

/** Modules that are written into the test's folder. */
const MODULES: Readonly<Record<string, string>> = {
  'syntax.ts': 'export const a = 1\nexport const b: = 2\n',
  'imports.ts': "import './not-there.ts'\n",
  'throws.ts': "throw new TypeError('not in this world')\n",
  'nothing.ts': 'export const job = 1\n',
}

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a job module that is not there',
    words: ['run', 'none.ts'],
    code: 'JOB1001',
    says: /there is no file none\.ts/,
  },
  { what: 'a syntax error', words: ['run', 'syntax.ts'], code: 'JOB1001', says: /syntax\.ts:2/ },
  { what: 'an import that is not there', words: ['run', 'imports.ts'], code: 'JOB1001', says: /not-there\.ts/ },
  {
    what: 'a module that throws',
    words: ['run', 'throws.ts'],
    code: 'JOB1001',
    says: /not in this world\n.*throws\.ts:1/,
  },
  {
    what: 'a module without a job',
    words: ['run', 'nothing.ts'],
    code: 'JOB1002',
    says: /nothing\.ts has no default export/,
  },
  {
    what: 'an unknown flag',
    words: ['run', ECHO, '--checkpoint.intervall', '1s'],
    code: 'CLI1001',
    says: /Did you mean --checkpoint\.interval\?/,
  },
  { what: 'no command', words: [], code: 'CLI1001', says: /no command/ },
  { what: 'an unknown command', words: ['start'], code: 'CLI1001', says: /unknown command 'start'/ },
  {
    what: 'a parameter without a value',
    words: ['run', ECHO, '--param', 'count'],
    code: 'CLI1001',
    says: /--param name=value/,
  },
  {
    what: 'a wrong option value',
    words: ['run', ECHO, '--parallelism', 'two'],
    code: 'CFG1002',
    says: /"parallelism" \(command line\) is "two"/,
  },
  {
    what: 'an unknown parameter',
    words: ['run', ECHO, '--param', 'size=1'],
    code: 'CFG1004',
    says: /Its parameters are count/,
  },
  {
    what: 'a wrong parameter value',
    words: ['run', ECHO, '--param', 'count=x'],
    code: 'CFG1005',
    says: /"count" is "x"/,
  },
  { what: 'a missing parameter', words: ['run', SUMS], code: 'CFG1004', says: /--param input=…/ },
  { what: 'state without uid', words: ['run', fixture('missing-uid.ts')], code: 'GRA1001', says: /uid/ },
  {
    what: 'a missing input',
    words: ['run', SUMS, '--param', 'input=gone.txt', '--param', 'output=out'],
    code: 'SRC1001',
    says: /gone\.txt/,
  },
]

describe('sluice run refuses, with exit code 2 and the page to read,', () => {
  test.for(REFUSALS)('$what ($code)', async ({ words, code, says }) => {
    const folder = tempFolder()
    for (const [name, text] of Object.entries(MODULES)) writeFileSync(`${folder}/${name}`, text)
    const run = await runCli(words, folder)
    expect(run.stderr).toContain(`[${code}]`)
    expect(run.stderr).toMatch(says)
    expect(run.stderr).toContain(`See docs/errors/${code}.md`)
    expect(run.stderr).not.toMatch(/packages\/sluice\/(src|bin)\//)
    expect(run.code).toBe(2)
    expect(run.stdout).toEqual([])
  })
})

const RECORDS = 300

/** A folder with an input file, and the words that run the sums job in it. */
function sums(): { readonly folder: string; readonly words: (...more: string[]) => readonly string[] } {
  const folder = tempFolder()
  writeFileSync(`${folder}/in.txt`, Array.from({ length: RECORDS }, (_, index) => `${index}\n`).join(''))
  const words = (...more: string[]): readonly string[] => [
    'run',
    SUMS,
    '--param',
    'input=in.txt',
    '--param',
    'output=out',
    ...more,
  ]
  return { folder, words }
}

/** What the sums job writes for the whole input. */
function expectedSums(): readonly string[] {
  const sumOf = new Map<string, number>()
  const lines = Array.from({ length: RECORDS }, (_, index) => {
    const digit = String(index).slice(-1)
    sumOf.set(digit, (sumOf.get(digit) ?? 0) + index)
    return JSON.stringify({ digit, sum: sumOf.get(digit) })
  })
  return lines.sort()
}

describe('sluice run', () => {
  test('gives printed lines on stdout and everything else on stderr', async () => {
    const run = await runCli(['run', ECHO], tempFolder())
    expect(run.stdout).toEqual(['0', '2', '4'])
    expect(run.stderr).toMatch(/records in +3/)
    expect(run.stderr).toMatch(/records out +3/)
    expect(run.code).toBe(0)
  })

  test('takes options from the environment, and the command line wins', async () => {
    const variables = { SLUICE__PARALLELISM: '3' }
    const byVariable = await runCli(['run', ECHO, '--json'], tempFolder(), variables)
    expect(jsonLines(byVariable.stdout, 'planned')[0]).toMatchObject({ job: 'echo', parallelism: 3 })
    const byFlag = await runCli(['run', ECHO, '--json', '--parallelism', '2'], tempFolder(), variables)
    expect(jsonLines(byFlag.stdout, 'planned')[0]).toMatchObject({ parallelism: 2 })
  })

  test('with --json writes one JSON object per line, printed lines too', async () => {
    const run = await runCli(['run', ECHO, '--json'], tempFolder())
    expect(jsonLines(run.stdout, 'print').map(({ line }) => line)).toEqual(['0', '2', '4'])
    expect(jsonLines(run.stdout, 'result')[0]).toMatchObject({ state: 'finished', recordsIn: 3, recordsOut: 3 })
    expect(run.stderr).toBe('')
    const refused = await runCli(['run', ECHO, '--json', '--param', 'count=x'], tempFolder())
    expect(jsonLines(refused.stdout, 'error')[0]).toMatchObject({ code: 'CFG1005', page: 'docs/errors/CFG1005.md' })
    expect(refused.code).toBe(2)
  })

  test('ends quietly when the reader of its output goes away', async () => {
    const run = startCli(['run', ECHO, '--param', 'count=500000'], tempFolder())
    await run.line((line) => line === '0')
    run.closeOutput()
    expect(await run.exit).toBe(141)
  })

  test('stops with a last checkpoint at SIGINT and resumes from it, exactly', async () => {
    const { folder, words } = sums()
    const first = startCli(words('--json'), folder)
    await first.line((line) => line.includes('"checkpoint-completed"'))
    first.signal('SIGINT')
    expect(await first.exit).toBe(0)
    expect(jsonLines(first.stdout, 'result')[0]).toMatchObject({ state: 'stopped' })
    const newest = jsonLines(first.stdout, 'checkpoint-completed').at(-1)?.['checkpoint']
    const second = await runCli(words('--param', 'rate=100000'), folder)
    expect(second.stderr).toMatch(new RegExp(`resumed from checkpoint ${String(newest)} \\(taken .* before\\)`))
    expect(second.code).toBe(0)
    expect(await committedOutput(`${folder}/out`)).toEqual({ lines: expectedSums(), leftovers: [] })
  })

  test('cancels at the second signal with exit code 130', async () => {
    const { folder, words } = sums()
    const run = startCli(words('--json', '--param', 'rate=10', '--checkpoint.interval', '1h'), folder)
    await run.line((line) => line.includes('"state":"running"'))
    run.signal('SIGTERM')
    run.signal('SIGINT')
    const code = await run.exit
    // A stop that was quicker than the second signal is a stop.
    const result = jsonLines(run.stdout, 'result')[0]
    expect([result?.['state'], code]).toEqual(code === 0 ? ['stopped', 0] : ['canceled', 130])
  })

  test('says that a job has finished already and does not run it again, unless told to start fresh', async () => {
    const { folder, words } = sums()
    expect((await runCli(words('--param', 'rate=100000'), folder)).code).toBe(0)
    const again = await runCli(words(), folder)
    expect(again.stderr).toMatch(/job "sums" has finished already.*Nothing was run/)
    expect(again.code).toBe(0)
    expect((await committedOutput(`${folder}/out`)).lines).toEqual(expectedSums())
    const fresh = await runCli(words('--fresh', '--param', 'output=out2', '--param', 'rate=100000'), folder)
    expect(fresh.stderr).toContain('started from the beginning')
    expect((await committedOutput(`${folder}/out2`)).lines).toEqual(expectedSums())
  })

  test.skipIf(process.platform === 'win32')('ends though a slot thread does not, and resumes', async () => {
    const folder = tempFolder()
    namedPipe(`${folder}/marker.pipe`)
    // so slow that checkpoints complete before the fault, on any disk
    const params = { output: 'out', marker: `${folder}/marker`, fault: 'block', at: '600', rate: '300' }
    const words = ['run', fixture('misbehave.ts'), '--slot.watchdog.timeout', '1s', '--parallelism', '2']
    for (const [name, value] of Object.entries(params)) words.push('--param', `${name}=${value}`)
    const first = await runCli(words, folder, { CI: 'true' })
    expect(first.stderr).toMatch(/\[JOB1003\].*\[TSK1006\].*run the job again to resume/)
    expect(first.stderr).toMatch(/slot thread \d could not be ended.*this process ends/)
    expect(first.code).toBe(1)
    const second = await runCli(words, folder, { CI: 'true' })
    expect(second.stderr).toContain('resumed from checkpoint')
    expect(second.code).toBe(0)
    const numbers = Array.from({ length: 1000 }, (_, index) => String(index)).sort()
    expect((await committedOutput(`${folder}/out`)).lines).toEqual(numbers)
  })

  test('refuses the state directory of another job, of a changed graph, and one in use', async () => {
    const { folder, words } = sums()
    // so slow that it still runs when the second one has started
    const first = startCli(words('--json', '--state-dir', 'state', '--param', 'rate=20'), folder)
    await first.line((line) => line.includes('"checkpoint-completed"'))
    const busy = await runCli(words('--state-dir', 'state'), folder)
    expect(busy.stderr).toMatch(/\[JOB1004\].*in use by process \d+/)
    first.signal('SIGINT')
    expect(await first.exit).toBe(0)
    const other = await runCli(['run', ECHO, '--state-dir', 'state', '--checkpoint.interval', '1s'], folder)
    expect(other.stderr).toMatch(/\[JOB1005\].*belongs to job "sums"/)
    const changed = await runCli(words('--state-dir', 'state', '--param', 'uid=totals'), folder)
    expect(changed.stderr).toMatch(/\[JOB1006\]/)
    expect([busy.code, other.code, changed.code]).toEqual([2, 2, 2])
  })

  test('goes on after a killed process that left its claim behind', async () => {
    const { folder, words } = sums()
    const first = startCli(words('--json'), folder)
    await first.line((line) => line.includes('"checkpoint-completed"'))
    first.signal('SIGKILL')
    await first.exit
    const second = await runCli(words('--param', 'rate=100000'), folder)
    expect(second.stderr).toContain('resumed from checkpoint')
    expect(await committedOutput(`${folder}/out`)).toEqual({ lines: expectedSums(), leftovers: [] })
  })
})

describe('sluice', () => {
  test('lists every option, as text and as JSON', async () => {
    const folder = tempFolder()
    const text = await runCli(['options'], folder)
    expect(text.stdout.some((line) => line.startsWith('checkpoint.interval '))).toBe(true)
    const rows: unknown = JSON.parse((await runCli(['options', '--json'], folder)).stdout.join('\n'))
    expect(rows).toContainEqual(expect.objectContaining({ key: 'parallelism', environment: 'SLUICE__PARALLELISM' }))
  })

  test('prints help and version on stdout', async () => {
    const folder = tempFolder()
    const help = await runCli(['run', '--help'], folder)
    expect(help.stdout.join('\n')).toContain('--state-dir')
    expect((await runCli(['--version'], folder)).stdout[0]).toMatch(/^\d+\.\d+\.\d+$/)
    expect(help.code).toBe(0)
  })
})
