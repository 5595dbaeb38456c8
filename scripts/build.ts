import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { ROOT } from './import-graph.ts'

/**
 * Writes packages/sluice/dist, the package as it is published: JavaScript and declarations where the repository runs the
 * sources, and a package.json that says so.
 */

interface Manifest {
  readonly exports: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

const PACKAGE = join(ROOT, 'packages/sluice')
const DIST = join(PACKAGE, 'dist')

function compile(): void {
  const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(PACKAGE, 'tsconfig.build.json')]
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) fail('the compiler reports errors')
}

/** Relative paths to sources that are not imports: worker entries, and the imports of declarations and of bin/. */
function renameSources(): void {
  for (const path of globSync('**/*.{js,d.ts}', { cwd: DIST })) {
    const file = join(DIST, path)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g, '$1$2.js$1'))
  }
}

function publishedExport(target: string): string | { types: string; default: string } {
  if (!target.endsWith('.ts')) return target
  return { types: target.replace(/\.ts$/, '.d.ts'), default: target.replace(/\.ts$/, '.js') }
}

function writeManifest(): void {
  const manifest = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as Manifest
  const entries = Object.entries(manifest.exports).map(([name, target]) => [name, publishedExport(target)])
  const published = { ...manifest, exports: Object.fromEntries(entries), files: ['bin', 'src'] }
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`)
}

function copy(from: string, to: string): void {
  if (existsSync(from)) cpSync(from, to, { recursive: true })
}

async function lintPackage(): Promise<void> {
  const { messages, pkg } = await publint({ pkgDir: DIST, strict: true })
  for (const message of messages) console.error(formatMessage(message, pkg) ?? message.code)
  if (messages.length > 0) fail('publint is not content')
}

function fail(why: string): never {
  console.error(`build failed: ${why}`)
  process.exit(1)
}

rmSync(DIST, { recursive: true, force: true })
mkdirSync(DIST, { recursive: true })
compile()
copy(join(PACKAGE, 'bin'), join(DIST, 'bin'))
copy(join(ROOT, 'LICENSE'), join(DIST, 'LICENSE'))
copy(join(ROOT, 'README.md'), join(DIST, 'README.md'))
renameSources()
writeManifest()
await lintPackage()
console.log('packages/sluice/dist is ready to be published')
