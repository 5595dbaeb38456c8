/**
 * How a bundle finds the engine: what it imports of the engine is not in it, but stands in it under names of a scheme of its own. The
 * process that loads it resolves them to its own modules, so that a job and the engine that runs it always share one copy.
 *
 * Owns: those names, and the hook of this thread. Does not own: how bundles are made (bundle.ts) or kept.
 */
import { registerHooks, setSourceMapsSupport } from 'node:module'

const SCHEME = 'sluice-engine:'

const PACKAGE = 'sluice'

/** Entries of the package by what follows its name in an import. */
const ENTRIES: ReadonlyMap<string, URL> = new Map([
  ['', new URL('../index.ts', import.meta.url)],
  ['/files', new URL('../files.ts', import.meta.url)],
  ['/testing', new URL('../testing.ts', import.meta.url)],
])

/** Imports of the engine, as users write them; in words that Go's expressions know too. */
export const ENGINE_IMPORTS = /^sluice(?:\/|$)/

/** The name in a bundle for an import as a user writes it; undefined when the engine has no such entry. */
export function bundledName(specifier: string): string | undefined {
  const entry = specifier.slice(PACKAGE.length)
  return ENTRIES.has(entry) ? `${SCHEME}${entry}` : undefined
}

/** What users may write, for messages. */
export const ENGINE_ENTRIES: readonly string[] = [...ENTRIES.keys()].map((entry) => `${PACKAGE}${entry}`)

/** Bundles are kept under their hash. */
export function isBundleUrl(url: string): boolean {
  return /\/[0-9a-f]{64}\.mjs$/.test(url)
}

let isReady = false

/** Lets this thread load bundles, and show positions in the sources they were made of. Idempotent; before the first import of one. */
export function prepareForBundles(): void {
  if (isReady) return
  isReady = true
  setSourceMapsSupport(true, { nodeModules: false, generatedCode: false })
  registerHooks({
    resolve(specifier, context, next) {
      const url = specifier.startsWith(SCHEME) ? ENTRIES.get(specifier.slice(SCHEME.length)) : undefined
      return url === undefined ? next(specifier, context) : { url: url.href, shortCircuit: true }
    },
  })
}
