import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { defineJob, execute, functionSink, type JobDefinition, type StreamExecutionEnvironment } from 'sluice'
import { resolveOptions } from '../packages/sluice/src/config/resolve-options.ts'
import { optionLayerOf } from '../packages/sluice/src/api/define-job.ts'
import type { LogicalGraph, LogicalNode, SinkNode } from '../packages/sluice/src/graph/logical-graph.ts'
import { planJob } from '../packages/sluice/src/graph/planner.ts'
import { docPage, docstringExamples } from './doc-blocks.ts'
import { exampleModule, pageModules, type DocModule } from './doc-modules.ts'
import { modulesOfPages, writeModules } from './doc-examples.ts'
import { packageSources, publicSymbols } from './public-symbols.ts'
import { sourceFile } from './source-text.ts'

const IMPORTABLES = new Map([
  ['count', { module: 'sluice', isType: false }],
  ['Key', { module: 'sluice', isType: true }],
  ['StreamExecutionEnvironment', { module: 'sluice', isType: false }],
])

function modulesOf(...lines: readonly string[]): DocModule[] {
  return pageModules(docPage('docs/page.md', lines.join('\n')), IMPORTABLES)
}

describe('blocks of a page', () => {
  test('a fragment is a function of env inside the prelude and imports what it names', () => {
    const [module] = modulesOf('<!-- prelude', 'type Id = Key', '-->', '', '```ts', 'env.x(count())', '```', '')
    expect(module?.kind).toBe('fragment')
    expect(module?.text.split('\n')).toEqual([
      "import { StreamExecutionEnvironment, type Key, count } from 'sluice'",
      'export function block(env: StreamExecutionEnvironment): void {',
      'void env',
      'type Id = Key',
      '{',
      'env.x(count())',
      '}',
      '}',
      '',
    ])
    expect(module?.origins[3]).toBe('docs/page.md:2')
    expect(module?.origins[5]).toBe('docs/page.md:6')
  })

  test('a block that imports is a module, under the name that its first line gives', () => {
    const [module] = modulesOf('```ts', '// jobs/totals.ts', "import { count } from 'sluice'", 'count()', '```', '')
    expect(module?.path).toBe('docs-page-md/totals.ts')
    expect(module?.text).toBe("// jobs/totals.ts\nimport { count } from 'sluice'\ncount()\n")
  })

  test('a hidden module can be imported by the blocks of the page', () => {
    const [module] = modulesOf('<!-- prelude job.ts', 'export default 1', '-->', '')
    expect(module).toMatchObject({ path: 'docs-page-md/job.ts', text: 'export default 1\n', kind: 'job' })
  })

  test('a fragment that waits is asynchronous; a function inside that waits does not make it so', () => {
    const [waits, does] = modulesOf(
      '```ts',
      'await x()',
      '```',
      '',
      '```ts',
      'f(async () => {',
      '  await x()',
      '})',
      '```',
      '',
    )
    expect(waits?.text).toContain('export async function block')
    expect(does?.text).toContain('export function block')
  })
})

describe('examples of docstrings', () => {
  function examplesOf(...lines: readonly string[]): DocModule[] {
    const text = `${lines.join('\n')}\nexport function f() {}\n`
    const file = sourceFile('src/f.ts', text)
    const doc = { text, offset: 0 }
    const declaration = { kind: 'function', file, line: 1, doc, members: [] } as const
    const blocks = docstringExamples([{ name: 'f', module: 'sluice', isType: false, declarations: [declaration] }])
    return blocks.map((block) => exampleModule(block, IMPORTABLES))
  }

  test('each tag is one, over several lines, up to the next tag', () => {
    const [first, second, ...others] = examplesOf(
      '/**',
      ' * F.',
      ' *',
      ' * @example a()',
      ' *   .b()',
      ' * @example c()',
      ' */',
    )
    expect(first?.text).toContain('{\na()\n  .b()\n}')
    expect(second?.text).toContain('{\nc()\n}')
    expect(second?.origins.find((origin) => origin !== undefined)).toBe('src/f.ts:6')
    expect(others).toEqual([])
  })

  test('words that end with a colon are a title; a property alone is completed; an exported job is none of a function', () => {
    const [titled, property] = examplesOf(
      '/**',
      ' * @example Without much:',
      ' * export default a()',
      ' * @example state: { a: 1 }',
      ' */',
    )
    expect(titled?.text).toContain('{\nvoid a()\n}')
    expect(property?.text).toContain('void {\nstate: { a: 1 }\n}')
  })
})

/** Everything that can be run is run: jobs of sources that are in memory to their end, other jobs up to the plan, tests as tests. */
const modules = modulesOfPages(publicSymbols(packageSources()))
const folder = writeModules('test', modules)
const states = mkdtempSync(join(tmpdir(), 'doc-examples-'))

afterAll(() => rmSync(states, { recursive: true, force: true }))

type Block = (env: StreamExecutionEnvironment) => unknown

async function load(module: DocModule): Promise<{ readonly block?: Block; readonly default?: JobDefinition }> {
  return await import(/* @vite-ignore */ pathToFileURL(join(folder, module.path)).href)
}

function isInMemory(node: LogicalNode): boolean {
  if (node.kind !== 'source') return true
  return node.source.boundedness === 'bounded' && ['collection', 'datagen'].includes(node.source.kind)
}

/** The graph with a sink that forgets in place of each sink and behind each output that nobody reads. */
function withoutSinks(graph: LogicalGraph): LogicalGraph {
  const sink = functionSink(() => {})
  const read = new Set(
    graph.nodes.flatMap((node) => (node.kind === 'source' ? [] : node.inputs.map(({ from }) => from))),
  )
  const unread = graph.nodes.filter((node) => node.kind !== 'sink' && !read.has(node.id))
  const added = unread.map((node, index): SinkNode => {
    const inputs = [{ from: node.id, partitioning: { kind: 'rebalance' } }] as const
    return { kind: 'sink', id: graph.nodes.length + index, name: 'unread', uid: `unread-${index}`, sink, inputs }
  })
  const nodes = graph.nodes.map((node) => (node.kind === 'sink' ? { ...node, sink } : node))
  return { ...graph, nodes: [...nodes, ...added] }
}

function plan(graph: LogicalGraph): void {
  planJob(graph, resolveOptions([optionLayerOf(graph)]))
}

/** Required parameters of a job get a text that fits a path. */
function paramsFor({ params = {} }: JobDefinition): Record<string, string> {
  const required = Object.entries(params).filter(
    ([, { isOptional, defaultText }]) => !isOptional && defaultText === undefined,
  )
  return Object.fromEntries(required.map(([name]) => [name, 'given']))
}

async function runBlock(module: DocModule, block: Block): Promise<void> {
  let pending: unknown
  const job = defineJob('block', (env) => void (pending = block(env)))
  const described = job.build({})
  if (pending instanceof Promise) await pending
  if (described.nodes.length === 0) return
  const graph = withoutSinks(described)
  plan(graph)
  if (!graph.nodes.every(isInMemory)) return
  const stateDir = join(states, module.path.replaceAll('/', '-'))
  const result = await execute({ ...job, build: () => graph }, { stateDir, fresh: true })
  expect(result.state).toBe('finished')
}

async function run(module: DocModule): Promise<void> {
  const { block, default: job } = await load(module)
  if (block !== undefined) await runBlock(module, block)
  if (job !== undefined) plan(job.build(paramsFor(job)))
}

describe('blocks of the pages run', () => {
  for (const module of modules) {
    const title = `${module.block.path}:${module.block.line}`
    if (module.kind === 'test') describe(title, async () => void (await load(module)))
    if (module.kind === 'fragment' || module.kind === 'job') test(title, () => run(module))
  }
})
