import { type SourceFile, lineAt } from './source-text.ts'

/**
 * Finds functions with a body in masked text: declarations, methods, function expressions and arrow functions. Works
 * from the list of parameters: what stands before `(` and after `)` tells a function from a call or a condition.
 */

export interface FunctionShape {
  readonly name: string
  /** Line of the parameter list. */
  readonly line: number
  readonly lineCount: number
  readonly parameters: readonly string[]
}

const NOT_FUNCTIONS = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await'])
const NAME_LENGTH_MAX = 200
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '{': '}', '[': ']' }

const known = new WeakMap<SourceFile, readonly FunctionShape[]>()

/** Found once per file: several metrics ask. */
export function functionsOf(file: SourceFile): readonly FunctionShape[] {
  const shapes = known.get(file) ?? findFunctions(file)
  known.set(file, shapes)
  return shapes
}

function findFunctions(file: SourceFile): FunctionShape[] {
  const { masked } = file
  const found: FunctionShape[] = []
  for (let open = masked.indexOf('('); open !== -1; open = masked.indexOf('(', open + 1)) {
    const name = nameBefore(masked, open)
    const close = matching(masked, open)
    if (NOT_FUNCTIONS.has(name) || close === -1) continue
    const body = bodyStart(masked, close + 1)
    if (body === -1) continue
    const end = masked.charAt(body) === '{' ? matching(masked, body) : body
    const line = lineAt(masked, open)
    const parameters = splitTopLevel(masked.slice(open + 1, close)).filter((text) => !/^this\b/.test(text))
    found.push({ name, line, lineCount: lineAt(masked, end) - line + 1, parameters })
  }
  return found
}

/** The word before the parameters and their type parameters: a name, a keyword, or nothing. */
function nameBefore(masked: string, open: number): string {
  const before = masked.slice(Math.max(0, open - NAME_LENGTH_MAX), open).trimEnd()
  const end = before.endsWith('>') && !before.endsWith('=>') ? before.search(/<[^()]*>$/) : before.length
  let start = Math.max(0, end)
  while (start > 0 && /[\w$]/.test(before.charAt(start - 1))) start -= 1
  return before.slice(start, Math.max(0, end))
}

/** The index of the bracket that closes the one at `open`, or -1. */
export function matching(masked: string, open: number): number {
  const expected: string[] = []
  for (let i = open; i < masked.length; i += 1) {
    const char = masked.charAt(i)
    const closing = CLOSING[char]
    if (closing !== undefined) expected.push(closing)
    else if (char === expected.at(-1)) {
      expected.pop()
      if (expected.length === 0) return i
    }
  }
  return -1
}

/** Where the body starts: its `{`, or the expression of an arrow function; -1 if no function ends its parameters here. */
function bodyStart(masked: string, afterParameters: number): number {
  let i = skipSpace(masked, afterParameters)
  if (masked.charAt(i) === ':') i = skipSpace(masked, skipType(masked, i + 1))
  if (masked.startsWith('=>', i)) return skipSpace(masked, i + 2)
  return masked.charAt(i) === '{' ? i : -1
}

function skipSpace(masked: string, i: number): number {
  return i + (/^\s*/.exec(masked.slice(i, i + 500))?.[0].length ?? 0)
}

/** Skips one type: operands joined by operators. A `{` where an operator could stand is not part of it. */
function skipType(masked: string, start: number): number {
  let i = skipSpace(masked, start)
  while (i < masked.length) {
    const isParameterList = masked.charAt(i) === '('
    i = skipOperand(masked, i)
    const rest = masked.slice(i, i + 500)
    const operator = (isParameterList && /^\s*=>\s*/.exec(rest)) || /^\s*(?:[|&.]|\bis\b|\bextends\b)\s*/.exec(rest)
    if (operator === null) return i
    i += operator[0].length
  }
  return i
}

const TYPE_PREFIX = /^(?:(?:keyof|typeof|readonly|infer|asserts|unique|new|[|&])\s*)*/

function skipOperand(masked: string, start: number): number {
  let i = start + (TYPE_PREFIX.exec(masked.slice(start, start + 200))?.[0].length ?? 0)
  const char = masked.charAt(i)
  if (CLOSING[char] !== undefined) i = matching(masked, i) + 1
  else if (/['"`]/.test(char)) i = masked.indexOf(char, i + 1) + 1
  else i += /^[\w$.-]*/.exec(masked.slice(i, i + 200))?.[0].length ?? 0
  for (;;) {
    const next = masked.charAt(i)
    if (next === '[') i = matching(masked, i) + 1
    else if (next === '<') i = angleEnd(masked, i)
    else return i
    if (i === 0) return masked.length
  }
}

function angleEnd(masked: string, open: number): number {
  let depth = 0
  for (let i = open; i < masked.length; i += 1) {
    const char = masked.charAt(i)
    if (char === '<') depth += 1
    if (char === '>' && masked.charAt(i - 1) !== '=') depth -= 1
    if (depth === 0) return i + 1
  }
  return masked.length
}

/** Splits a parameter list at its commas, not at those inside brackets and type arguments. */
export function splitTopLevel(list: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < list.length; i += 1) {
    const char = list.charAt(i)
    if ('([{<'.includes(char)) depth += 1
    else if (')]}'.includes(char) || (char === '>' && list.charAt(i - 1) !== '=')) depth -= 1
    else if (char === ',' && depth === 0) {
      parts.push(list.slice(start, i))
      start = i + 1
    }
  }
  parts.push(list.slice(start))
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}
