import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startCli } from '../../test/run-cli.ts'
import { tempFolder } from '../../test/temp-folder.ts'
import { bundleJob } from './bundle.ts'

const BYTES_MAX = 1024 * 1024

const JOB = `import { collectionSource, defineJob } from 'sluice'
import { twice } from './lib/twice.ts'

interface Value { readonly value: number }
const values: readonly Value[] = [{ value: 1 }]
export default defineJob('doubling', (env) => {
  if (values.length === 0) throw new TypeError('line seven')
  env.fromSource(collectionSource(values)).map(({ value }) => twice(value)).print()
})
`

describe('a bundle', () => {
  test('holds the module and what it imports, and runs without them', async () => {
    const folder = files({
      'job.ts': JOB,
      'lib/twice.ts': 'export const twice = (value: number): number => value * 2\n',
    })
    const { stdout, exit } = startCli(['run', store(await bundle(folder))], tempFolder())
    expect(await exit).toBe(0)
    expect(stdout).toEqual(['2'])
  })

  test('does not hold the engine: the job is built of the modules of the process that loads it', async () => {
    const folder = files({ 'job.ts': JOB, 'lib/twice.ts': 'export const twice = Number\n' })
    const { bytes } = await bundleJob({ job: join(folder, 'job.ts'), bytesMax: BYTES_MAX })
    const [code = ''] = Buffer.from(bytes).toString().split('//# sourceMappingURL')
    expect(code).toContain('from "sluice-engine:"')
    expect(code).not.toContain('class StreamExecutionEnvironment')
  })

  test('the same files give the same bytes', async () => {
    const folder = files({ 'job.ts': JOB, 'lib/twice.ts': 'export const twice = Number\n' })
    expect(await bundle(folder)).toEqual(await bundle(folder))
  })

  test('a stack trace shows the file and the line of the user', async () => {
    const throwing = JOB.replace('values.length === 0', 'values.length === 1')
    const folder = files({ 'job.ts': throwing, 'lib/twice.ts': 'export const twice = Number\n' })
    const { stderr, exit } = startCli(['run', store(await bundle(folder))], tempFolder())
    expect(await exit).toBe(2)
    expect(stderr.join('\n')).toContain(`${join(folder, 'job.ts')}:7:`)
  })
})

describe('what cannot be in a bundle is refused with its place', () => {
  test.each([
    ['a module that is not there', "import x from './nope.ts'\nexport default x\n", 'JOB1001', 'job.ts:1:15'],
    ['a syntax error', 'const a = 1\nconst b: = 2\nexport default a\n', 'JOB1001', 'job.ts:2:10'],
    [
      'an entry that the engine does not have',
      "import x from 'sluice/nope'\nexport default x\n",
      'JOB1001',
      'it has sluice, sluice/files',
    ],
    ['a native addon', "import x from './x.node'\nexport default x\n", 'JOB1104', 'native code'],
    [
      'a file beside the module',
      "import { readFileSync } from 'node:fs'\n\nexport default readFileSync(new URL('./data.csv', import.meta.url))\n",
      'JOB1104',
      'job.ts:3',
    ],
    ['the folder of the module', 'export default import.meta.dirname\n', 'JOB1104', 'job.ts:1'],
  ])('%s', async (_, text, code, words) => {
    const folder = files({ 'job.ts': text, 'x.node': '' })
    await expect(bundle(folder)).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words) }),
    )
  })

  test('a package that loads a native addon', async () => {
    const folder = files({
      'job.ts': "import load from 'bindings'\nexport default load('x')\n",
      'node_modules/bindings/package.json': '{ "name": "bindings", "main": "index.js" }',
      'node_modules/bindings/index.js': 'module.exports = (name) => require(name)\n',
    })
    await expect(bundle(folder)).rejects.toThrow(
      expect.objectContaining({ code: 'JOB1104', message: expect.stringContaining('bindings/index.js') }),
    )
  })

  test('a package that reads a file beside itself is a warning: it may never come to that', async () => {
    const folder = files({
      'job.ts': "import read from 'reader'\nexport default read\n",
      'node_modules/reader/package.json': '{ "name": "reader", "type": "module", "exports": "./index.js" }',
      'node_modules/reader/index.js': "export default () => new URL('./table.bin', import.meta.url)\n",
    })
    const { warnings } = await bundleJob({ job: join(folder, 'job.ts'), bytesMax: BYTES_MAX })
    expect(warnings).toEqual([expect.stringContaining('reader/index.js:1')])
  })

  test('more bytes than are allowed', async () => {
    const folder = files({ 'job.ts': JOB, 'lib/twice.ts': 'export const twice = Number\n' })
    await expect(bundleJob({ job: join(folder, 'job.ts'), bytesMax: 100 })).rejects.toThrow(
      expect.objectContaining({ code: 'JOB1104', message: expect.stringContaining('artifact.bytesMax allows (100)') }),
    )
  })
})

/** Folder with these files. */
function files(texts: Readonly<Record<string, string>>): string {
  const folder = tempFolder()
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

async function bundle(folder: string): Promise<Uint8Array> {
  return (await bundleJob({ job: join(folder, 'job.ts'), bytesMax: BYTES_MAX })).bytes
}

/** Path of a bundle kept under its hash, as processes keep them. */
function store(bytes: Uint8Array): string {
  const path = join(tempFolder(), `${createHash('sha256').update(bytes).digest('hex')}.mjs`)
  writeFileSync(path, bytes)
  return path
}
