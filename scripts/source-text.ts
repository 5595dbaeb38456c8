/**
 * Reads TypeScript without a parser: the compiler has no JavaScript API, and the checks need only a little.
 *
 * `maskSource` blanks comments and the insides of strings, templates and regular expressions and keeps every offset and
 * every line break, so that plain patterns can look for code on the masked text and for words on the original one.
 */

export interface SourceFile {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly masked: string
}

export interface ImportEdge {
  readonly specifier: string
  /** `type` is gone at run time; `worker` is a file named by `new URL('./x.ts', import.meta.url)`. */
  readonly kind: 'value' | 'type' | 'dynamic' | 'worker'
  readonly line: number
  /** What is named between braces, as the other module calls it; empty for other forms. */
  readonly names: readonly string[]
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, masked: maskSource(text) }
}

export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) line += 1
  return line
}

const CLAUSE = String.raw`(?:\*(?:\s+as\s+[\w$]+)?|[\w$]+(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+[\w$]+))?|\{[^}]*\})`
const IMPORT_FROM = new RegExp(String.raw`^[ \t]*(?:import|export)\s+(type\s+(?!from\b))?${CLAUSE}\s*from\s*['"]`, 'gm')
const IMPORT_PATTERNS: readonly (readonly [RegExp, ImportEdge['kind']])[] = [
  [IMPORT_FROM, 'value'],
  [/^[ \t]*import\s*['"]/gm, 'value'],
  [/\bimport\s*\(\s*['"]/g, 'dynamic'],
  [/\bnew URL\(\s*['"]/g, 'worker'],
]

export function importsOf(file: SourceFile): ImportEdge[] {
  const edges: ImportEdge[] = []
  for (const [pattern, kind] of IMPORT_PATTERNS) {
    for (const match of file.masked.matchAll(pattern)) {
      const start = match.index + match[0].length
      const quote = file.masked.charAt(start - 1)
      const specifier = file.text.slice(start, file.masked.indexOf(quote, start))
      if (kind === 'worker' && !/^\.{1,2}\/.*\.[jt]s$/.test(specifier)) continue
      const isType = pattern === IMPORT_FROM && match[1] !== undefined
      const names = namesOf(match[0])
      edges.push({ specifier, kind: isType ? 'type' : kind, line: lineAt(file.text, start), names })
    }
  }
  return edges
}

function namesOf(clause: string): string[] {
  const inside = /\{([^}]*)\}/.exec(clause)?.[1] ?? ''
  const parts = inside.split(',').map((part) => part.trim().replace(/^type\s+/, ''))
  return parts.filter((part) => part !== '').map((part) => part.split(/\s+as\s+/)[0] ?? part)
}

/** The masked text with import and re-export clauses blanked as well: `{ a as b }` is no cast. */
export function withoutImports(masked: string): string {
  return masked.replace(IMPORT_FROM, blank)
}

export function maskSource(text: string): string {
  const out: string[] = []
  /** For every open `${` the depth of braces inside it. */
  const templates: number[] = []
  let i = 0
  while (i < text.length) {
    const end = opaqueEnd(text, i, out, templates)
    if (end === i) {
      out.push(text.charAt(i))
      trackBraces(text.charAt(i), templates)
      i += 1
    } else {
      const token = text.slice(i, end)
      out.push(/^['"`}]./s.test(token) ? token.charAt(0) + blank(token.slice(1, -1)) + token.slice(-1) : blank(token))
      if (/^[`}]/.test(token)) updateTemplates(token, templates)
      i = end
    }
  }
  return out.join('')
}

/** The end of the comment, string, template part or regular expression that starts at `i`, or `i` if none does. */
function opaqueEnd(text: string, i: number, before: readonly string[], templates: readonly number[]): number {
  const char = text.charAt(i)
  if (char === "'" || char === '"') return stringEnd(text, i, char)
  if (char === '`' || (char === '}' && templates.at(-1) === 0)) return templatePartEnd(text, i)
  if (char === '#' && i === 0 && text.startsWith('#!')) return lineEnd(text, i)
  if (char !== '/') return i
  const next = text.charAt(i + 1)
  if (next === '/') return lineEnd(text, i)
  if (next === '*') return commentEnd(text, i)
  return startsRegex(before) ? regexEnd(text, i) : i
}

function lineEnd(text: string, i: number): number {
  const end = text.indexOf('\n', i)
  return end === -1 ? text.length : end
}

function commentEnd(text: string, i: number): number {
  const end = text.indexOf('*/', i + 2)
  return end === -1 ? text.length : end + 2
}

function stringEnd(text: string, start: number, quote: string): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const char = text.charAt(i)
    if (char === '\\') i += 1
    else if (char === quote) return i + 1
    else if (char === '\n') return i
  }
  return text.length
}

/** From a back-tick or a closing brace to the next back-tick or to the `${` that opens code again. */
function templatePartEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const char = text.charAt(i)
    if (char === '\\') i += 1
    else if (char === '`') return i + 1
    else if (char === '$' && text.charAt(i + 1) === '{') return i + 2
  }
  return text.length
}

function updateTemplates(token: string, templates: number[]): void {
  if (token.startsWith('}')) templates.pop()
  if (token.endsWith('${')) templates.push(0)
}

function trackBraces(char: string, templates: number[]): void {
  const depth = templates.at(-1)
  if (depth === undefined) return
  if (char === '{') templates[templates.length - 1] = depth + 1
  if (char === '}') templates[templates.length - 1] = depth - 1
}

/** A slash divides after a value and opens a regular expression after anything else. */
function startsRegex(before: readonly string[]): boolean {
  const tail = before.slice(-200).join('').trimEnd()
  if (tail === '') return true
  if (/\b(?:return|typeof|case|in|of|yield|await|void|delete|else|do)$/.test(tail)) return true
  return !/[\w$)\]}'"`]$/.test(tail)
}

function regexEnd(text: string, start: number): number {
  let inClass = false
  for (let i = start + 1; i < text.length; i += 1) {
    const char = text.charAt(i)
    if (char === '\\') i += 1
    else if (char === '\n') return start
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return i + 1 + (/^[a-z]*/.exec(text.slice(i + 1))?.[0].length ?? 0)
  }
  return start
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
