import { describe, expect, test } from 'vitest'
import { checkLayers, judge } from './layers.ts'
import { type SourceFile, sourceFile } from './source-text.ts'

const SRC = 'packages/sluice/src'

/** Sources by their path below src; all but tests are used, unless `index.ts` is given and says otherwise. */
function sources(texts: Readonly<Record<string, string>>): SourceFile[] {
  const paths = Object.keys(texts)
  const used = paths.filter((path) => !path.endsWith('.test.ts'))
  const index = used.map((path) => `import './${path}'`).join('\n')
  const all = 'index.ts' in texts ? texts : { ...texts, 'index.ts': index }
  return Object.entries(all).map(([path, text]) => sourceFile(`${SRC}/${path}`, text))
}

function complaintsAbout(texts: Readonly<Record<string, string>>, users: readonly SourceFile[] = []): string[] {
  return checkLayers(sources(texts), users)
}

describe('tests of operators', () => {
  const operator = { 'operators/map.ts': 'export function mapOperator() {}' }

  test('go through the harness', () => {
    const test = (body: string) => ({ 'operators/map.test.ts': `import { mapOperator } from './map.ts'\n${body}` })
    expect(complaintsAbout({ ...operator, ...test('await testOperator<A>(mapOperator(), [])') })).toEqual([])
    expect(complaintsAbout({ ...operator, ...test('mapOperator().create() // no testOperator()') })).toEqual([
      `${SRC}/operators/map.test.ts:1 makes an operator of ./map.ts and bypasses the harness: run it with testOperator`,
    ])
  })

  test('that make none have no need of it', () => {
    const texts = {
      'operators/grid.ts': 'export const a = 1',
      'operators/grid.test.ts': `import { a } from './grid.ts'`,
    }
    expect(complaintsAbout({ ...operator, ...texts })).toEqual([])
  })
})

describe('imports', () => {
  test('an import along the table is fine', () => {
    const texts = { 'stream/a.ts': `import { b } from '../base/b.ts'\n`, 'base/b.ts': 'export const b = 1' }
    expect(complaintsAbout(texts)).toEqual([])
  })

  test('an import across the table is reported with its line', () => {
    const texts = { 'base/a.ts': `\nimport {\n  b,\n} from '../stream/b.ts'\n`, 'stream/b.ts': 'export const b = 1' }
    expect(complaintsAbout(texts)).toEqual([
      `${SRC}/base/a.ts:4 imports ${SRC}/stream/b.ts: base/ may not import stream/`,
    ])
  })

  test('a folder of which types are allowed gives types only', () => {
    const state = { 'state/b.ts': 'export interface B {}\nexport const b = 1' }
    expect(complaintsAbout({ ...state, 'checkpoint/a.ts': `import type { B } from '../state/b.ts'` })).toEqual([])
    expect(complaintsAbout({ ...state, 'checkpoint/a.ts': `export { b } from '../state/b.ts'` })).toEqual([
      `${SRC}/checkpoint/a.ts:1 imports ${SRC}/state/b.ts: checkpoint/ may not import state/ other than with \`import type\``,
    ])
  })

  test('a worker entry and a dynamic import count like imports', () => {
    const texts = {
      'task/a.ts': `new Worker(new URL('../cluster/b.ts', import.meta.url))\nawait import('../cli/c.ts')`,
      'cluster/b.ts': '',
      'cli/c.ts': '',
    }
    expect(complaintsAbout(texts)).toEqual([
      `${SRC}/task/a.ts:2 imports ${SRC}/cli/c.ts: task/ may not import cli/`,
      `${SRC}/task/a.ts:1 imports ${SRC}/cluster/b.ts: task/ may not import cluster/`,
    ])
  })

  test('imports in comments and strings are none', () => {
    const text = `// import { b } from '../stream/b.ts'\n/*\nimport '../stream/b.ts'\n*/\nconst s = "import('../cli/c.ts')"`
    expect(complaintsAbout({ 'base/a.ts': text })).toEqual([])
  })

  test('nothing imports the entries, and tests do not import tests', () => {
    const user = sourceFile('packages/sluice/test/a.test.ts', `import './b.test.ts'\nimport '../src/index.ts'`)
    expect(
      complaintsAbout({ 'base/a.ts': `import '../index.ts'`, 'index.ts': `import './base/a.ts'` }, [user]),
    ).toEqual([
      `${SRC}/base/a.ts:1 imports ${SRC}/index.ts; the subpath entries are for users only`,
      'packages/sluice/test/a.test.ts:1 imports another test, packages/sluice/test/b.test.ts',
      `${SRC}/base/a.ts:1 value imports form a cycle: ${SRC}/base/a.ts -> ${SRC}/index.ts -> ${SRC}/base/a.ts`,
    ])
  })

  test('composition roots may name the entries and the command by their address, others may not', () => {
    const text = `new URL('../index.ts', import.meta.url)\nnew URL('../../bin/a.js', import.meta.url)`
    const index = { 'index.ts': `import './cluster/a.ts'` }
    expect(complaintsAbout({ ...index, 'cluster/a.ts': text })).toEqual([])
    expect(complaintsAbout({ ...index, 'cluster/a.ts': `import '../index.ts'` })).not.toEqual([])
    expect(complaintsAbout({ 'index.ts': `import './task/a.ts'`, 'task/a.ts': text })).toEqual([
      `${SRC}/task/a.ts:1 imports ${SRC}/index.ts; the subpath entries are for users only`,
      `${SRC}/task/a.ts:2 imports packages/sluice/bin/a.js, which is outside of the sources`,
    ])
  })

  test('a package from the registry is for the folders the table names', () => {
    const text = `import { Command } from 'commander'`
    expect(complaintsAbout({ 'cli/a.ts': text })).toEqual([])
    expect(complaintsAbout({ 'task/a.ts': text })).toEqual([`${SRC}/task/a.ts:1 imports commander, which is for cli/`])
  })
})

describe('the outside world', () => {
  const text = `import { open } from 'node:fs/promises'\nconst t = Date.now()\nsetTimeout(f, 1)\nconst d = new Date()\n`

  test('is reported below the composition roots', () => {
    expect(complaintsAbout({ 'task/a.ts': text }).map((line) => line.replace(/;.*/, ''))).toEqual([
      `${SRC}/task/a.ts:1 imports node:fs/promises`,
      `${SRC}/task/a.ts:2 uses Date.now`,
      `${SRC}/task/a.ts:3 uses setTimeout`,
      `${SRC}/task/a.ts:4 uses new Date()`,
    ])
  })

  test('is open to the composition roots and to tests', () => {
    expect(complaintsAbout({ 'cluster/a.ts': text, 'testing/a.ts': text, 'task/a.test.ts': text })).toEqual([])
  })

  test('what only looks like it is fine', () => {
    const harmless = `env.timers.setTimeout(1)\nnew Date(0)\n// Date.now()\nconst s = 'process.env'\nimport { crc32 } from 'node:zlib'`
    expect(complaintsAbout({ 'base/a.ts': harmless })).toEqual([])
  })
})

describe('the graph of files', () => {
  test('a cycle of values is reported, one of types is not', () => {
    const b = `import { c } from './c.ts'`
    expect(complaintsAbout({ 'base/b.ts': b, 'base/c.ts': `import { b } from './b.ts'` })).toEqual([
      `${SRC}/base/b.ts:1 value imports form a cycle: ${SRC}/base/b.ts -> ${SRC}/base/c.ts -> ${SRC}/base/b.ts`,
    ])
    expect(complaintsAbout({ 'base/b.ts': b, 'base/c.ts': `import type { b } from './b.ts'` })).toEqual([])
  })

  test('a file that no entry, test or program leads to is unused', () => {
    const texts = { 'index.ts': `export * from './base/a.ts'`, 'base/a.ts': '', 'base/b.ts': '', 'base/c.ts': '' }
    const user = sourceFile('packages/sluice/bin/sluice.js', `await import('../src/base/c.ts')`)
    expect(complaintsAbout(texts, [user])).toEqual([`${SRC}/base/b.ts:1 is used by no entry and no test`])
  })
})

describe('exceptions', () => {
  const finding = { where: 'a.ts:1', message: 'imports b.ts', key: 'a.ts -> b.ts' }

  test('an exception silences its finding', () => {
    expect(judge([finding], ['a.ts -> b.ts'])).toEqual([])
  })

  test('an exception that nobody needs has to go', () => {
    expect(judge([], ['a.ts -> b.ts'])).toEqual(['exception "a.ts -> b.ts" is not needed any more: remove it'])
  })
})
