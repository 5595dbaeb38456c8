import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, posix, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ImportEdge, type SourceFile, importsOf, sourceFile } from './source-text.ts'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
export const SRC = 'packages/sluice/src'

export interface Import extends ImportEdge {
  readonly from: string
  /** The imported file, or undefined for packages and Node's own modules. */
  readonly to: string | undefined
}

/** Files of the repository that match, relative to its root, in a stable order. */
export function listFiles(...patterns: readonly string[]): string[] {
  const options = { cwd: ROOT, exclude: (name: string) => /(^|[\\/])(node_modules|dist)$/.test(name) }
  return globSync(patterns, options)
    .map((path) => path.split(sep).join('/'))
    .toSorted()
}

export function readSources(...patterns: readonly string[]): SourceFile[] {
  return listFiles(...patterns).map((path) => sourceFile(path, readFileSync(posix.join(ROOT, path), 'utf8')))
}

export function exists(path: string): boolean {
  return existsSync(posix.join(ROOT, path))
}

export function isTest(path: string): boolean {
  return /\.test(-d)?\.ts$/.test(path) || /^packages\/[^/]+\/test\//.test(path)
}

export function importsOfAll(files: readonly SourceFile[]): Import[] {
  return files.flatMap((file) =>
    importsOf(file).map((edge) => ({ ...edge, from: file.path, to: resolve(file.path, edge.specifier) })),
  )
}

function resolve(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined
}

/** Everything the entries lead to, by imports of any kind. */
export function reachableFrom(entries: Iterable<string>, imports: readonly Import[]): Set<string> {
  const targets = Map.groupBy(imports, (edge) => edge.from)
  const seen = new Set(entries)
  for (const path of seen) {
    for (const edge of targets.get(path) ?? []) if (edge.to !== undefined) seen.add(edge.to)
  }
  return seen
}

/** Cycles of imports that are executed when the modules load; each as the list of its files, found once. */
export function valueCycles(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>()
  for (const { from, to, kind } of imports) {
    if (kind === 'value' && to !== undefined) next.set(from, [...(next.get(from) ?? []), to])
  }
  const cycles: string[][] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push(trail.slice(trail.indexOf(path)))
    if (done.has(path)) return
    done.add(path)
    for (const to of next.get(path) ?? []) visit(to, [...trail, path])
  }
  for (const path of next.keys()) visit(path, [])
  return cycles
}
