import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { docPage, docstringExamples } from './doc-blocks.ts'
import { exampleModule, pageModules, type DocModule, type Importables } from './doc-modules.ts'
import { ROOT, listFiles } from './import-graph.ts'
import { packageSources, publicSymbols, type PublicSymbol } from './public-symbols.ts'

/**
 * `npm run check -- examples`: compiles every `ts` block of the pages and every example of a public docstring, all at once, with the flags of the
 * repository. Unused names are allowed: a fragment does not use all that surrounds it. Complaints name the line of the document.
 */

const FOLDER = 'out/doc-examples'
const PAGES = ['README.md', 'docs/guide/*.md', 'examples/**/README.md']
const NAMES = 'scripts/doc-example-names.ts'

/** Names that examples of docstrings may use: those of the package, of the test runner, and streams and types that go without saying. */
function importablesOf(symbols: readonly PublicSymbol[]): Map<string, { module: string; isType: boolean }> {
  const importables = new Map(['test', 'expect'].map((name) => [name, { module: 'vitest', isType: false }]))
  for (const { name, module, isType } of symbols.toReversed()) importables.set(name, { module, isType })
  return importables
}

function exampleNames(importables: Importables): Importables {
  const text = readFileSync(join(ROOT, NAMES), 'utf8')
  const declared = [...text.matchAll(/^export (?:declare )?(const|function|interface|type|class) (\w+)/gm)]
  const names = declared.map(([, kind, name = '']) => {
    return [
      name,
      { module: '../../../../scripts/doc-example-names.ts', isType: kind === 'interface' || kind === 'type' },
    ] as const
  })
  return new Map([...names, ...importables])
}

/** Modules of the blocks of all pages. */
export function modulesOfPages(symbols: readonly PublicSymbol[]): DocModule[] {
  const importables = importablesOf(symbols)
  return listFiles(...PAGES).flatMap((path) =>
    pageModules(docPage(path, readFileSync(join(ROOT, path), 'utf8')), importables),
  )
}

function modulesOfDocstrings(symbols: readonly PublicSymbol[]): DocModule[] {
  const importables = exampleNames(importablesOf(symbols))
  return docstringExamples(symbols).map((block) => exampleModule(block, importables))
}

/** Writes the modules into a folder of their own, without what was there. */
export function writeModules(name: string, modules: readonly DocModule[]): string {
  const folder = join(ROOT, FOLDER, name)
  rmSync(folder, { recursive: true, force: true })
  for (const { path, text } of modules) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

const CONFIG = {
  extends: '../../../tsconfig.base.json',
  compilerOptions: { noEmit: true, allowImportingTsExtensions: true, noUnusedLocals: false, noUnusedParameters: false },
  include: ['**/*.ts'],
}

/** What the compiler says about the modules, with places of the documents. */
function complaintsAbout(modules: readonly DocModule[], folder: string): string[] {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { stdout, stderr } = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  })
  const byPath = new Map(modules.map((module) => [module.path, module]))
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('../../../packages/')) // the sources are the part `types`
    .map((line) => inDocument(line, byPath))
}

/** `windows-md/x.ts(12,3): error …` as `docs/guide/windows.md:7: error …`. */
function inDocument(line: string, modules: ReadonlyMap<string, DocModule>): string {
  const match = /^([^\s(]+)\((\d+),\d+\): (.*)$/.exec(line)
  const module = modules.get(match?.[1] ?? '')
  if (match === null || module === undefined) return line
  return `${module.origins[Number(match[2]) - 1] ?? `${module.block.path}:${module.block.line}`}: ${match[3]}`
}

if (import.meta.main) {
  const symbols = publicSymbols(packageSources())
  const modules = [...modulesOfPages(symbols), ...modulesOfDocstrings(symbols)]
  const complaints = complaintsAbout(modules, writeModules('check', modules))
  for (const complaint of complaints) console.log(complaint)
  const count = complaints.filter((line) => !line.startsWith(' ')).length // the others explain the one in front of them
  console.log(`${modules.length} examples, ${count} complaints`)
  process.exitCode = complaints.length === 0 ? 0 : 1
}
