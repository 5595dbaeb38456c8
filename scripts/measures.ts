import { isTest, SRC } from './import-graph.ts'
import { EXCEPTIONS } from './layer-table.ts'
import { functionsOf, matching } from './functions.ts'
import { type SourceFile, lineAt, withoutImports } from './source-text.ts'

/** What the ratchets measure: every metric is a number, smaller is better, with the places that make it what it is. Most are about sources; some about tests. */

export interface Place {
  /** `path:line` and what is there */
  readonly where: string
  readonly value: number
}

export interface Metric {
  readonly name: string
  readonly title: string
  /** `worst`: the largest place counts; `sum`: places are counted. */
  readonly kind: 'worst' | 'sum'
  /** Good enough: here tightening ends. */
  readonly goal: number
  /** Default: sources. */
  readonly of?: 'tests'
  readonly places: (files: readonly SourceFile[]) => Place[]
}

export const METRICS: readonly Metric[] = [
  worst('functionLinesMax', 'lines of the longest function', 40, (file) =>
    functionsOf(file).map((shape) => at(file, shape.line, shape.lineCount, shape.name)),
  ),
  worst('fileLinesMax', 'lines of the longest file', 300, (file) => [
    at(file, 1, file.text.trimEnd().split('\n').length),
  ]),
  worst('parametersMax', 'parameters of a function', 4, (file) => parameterCounts(file, 'functions')),
  worst('constructorParametersMax', 'parameters of a constructor', 5, (file) => parameterCounts(file, 'constructors')),
  count('booleanParameters', 'boolean parameters', (file) =>
    functionsOf(file).flatMap((shape) =>
      shape.parameters.filter(isBoolean).map((text) => at(file, shape.line, 1, `${shape.name}: ${text}`)),
    ),
  ),
  count('any', '`any`', byPattern(/(?<![.\w$])any\b(?!\s*[(:?])/g)),
  count('casts', '`as` outside of serde/ and api/', (file) =>
    inFolder(file, 'serde') || inFolder(file, 'api') ? [] : casts(file),
  ),
  count('nonNullAssertions', '`!` after an expression', byPattern(/[\w$)\]]!(?![=])/g)),
  count('throwNewError', '`throw new Error(`', byPattern(/\bthrow new Error\(/g)),
  count('console', '`console` outside of cli/', (file) =>
    inFolder(file, 'cli') ? [] : byPattern(/(?<![.\w$])console\./g)(file),
  ),
  count('todos', 'TODO and FIXME', (file) => matches(file, file.text, /\b(?:TODO|FIXME)\b/g)),
  count('defaultExports', 'default exports', byPattern(/^[ \t]*export\s+default\b|\bas\s+default\b/gm)),
  count(
    'enumsAndNamespaces',
    'enums and namespaces',
    byPattern(/^[ \t]*(?:export\s+)?(?:declare\s+)?(?:(?:const\s+)?enum|namespace)\s+[\w$]+/gm),
  ),
  count('awaitInOperators', '`await` in operators/', (file) =>
    inFolder(file, 'operators') ? byPattern(/\bawait\b/g)(file) : [],
  ),
  count('silentCatches', 'catches that say nothing', silentCatches),
  {
    name: 'testsNotRescaled',
    title: 'operator tests that leave the rescaled run out',
    kind: 'sum',
    goal: 0,
    of: 'tests',
    places: (files) => files.flatMap((file) => (inFolder(file, 'operators') ? notRescaled(file) : [])),
  },
  {
    name: 'layerExceptions',
    title: 'exceptions in the layer table',
    kind: 'sum',
    goal: 0,
    places: () => EXCEPTIONS.map((key) => ({ where: key, value: 1 })),
  },
]

export function measure(metric: Metric, files: readonly SourceFile[]): { value: number; places: Place[] } {
  const places = metric.places(files).toSorted((a, b) => b.value - a.value)
  const value = metric.kind === 'sum' ? places.length : (places[0]?.value ?? 0)
  return { value, places }
}

/** Whether the metric looks at this file. */
export function isMeasured(path: string, { of }: Pick<Metric, 'of'> = {}): boolean {
  return /^packages\/[^/]+\/src\//.test(path) && isTest(path) === (of === 'tests')
}

function worst(name: string, title: string, goal: number, placesOf: (file: SourceFile) => Place[]): Metric {
  return { name, title, kind: 'worst', goal, places: (files) => files.flatMap(placesOf) }
}

function count(name: string, title: string, placesOf: (file: SourceFile) => Place[]): Metric {
  return { name, title, kind: 'sum', goal: 0, places: (files) => files.flatMap(placesOf) }
}

const notRescaled = byPattern(/\bnotRescaledBecause\s*:/g)

function at(file: SourceFile, line: number, value: number, what = ''): Place {
  return { where: `${file.path}:${line} ${what}`.trimEnd(), value }
}

function matches(file: SourceFile, text: string, pattern: RegExp): Place[] {
  return [...text.matchAll(pattern)].map((match) => at(file, lineAt(text, match.index), 1, match[0].trim()))
}

function byPattern(pattern: RegExp): (file: SourceFile) => Place[] {
  return (file) => matches(file, file.masked, pattern)
}

function inFolder(file: SourceFile, folder: string): boolean {
  return file.path.startsWith(`${SRC}/${folder}/`)
}

function parameterCounts(file: SourceFile, of: 'functions' | 'constructors'): Place[] {
  return functionsOf(file)
    .filter((shape) => (shape.name === 'constructor') === (of === 'constructors'))
    .map((shape) => at(file, shape.line, shape.parameters.length, shape.name))
}

/** A flag that splits a function in two. The condition of an assertion is none. */
function isBoolean(parameter: string): boolean {
  return /^(?!condition\b)[\w$\s]+\??\s*:\s*boolean\b/.test(parameter) || /=\s*(?:true|false)$/.test(parameter)
}

/**
 * Bytes become typed values in serde/, and the builders of api/ put what overloads and inference promise behind one implementation: there a cast
 * with a reason is the seam itself. Everywhere else each one counts. `{ [K in keyof T as …]: … }` renames keys and is none.
 */
function casts(file: SourceFile): Place[] {
  const code = withoutImports(file.masked).replace(MAPPED_KEYS, (keys) => keys.replace(/\bas\b/g, '  '))
  return matches(file, code, /(?<=[\w$)\]}'"`>]\s+)as\s+(?!const\b)/g)
}

const MAPPED_KEYS = /\[\s*[\w$]+\s+in\s+[^\]]+\]/g

/** A catch may do nothing only if a comment inside says who takes care. */
function silentCatches(file: SourceFile): Place[] {
  const places: Place[] = []
  for (const match of file.masked.matchAll(/\bcatch\b(?:\s*\([^)]*\)\s*\{|\s*\{|\s*\(\s*\(?[\w$]*\)?\s*=>\s*\{)/g)) {
    const open = match.index + match[0].length - 1
    const close = matching(file.masked, open)
    const isEmpty = file.masked.slice(open + 1, close).trim() === ''
    const isExplained = /\/[/*]/.test(file.text.slice(open + 1, close))
    if (isEmpty && !isExplained) places.push(at(file, lineAt(file.text, open), 1))
  }
  const swallowed = /\.catch\(\s*\(?[\w$]*\)?\s*=>\s*(?:undefined|null|void 0)\s*\)/g
  return [...places, ...matches(file, file.masked, swallowed)]
}
