import { type Import, SRC, importsOfAll, isTest, reachableFrom, readSources, valueCycles } from './import-graph.ts'
import { EXCEPTIONS, LAYERS, PACKAGES, PURE_CRYPTO, PURE_NODE_MODULES, ROOTS } from './layer-table.ts'
import { type SourceFile, importsOf, lineAt } from './source-text.ts'

/**
 * The layer table, executed. Reports imports across the table, value cycles, unused files, and everything that reaches
 * for the clock, chance, timers, the disk, the network or threads below the composition roots. Tests of operators go through their harness.
 */

export interface Finding {
  /** `path:line` */
  readonly where: string
  readonly message: string
  /** What an exception in the table names: the file and what it reaches for. */
  readonly key: string
}

const BIN = `${SRC.slice(0, -'src'.length)}bin/`

const OUTSIDE_WORLD =
  /(?<![.\w$])(?:Date\.now\b|new Date\(\s*\)|performance\.now\b|Math\.random\b|(?:setTimeout|setImmediate|setInterval)\b|process\.)/g

export function checkLayers(sources: readonly SourceFile[], testsAndBin: readonly SourceFile[]): string[] {
  const files = sources.filter((file) => !isTest(file.path))
  const imports = importsOfAll(files)
  const users = importsOfAll([...testsAndBin, ...sources.filter((file) => isTest(file.path))])
  const findings = [
    ...imports.flatMap((edge) => findingAboutImport(edge) ?? []),
    ...users.flatMap((edge) => findingAboutTestImport(edge) ?? []),
    ...files.flatMap(findingsAboutOutsideWorld),
    ...valueCycles(imports).map(findingAboutCycle),
    ...findingsAboutUnused(files, [...imports, ...users]),
    ...sources.flatMap((file) => findingAboutHarness(file) ?? []),
  ]
  return judge(findings)
}

/** Removes what the table of exceptions allows, and complains about exceptions nobody needs any more. */
export function judge(findings: readonly Finding[], exceptions: readonly string[] = EXCEPTIONS): string[] {
  const keys = new Set(findings.map((finding) => finding.key))
  return [
    ...findings.filter(({ key }) => !exceptions.includes(key)).map(({ where, message }) => `${where} ${message}`),
    ...exceptions.filter((key) => !keys.has(key)).map((key) => `exception "${key}" is not needed any more: remove it`),
  ]
}

/** The folder of the layer table; undefined for the files beside the folders and for everything outside. */
function layerOf(path: string): string | undefined {
  return path.startsWith(`${SRC}/`) ? /^([^/]+)\//.exec(path.slice(SRC.length + 1))?.[1] : undefined
}

function findingAboutImport(edge: Import): Finding | undefined {
  const layer = layerOf(edge.from)
  if (edge.to === undefined) return findingAboutPackage(edge, layer)
  if (isAddressOfEntry(edge.to, edge, layer)) return undefined
  if (!edge.to.startsWith(`${SRC}/`)) return finding(edge, `imports ${edge.to}, which is outside of the sources`)
  if (isTest(edge.to)) return finding(edge, `imports the test ${edge.to}`)
  const target = layerOf(edge.to)
  if (target === undefined) return finding(edge, `imports ${edge.to}; the subpath entries are for users only`)
  if (layer === undefined || layer === target) return undefined
  const row = LAYERS[layer]
  if (row === undefined) return finding(edge, `is in ${layer}/, which is not in the layer table`)
  if (row.imports.includes(target) || (edge.kind === 'type' && row.types?.includes(target))) return undefined
  const hint = row.types?.includes(target) ? ' other than with `import type`' : ''
  return finding(edge, `imports ${edge.to}: ${layer}/ may not import ${target}/${hint}`)
}

/** Roots start processes of the command and give bundles their engine: they name what users name, and load nothing of it. */
function isAddressOfEntry(to: string, { kind }: Import, layer: string | undefined): boolean {
  if (kind !== 'worker' || layer === undefined || !ROOTS.includes(layer)) return false
  return to.startsWith(BIN) || (to.startsWith(`${SRC}/`) && layerOf(to) === undefined && !isTest(to))
}

function findingAboutPackage(edge: Import, layer: string | undefined): Finding | undefined {
  const { specifier } = edge
  if (layer !== undefined && ROOTS.includes(layer) && specifier.startsWith('node:')) return undefined
  if (PURE_NODE_MODULES.includes(specifier) || isPureCrypto(edge)) return undefined
  if (specifier.startsWith('node:')) {
    return finding(edge, `imports ${specifier}; below the composition roots the outside world comes in through Env`)
  }
  const folders = PACKAGES[packageOf(specifier)]
  if (layer !== undefined && folders?.includes(layer)) return undefined
  const allowed = folders?.map((name) => `${name}/`).join(' ') ?? 'nobody'
  return finding(edge, `imports ${specifier}, which is for ${allowed}`)
}

/** Hashes and comparisons, and nothing that draws or generates. */
function isPureCrypto({ specifier, names }: Import): boolean {
  return specifier === 'node:crypto' && names.length > 0 && names.every((name) => PURE_CRYPTO.includes(name))
}

/** `a` of `a/b.js`, `@a/b` of `@a/b/c.js`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Tests may import anything but each other. */
function findingAboutTestImport(edge: Import): Finding | undefined {
  if (edge.to === undefined || !/\.test(-d)?\.ts$/.test(edge.to)) return undefined
  return finding(edge, `imports another test, ${edge.to}`)
}

function finding(edge: Import, message: string): Finding {
  return { where: `${edge.from}:${edge.line}`, message, key: `${edge.from} -> ${edge.to ?? edge.specifier}` }
}

function findingsAboutOutsideWorld(file: SourceFile): Finding[] {
  const layer = layerOf(file.path)
  if (layer !== undefined && ROOTS.includes(layer)) return []
  return [...file.masked.matchAll(OUTSIDE_WORLD)].map((match) => ({
    where: `${file.path}:${lineAt(file.text, match.index)}`,
    message: `uses ${match[0]}; below the composition roots the outside world comes in through Env`,
    key: `${file.path} -> ${match[0]}`,
  }))
}

function findingAboutCycle(cycle: readonly string[]): Finding {
  const trail = [...cycle, cycle[0]].join(' -> ')
  return { where: `${cycle[0]}:1`, message: `value imports form a cycle: ${trail}`, key: `cycle ${trail}` }
}

function findingsAboutUnused(files: readonly SourceFile[], imports: readonly Import[]): Finding[] {
  const isEntry = (path: string) => !path.startsWith(`${SRC}/`) || layerOf(path) === undefined || isTest(path)
  const used = reachableFrom(new Set(imports.map((edge) => edge.from).filter(isEntry)), imports)
  return files
    .filter((file) => !used.has(file.path) && layerOf(file.path) !== undefined)
    .map(({ path }) => ({ where: `${path}:1`, message: 'is used by no entry and no test', key: `unused ${path}` }))
}

const OPERATOR_TEST = new RegExp(`^${SRC}/operators/[^/]+\\.test\\.ts$`)
const HARNESS = /\b(?:testOperator|testStream)\s*(?:<[^(]*>)?\(/

/** A test beside an operator that makes one runs it in every way that there is: plain, blocked, restored, rescaled. */
function findingAboutHarness(file: SourceFile): Finding | undefined {
  if (!OPERATOR_TEST.test(file.path) || HARNESS.test(file.masked)) return undefined
  const made = importsOf(file).find(({ names }) => names.some((name) => name.endsWith('Operator')))
  if (made === undefined) return undefined
  return {
    where: `${file.path}:${made.line}`,
    message: `makes an operator of ${made.specifier} and bypasses the harness: run it with testOperator`,
    key: `${file.path} -> no harness`,
  }
}

if (import.meta.main) {
  const sources = readSources(`${SRC}/**/*.ts`)
  const users = readSources('packages/*/test/**/*.ts', 'packages/*/bin/*.js', '{scripts,bench,examples}/**/*.ts')
  const complaints = checkLayers(sources, users)
  for (const complaint of complaints) console.log(complaint)
  console.log(`${sources.length} files, ${complaints.length} findings`)
  process.exitCode = complaints.length === 0 ? 0 : 1
}
