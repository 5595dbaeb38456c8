import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { ROOT, SRC, exists, isTest, listFiles, readSources } from './import-graph.ts'
import { lineAt } from './source-text.ts'

/** Documents name things that exist: links, files in back-ticks, and one page for every error code. */

const CODE_TABLE = `${SRC}/base/error-codes.ts`
const CODE_PAGES = 'docs/errors'
const TOP_LEVEL = /^(?:packages|examples|bench|docs|scripts|\.ci)\//
const FILE_NAME = /^[\w@.-]+(?:\/[\w@.-]+)*\.(?:ts|mjs|js|json|md|html|txt|yml|yaml)$/

export interface Page {
  readonly path: string
  readonly text: string
}

/** A link or a named file that does not exist, as `path:line what`. */
export function brokenReferences(page: Page, fileExists: (path: string) => boolean): string[] {
  const text = page.text.replace(/^```.*?^```/gms, (block) => block.replace(/[^\n]/g, ' '))
  const broken: string[] = []
  for (const match of text.matchAll(/\]\(([^()\s]+)\)/g)) {
    const target = decodeURI((match[1] ?? '').replace(/#.*$/, ''))
    if (target === '' || /^[a-z]+:/.test(target)) continue
    const path = posix.join(posix.dirname(page.path), target)
    if (!fileExists(path))
      broken.push(`${page.path}:${lineAt(text, match.index)} links to ${path}, which does not exist`)
  }
  for (const match of text.matchAll(/`([^`\n]+)`/g)) {
    const name = (match[1] ?? '').replace(/^\.\//, '').replace(/:\d+$/, '')
    if (!FILE_NAME.test(name) || !name.includes('/')) continue
    const found = [name, `${SRC}/${name}`, posix.join(posix.dirname(page.path), name)].some(fileExists)
    if (!found && isOurs(name, fileExists)) {
      broken.push(`${page.path}:${lineAt(text, match.index)} names ${name}, which does not exist`)
    }
  }
  return broken
}

/** Whether a path claims to be in this repository: it begins with one of its folders or a folder of the sources. */
function isOurs(name: string, fileExists: (path: string) => boolean): boolean {
  return TOP_LEVEL.test(name) || fileExists(`${SRC}/${name.slice(0, name.indexOf('/'))}`)
}

export function codesIn(table: string): string[] {
  return [...table.matchAll(/^\s*['"]?([A-Z]{2,5}\d{4})['"]?\s*:/gm)].map((match) => match[1] ?? '')
}

export interface CodeUse {
  readonly codes: readonly string[]
  readonly pages: readonly string[]
  readonly sourceText: string
}

export function codeComplaints({ codes, pages, sourceText }: CodeUse): string[] {
  return [
    ...codes.filter((code) => !pages.includes(code)).map((code) => `${code} has no page ${CODE_PAGES}/${code}.md`),
    ...codes.filter((code) => !new RegExp(`\\b${code}\\b`).test(sourceText)).map((code) => `${code} is never used`),
    ...pages.filter((code) => !codes.includes(code)).map((code) => `${CODE_PAGES}/${code}.md: there is no such code`),
  ]
}

function readPage(path: string): Page {
  return { path, text: readFileSync(posix.join(ROOT, path), 'utf8') }
}

function codeComplaintsOfRepository(): string[] {
  const sources = readSources(`${SRC}/**/*.ts`).filter(({ path }) => path !== CODE_TABLE && !isTest(path))
  const pages = listFiles(`${CODE_PAGES}/*.md`).map((path) => posix.basename(path, '.md'))
  return codeComplaints({
    codes: exists(CODE_TABLE) ? codesIn(readPage(CODE_TABLE).text) : [],
    pages: pages.filter((name) => /^[A-Z]+\d+$/.test(name)),
    sourceText: sources.map(({ text }) => text).join('\n'),
  })
}

if (import.meta.main) {
  const pages = listFiles('*.md', 'docs/**/*.md', 'packages/*/*.md', 'examples/**/*.md', 'bench/**/*.md').map(readPage)
  const complaints = [...pages.flatMap((page) => brokenReferences(page, exists)), ...codeComplaintsOfRepository()]
  for (const complaint of complaints) console.log(complaint)
  console.log(`${pages.length} pages, ${complaints.length} findings`)
  process.exitCode = complaints.length === 0 ? 0 : 1
}
