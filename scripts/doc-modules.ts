import type { CodeBlock, DocPage } from './doc-blocks.ts'
import { moduleName } from './doc-blocks.ts'
import { maskSource } from './source-text.ts'

/**
 * Makes modules of blocks of code, so that a compiler and a test can have them.
 *
 * M1 A block that imports or exports is a module as it stands; one that begins with `// name.ts` can be imported by its page under that name.
 * M2 Any other block is a fragment: the body of a function of `env`, inside the page's prelude. A module imports by name what it uses of the package.
 * M3 Every line of a module knows the line of the document that it comes from.
 */

export interface DocModule {
  /** Relative to the folder of all modules. */
  readonly path: string
  readonly text: string
  /** A `program` runs when it is imported. */
  readonly kind: 'fragment' | 'job' | 'test' | 'program'
  readonly block: CodeBlock
  /** For each line, from 0, the `path:line` it comes from. */
  readonly origins: readonly (string | undefined)[]
}

/** What a name is imported from, and whether it is a type alone. */
export interface Importable {
  readonly module: string
  readonly isType: boolean
}

export type Importables = ReadonlyMap<string, Importable>

/** The folder of a page's modules. */
function folderOf(path: string): string {
  return path.replace(/[^\w]+/g, '-')
}

export function pageModules(page: DocPage, importables: Importables): DocModule[] {
  const folder = folderOf(page.path)
  const hidden = page.hiddenModules.map((block) => standing(`${folder}/${block.name}`, block))
  const shown = page.blocks.map((block) => {
    if (isModule(block.text)) return standing(`${folder}/${fileNameIn(block) ?? `${moduleName(block)}.ts`}`, block)
    return fragment(`${folder}/${moduleName(block)}.ts`, block, { preludes: page.preludes, importables })
  })
  return [...hidden, ...shown]
}

/** The example of a docstring: nothing of it runs. What stands alone in an object or behind a dot is completed. */
export function exampleModule(block: CodeBlock, importables: Importables): DocModule {
  const text = isProperty(block.text) ? `void {\n${block.text}}\n` : block.text.replace(/^export default /m, 'void ')
  const line = block.line - (isProperty(block.text) ? 1 : 0)
  return fragment(`examples/${moduleName(block)}.ts`, { ...block, line, text }, { preludes: [], importables })
}

function isProperty(text: string): boolean {
  return /^(?!case\b|default\b)[a-z]\w*: /i.test(text)
}

function isModule(text: string): boolean {
  return /^(?:import|export)\b/m.test(maskSource(text))
}

function fileNameIn(block: CodeBlock): string | undefined {
  return /^\/\/ (?:[\w./-]*\/)?([\w.-]+\.ts)$/m.exec(block.text.split('\n')[0] ?? '')?.[1]
}

function standing(path: string, block: CodeBlock): DocModule {
  return { path, text: block.text, kind: kindOf(block.text), block, origins: originsOf(block) }
}

function kindOf(text: string): DocModule['kind'] {
  if (/\bfrom 'vitest'/.test(text)) return 'test'
  return /^export (?:default\b|\{ default\b)/m.test(text) ? 'job' : 'program'
}

interface Surroundings {
  readonly preludes: readonly CodeBlock[]
  readonly importables: Importables
}

function fragment(path: string, block: CodeBlock, { preludes, importables }: Surroundings): DocModule {
  const isAsync = /\bawait\b/.test(withoutFunctions(maskSource(block.text)))
  const parts: (string | CodeBlock)[] = [
    `export ${isAsync ? 'async ' : ''}function block(env: StreamExecutionEnvironment)${isAsync ? ': Promise<void>' : ': void'} {`,
    'void env',
    ...preludes,
    '{',
    block,
    '}',
    '}',
  ]
  const lines: string[] = []
  const origins: (string | undefined)[] = []
  for (const part of parts) {
    lines.push(...(typeof part === 'string' ? [part] : part.text.trimEnd().split('\n')))
    origins.push(...(typeof part === 'string' ? [undefined] : originsOf(part)))
  }
  const imports = importsFor(lines.join('\n'), importables)
  const text = `${[...imports, ...lines].join('\n')}\n`
  return { path, text, kind: 'fragment', block, origins: [...imports.map(() => undefined), ...origins] }
}

/** Only an `await` that is not inside an asynchronous function makes the block one. */
function withoutFunctions(masked: string): string {
  return masked.replace(/\basync\b[^\n]*(?:\n {2,}[^\n]*)*/g, '')
}

function originsOf({ path, line, text }: CodeBlock): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((_line, index) => `${path}:${line + index}`)
}

/** Imports of the names that the text uses; what it declares inside the function hides them. */
function importsFor(text: string, importables: Importables): string[] {
  const used = new Set([...maskSource(text).matchAll(/(?<![.\w$])[A-Za-z_$][\w$]*/g)].map(([name]) => name))
  const byModule = Map.groupBy(
    [...used].filter((name) => importables.has(name)),
    (name) => importables.get(name)?.module ?? '',
  )
  return [...byModule].map(([module, names]) => {
    const list = names.map((name) => (importables.get(name)?.isType === true ? `type ${name}` : name))
    return `import { ${list.join(', ')} } from '${module}'`
  })
}
