import { posix } from 'node:path'
import type { PublicSymbol } from './public-symbols.ts'
import { type SourceFile, lineAt } from './source-text.ts'

/**
 * Code in documents: the `ts` blocks of pages and the examples of docstrings, each with the place where it stands.
 *
 * A page may hold what its blocks need in comments that readers do not see: `<!-- prelude`, code, `-->` applies to every fragment of the page;
 * with the name of a file behind the word it is a module that the page's blocks import.
 */

export interface CodeBlock {
  readonly path: string
  /** Of its first line. */
  readonly line: number
  readonly text: string
}

export interface DocPage {
  readonly path: string
  readonly blocks: readonly CodeBlock[]
  readonly preludes: readonly CodeBlock[]
  readonly hiddenModules: readonly (CodeBlock & { readonly name: string })[]
}

export function docPage(path: string, text: string): DocPage {
  const codeAt = (offset: number, code: string): CodeBlock => ({ path, line: lineAt(text, offset), text: code })
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => codeAt(match.index + 6, match[1] ?? ''))
  const hidden = [...text.matchAll(/^<!-- prelude(?: ([\w.-]+))?\n(.*?)^-->$/gms)].map((match) => ({
    ...codeAt(match.index + match[0].indexOf('\n') + 1, match[2] ?? ''),
    name: match[1],
  }))
  return {
    path,
    blocks,
    preludes: hidden.filter(({ name }) => name === undefined),
    hiddenModules: hidden.flatMap(({ name, ...block }) => (name === undefined ? [] : [{ ...block, name }])),
  }
}

/** The examples in the docstrings of public symbols and their members, each once. */
export function docstringExamples(symbols: readonly PublicSymbol[]): CodeBlock[] {
  const found = new Map<string, CodeBlock>()
  for (const { file, doc, members } of symbols.flatMap(({ declarations }) => declarations)) {
    for (const docstring of [doc, ...members.map((member) => member.doc)]) {
      if (docstring === undefined) continue
      for (const block of examplesOf(file, docstring.offset)) found.set(`${block.path}:${block.line}`, block)
    }
  }
  return [...found.values()]
}

/** Each `@example` up to the next tag. Words that end with a colon on the line of the tag are a title. */
function examplesOf(file: SourceFile, offset: number): CodeBlock[] {
  const end = file.text.indexOf('*/', offset)
  const lines = file.text.slice(offset, end).split('\n').map(withoutStar)
  const firstLine = lineAt(file.text, offset)
  return lines.flatMap((line, index) => {
    if (!line.startsWith('@example')) return []
    const onTag = line.slice('@example'.length).trim()
    const next = lines.findIndex((other, at) => at > index && /^@\w/.test(other))
    const rest = lines.slice(index + 1, next === -1 ? undefined : next)
    const isTitle = /^[A-Z][\w ,'-]*:$/.test(onTag)
    const code = onTag === '' || isTitle ? rest : [onTag, ...rest]
    const line1 = firstLine + index + (code === rest ? 1 : 0)
    return [{ path: file.path, line: line1, text: `${code.join('\n').trimEnd()}\n` }]
  })
}

function withoutStar(line: string): string {
  return line.replace(/^\s*(?:\/\*\*|\*)? ?/, '').trimEnd()
}

/** A name for the module of a block: `docs-guide-windows-23`. */
export function moduleName({ path, line }: CodeBlock): string {
  const base = path.slice(0, path.length - posix.extname(path).length)
  return `${base.replace(/[^\w]+/g, '-')}-${line}`
}
