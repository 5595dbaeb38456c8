import { posix } from 'node:path'
import { SRC, readSources } from './import-graph.ts'
import { matching } from './functions.ts'
import { type SourceFile, lineAt } from './source-text.ts'

/**
 * What a user can import: the names that the entries export, followed through re-exports to their declarations, with the docstrings in front of them and
 * of the methods of classes. Reads formatted source: members of a class are indented by two spaces.
 */

export const ENTRIES: Readonly<Record<string, string>> = {
  sluice: 'index.ts',
  'sluice/files': 'files.ts',
  'sluice/testing': 'testing.ts',
}

export interface Docstring {
  readonly text: string
  /** Offset of its first character in the file. */
  readonly offset: number
}

export interface Member {
  readonly name: string
  /** The line of its declaration as it is written, from the name on. */
  readonly declaration: string
  readonly line: number
  readonly doc: Docstring | undefined
}

export interface Declaration {
  readonly kind: 'function' | 'class' | 'const' | 'interface' | 'type'
  readonly file: SourceFile
  readonly line: number
  readonly doc: Docstring | undefined
  readonly members: readonly Member[]
}

export interface PublicSymbol {
  readonly name: string
  /** What it is imported from. */
  readonly module: string
  readonly isType: boolean
  /** A name may be declared twice: as a type and as a value. */
  readonly declarations: readonly Declaration[]
}

interface ExportedName {
  readonly name: string
  readonly from: string
  readonly isType: boolean
}

/** Sources of the package by path. */
export type Sources = ReadonlyMap<string, SourceFile>

export function packageSources(): Sources {
  return new Map(readSources(`${SRC}/**/*.ts`).map((file) => [file.path, file]))
}

export function publicSymbols(sources: Sources): PublicSymbol[] {
  return Object.entries(ENTRIES).flatMap(([module, entry]) => {
    const path = posix.join(SRC, entry)
    const file = sources.get(path)
    return file === undefined ? [] : exportsOf(file).map((exported) => symbolOf(module, exported, sources))
  })
}

/** `export { a, type B } from './x.ts'`, all of them. */
export function exportsOf(file: SourceFile): ExportedName[] {
  const clauses = file.text.matchAll(/^export (type )?\{([^}]*)\} from '([^']+)'/gm)
  return [...clauses].flatMap(([, type, names = '', specifier = '']) =>
    names
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map((part) => ({
        name: part.replace(/^type\s+/, ''),
        from: posix.join(posix.dirname(file.path), specifier),
        isType: type !== undefined || part.startsWith('type '),
      })),
  )
}

function symbolOf(module: string, { name, from, isType }: ExportedName, sources: Sources): PublicSymbol {
  return { name, module, isType, declarations: declarationsOf(name, from, sources) }
}

function declarationsOf(name: string, path: string, sources: Sources): Declaration[] {
  const file = sources.get(path)
  if (file === undefined) return []
  const pattern = new RegExp(
    String.raw`^export (?:declare |abstract |async )*(function|class|const|interface|type)\*? ${name.replaceAll('$', String.raw`\$`)}\b`,
    'gm',
  )
  const found = [...file.masked.matchAll(pattern)].map((match) => declarationAt(file, match))
  if (found.length > 0) return withoutOverloads(found)
  const onward = exportsOf(file).find((exported) => exported.name === name)
  return onward === undefined ? [] : declarationsOf(name, onward.from, sources)
}

/** Overloads of a function are one declaration, with the docstring that one of them has. */
function withoutOverloads(found: readonly Declaration[]): Declaration[] {
  const byKind = Map.groupBy(found, ({ kind }) => kind)
  return [...byKind.values()].flatMap((same) => same.find(({ doc }) => doc !== undefined) ?? same.slice(0, 1))
}

function declarationAt(file: SourceFile, match: RegExpExecArray): Declaration {
  const kind = match[1] as Declaration['kind'] // the words of the pattern
  return {
    kind,
    file,
    line: lineAt(file.text, match.index),
    doc: docBefore(file, match.index),
    members: kind === 'function' || kind === 'type' ? [] : membersOf(file, match.index),
  }
}

/** The docstring that ends in front of `offset`. */
export function docBefore(file: SourceFile, offset: number): Docstring | undefined {
  const before = file.text.slice(0, offset).trimEnd()
  if (!before.endsWith('*/')) return undefined
  const start = before.lastIndexOf('/*')
  return before.startsWith('/**', start) ? { text: before.slice(start), offset: start } : undefined
}

/** Public members of the class, interface or object that is declared at `offset`. */
function membersOf(file: SourceFile, offset: number): Member[] {
  const open = bodyOpen(file.masked, offset)
  const close = open === -1 ? -1 : matching(file.masked, open)
  if (close === -1) return []
  const body = file.masked.slice(open, close)
  const pattern = /^ {2}(?:(?:static|async|readonly|get|set|override|declare) )*([A-Za-z_$][\w$]*)(?=[<(?:])/gm
  const members = [...body.matchAll(pattern)].map((match) => memberAt(file, open + match.index, match[1] ?? ''))
  const named = members.filter(({ name }) => name !== 'constructor')
  const overloads = Map.groupBy(named, ({ name }) => name)
  return [...overloads.values()].flatMap((same) => same.find(({ doc }) => doc !== undefined) ?? same.slice(0, 1))
}

function memberAt(file: SourceFile, offset: number, name: string): Member {
  const end = file.masked.indexOf('\n', offset)
  const declaration = file.text.slice(offset, end === -1 ? undefined : end).trim()
  return { name, declaration, line: lineAt(file.text, offset), doc: docBefore(file, offset) }
}

/** The brace of the body: the last one of its line, so that braces of type parameters do not count. */
function bodyOpen(masked: string, offset: number): number {
  const match = /\{[ \t]*$/m.exec(masked.slice(offset, offset + 600))
  const blank = masked.slice(offset).search(/\n\n/)
  return match === null || (blank !== -1 && match.index > blank) ? -1 : offset + match.index
}
