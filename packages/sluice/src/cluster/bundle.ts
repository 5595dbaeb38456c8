/**
 * A job module with everything it imports as one file, so that machines that have none of it can run it.
 *
 * Owns: making a bundle and refusing what cannot be in one. Does not own: where bundles are kept, who loads them (engine-imports.ts).
 *
 * B1 The engine is not in it (engine-imports.ts).
 * B2 Stack traces show the user's own files and lines: the source map is inside, its paths are those of the machine that made it.
 * B3 What would fail on another machine is refused here, with its place: native addons, files beside the module.
 */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BuildFailure, BuildOptions, BuildResult, Message, Metafile, OutputFile, Plugin } from 'esbuild'
import { assert, present } from '../base/assert.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import { isRecord } from '../base/json.ts'
import { jobModuleUrl, shownPath } from './job-address.ts'
import { ENGINE_ENTRIES, ENGINE_IMPORTS, bundledName } from './engine-imports.ts'

export interface JobBundle {
  readonly bytes: Uint8Array
  /** Whole sentences for the author of the job. */
  readonly warnings: readonly string[]
}

export interface BundleRequest {
  /** Path or address of the job module. */
  readonly job: string | URL
  readonly bytesMax: number
}

/** The oldest Node that runs jobs: newer syntax is rewritten. */
const TARGET = 'node22.18'
const ERRORS_SHOWN_MAX = 5

/** For packages that are not ES modules and load parts of Node; esbuild gives a `require` of the user's another name. */
const BANNER =
  "import { createRequire as __sluiceCreateRequire } from 'node:module'; const require = __sluiceCreateRequire(import.meta.url);"

/** @throws JOB1001 when there is no such module or it cannot be understood, JOB1104 when it cannot be made into a bundle */
export async function bundleJob({ job, bytesMax }: BundleRequest): Promise<JobBundle> {
  const path = fileURLToPath(jobModuleUrl(job))
  const { outputFiles, metafile } = await build(path)
  const used = await usedFiles(metafile, dirname(path))
  refuseAddons(path, used)
  const warnings = ownFileWarnings(path, used)
  const bytes = withSourceMap(outputFiles, dirname(path))
  if (bytes.length > bytesMax) throw tooLarge(path, bytes.length, bytesMax)
  return { bytes, warnings }
}

type Built = BuildResult<{ write: false; metafile: true }>

async function build(path: string): Promise<Built> {
  const { build: run } = await import('esbuild') // only who submits a job needs it
  const options = { ...optionsOf(path), write: false, metafile: true } as const
  try {
    return await run(options)
  } catch (thrown) {
    throw notBundled(path, thrown)
  }
}

function optionsOf(path: string): BuildOptions {
  return {
    entryPoints: [path],
    absWorkingDir: dirname(path),
    outfile: 'job.mjs',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: TARGET,
    charset: 'utf8',
    sourcemap: 'external',
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'silent',
    // as Node reads TypeScript: what a tsconfig.json says does not change what runs
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: true } },
    banner: { js: BANNER },
    plugins: [engineOutside],
  }
}

const engineOutside: Plugin = {
  name: 'engine',
  setup(under) {
    under.onResolve({ filter: ENGINE_IMPORTS }, ({ path }) => {
      const name = bundledName(path)
      if (name !== undefined) return { path: name, external: true, sideEffects: false }
      return { errors: [{ text: `the engine has no entry "${path}"; it has ${ENGINE_ENTRIES.join(', ')}` }] }
    })
  },
}

interface UsedFile {
  readonly path: string
  readonly isPackage: boolean
  readonly text: string
}

/** What is left of the inputs once everything that is not used has been dropped. */
async function usedFiles({ outputs }: Metafile, folder: string): Promise<readonly UsedFile[]> {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs))
  const paths = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([name]) => resolve(folder, name))
  const files: UsedFile[] = []
  for (const path of paths) {
    if (!SOURCE_FILE.test(path)) continue
    files.push({ path, isPackage: path.includes('/node_modules/'), text: await readFile(path, 'utf8') })
  }
  return files
}

const SOURCE_FILE = /\.[cm]?[jt]sx?$/

/** Packages whose work is to find and load a native addon. */
const ADDON_LOADERS = /\/node_modules\/(bindings|node-gyp-build|node-pre-gyp|@mapbox\/node-pre-gyp|node-addon-api)\//

function refuseAddons(path: string, used: readonly UsedFile[]): void {
  const loader = used.find((file) => ADDON_LOADERS.test(file.path))
  if (loader === undefined) return
  throw new EngineError(
    'JOB1104',
    `the job module ${shownPath(path)} cannot be made into a bundle: one of the packages it imports has a native addon, loaded by ` +
      `${shownPath(loader.path)}. Nothing was submitted. Use a package without native code, or run the job in one process: sluice run without --jobmanager.`,
    { context: { path } },
  )
}

/** A file beside the module, addressed from it; esbuild leaves that as it is. */
const OWN_FILE = /new URL\(\s*(['"`])(?!\w+:)[^'"`]+\1\s*,\s*import\.meta\.url|import\.meta\.(?:dirname|filename)\b/

/** B3: an error in the user's own code; packages often do it on ways that are never taken. */
function ownFileWarnings(path: string, used: readonly UsedFile[]): readonly string[] {
  const found = used.flatMap((file) => {
    const line = ownFileLine(file.text)
    return line === undefined ? [] : [{ ...file, line }]
  })
  const own = found.find((file) => !file.isPackage)
  if (own !== undefined) throw usesOwnFiles(path, `${shownPath(own.path)}:${own.line}`)
  return found.map(
    (file) =>
      `${shownPath(file.path)}:${file.line} reads a file beside itself, which is not in the bundle: the job fails if it comes to that.`,
  )
}

function ownFileLine(text: string): number | undefined {
  if (!text.includes('import.meta.')) return undefined
  const lines = text.split('\n')
  const index = lines.findIndex((line) => OWN_FILE.test(line) && !/^\s*(?:\/\/|\*|\/\*)/.test(line))
  return index < 0 ? undefined : index + 1
}

function usesOwnFiles(path: string, place: string): EngineError {
  return new EngineError(
    'JOB1104',
    `the job module ${shownPath(path)} cannot be made into a bundle: it addresses a file beside itself, which TaskManagers do not have.\n` +
      `  at ${place}\nNothing was submitted. Import the file (JSON can be imported), or give its path on the TaskManagers as a parameter of the job.`,
    { context: { path } },
  )
}

/** The code, then its map as a comment. The paths in the map are addresses of the user's files (B2). */
function withSourceMap(files: readonly OutputFile[], folder: string): Uint8Array {
  const code = present(
    files.find(({ path }) => path.endsWith('.mjs')),
    'the code of a bundle',
  ).text
  const map = present(
    files.find(({ path }) => path.endsWith('.map')),
    'the map of a bundle',
  ).text
  const parsed: unknown = JSON.parse(map)
  assert(isSourceMap(parsed), 'a source map has sources', { map: map.slice(0, 200) })
  const sources = parsed.sources.map((source) => pathToFileURL(resolve(folder, source)).href)
  const encoded = Buffer.from(JSON.stringify({ ...parsed, sources })).toString('base64')
  return Buffer.from(`${code.trimEnd()}\n//# sourceMappingURL=data:application/json;base64,${encoded}\n`)
}

function isSourceMap(value: unknown): value is { readonly sources: readonly string[] } {
  return isRecord(value) && Array.isArray(value['sources'])
}

function tooLarge(path: string, bytes: number, bytesMax: number): EngineError {
  return new EngineError(
    'JOB1104',
    `the bundle of ${shownPath(path)} has ${bytes.toLocaleString('en')} bytes, more than artifact.bytesMax allows (${bytesMax.toLocaleString('en')}). ` +
      'Nothing was submitted. Import less, read large data from files at run time, or raise artifact.bytesMax here and at the JobManagers.',
    { context: { path } },
  )
}

/** What esbuild has to say in our words: each problem with its place and line. */
function notBundled(path: string, thrown: unknown): EngineError {
  const messages = messagesOf(thrown)
  const shown = messages.slice(0, ERRORS_SHOWN_MAX).map((message) => problemText(message, dirname(path)))
  const more = messages.length - shown.length
  if (more > 0) shown.push(`and ${more} more`)
  const isAddon = messages.some(({ text }) => text.includes('".node" files'))
  const what = shown.length === 0 ? messageOf(thrown) : shown.join('\n')
  return new EngineError(
    isAddon ? 'JOB1104' : 'JOB1001',
    `the job module ${shownPath(path)} cannot be made into a bundle: ${what}\nNothing was submitted. ` +
      (isAddon
        ? 'Use a package without native code, or run the job in one process: sluice run without --jobmanager.'
        : 'Correct the module, or what it imports.'),
    { context: { path }, ...(shown.length === 0 ? { cause: thrown } : {}) },
  )
}

function messagesOf(thrown: unknown): readonly Message[] {
  return isBuildFailure(thrown) ? thrown.errors : []
}

function isBuildFailure(thrown: unknown): thrown is BuildFailure {
  return thrown instanceof Error && 'errors' in thrown && Array.isArray(thrown.errors)
}

function problemText({ text, location }: Message, folder: string): string {
  if (location === null) return text
  const place = `${shownPath(resolve(folder, location.file))}:${location.line}:${location.column + 1}`
  return `${text}\n  at ${place}${location.lineText.trim() === '' ? '' : `\n     ${location.lineText.trim()}`}`
}
