import { describe, expect, test } from 'vitest'
import { functionsOf, splitTopLevel } from './functions.ts'
import { METRICS, measure } from './measures.ts'
import { complaints, tightened } from './ratchets.ts'
import { maskSource, sourceFile } from './source-text.ts'

function valueOf(name: string, text: string, path = 'packages/sluice/src/task/a.ts'): number {
  const metric = METRICS.find((candidate) => candidate.name === name)
  if (metric === undefined) return Number.NaN
  return measure(metric, [sourceFile(path, text)]).value
}

function shapes(text: string): (string | number)[][] {
  return functionsOf(sourceFile('a.ts', text)).map(({ name, lineCount, parameters }) => [
    name,
    lineCount,
    parameters.length,
  ])
}

describe('masking', () => {
  test.each([
    ["a('x // y') // z", "a('      ')     "],
    ['a /* any\n */ b', 'a       \n    b'],
    ['`a ${b + `c ${d}`} e`', '`   {b + `   {d}`}   `'],
    ['x = /[/"]+/.test(y) / 2 / 3', 'x =         .test(y) / 2 / 3'],
    ["'it\\'s' + any", "'     ' + any"],
  ])('of %j keeps code and offsets', (text, masked) => {
    const result = maskSource(text)
    expect(result).toHaveLength(text.length)
    expect(result.replace(/\s+/g, ' ')).toBe(masked.replace(/\s+/g, ' '))
  })
})

describe('functions', () => {
  test.each<[string, (string | number)[][]]>([
    ['function f(a: number, b = g(1, 2)): void {\n  h()\n}', [['f', 3, 2]]],
    ['const f = (a: Map<string, number>) => {\n}', [['', 2, 1]]],
    ['class A {\n  get(a: string): { b: number } {\n  }\n}', [['get', 2, 1]]],
    ['class A {\n  get<T extends Map<A, B>>(a: T): readonly T[] | undefined {\n  }\n}', [['get', 2, 1]]],
    ['class A {\n  is(a: unknown): a is string {\n  }\n}', [['is', 2, 1]]],
    ['const f = async ({ a, b }: P): Promise<Map<K, V>> => g(a, b)', [['async', 1, 1]]],
    [
      'class A {\n  get(a: string): (b: C) => void {\n  }\n}',
      [
        ['get', 2, 1],
        ['', 1, 1],
      ],
    ],
    ['interface A {\n  get(a: string): string\n  set(a: string): void\n}', []],
    ['if (a) {\n}\nfor (const a of b(c)) {\n}\nwhile (a) {\n}', []],
    ['const a = b ? f(c) : { d: 1 }', []],
    ['function f(this: A, a: B): asserts a {\n}', [['f', 2, 1]]],
  ])('of %j', (text, expected) => {
    expect(shapes(text)).toEqual(expected)
  })

  test('parameters are split at their own commas only', () => {
    expect(splitTopLevel('a: Map<A, B>, { c, d }: E, f: (g: G, h: H) => I, ')).toEqual([
      'a: Map<A, B>',
      '{ c, d }: E',
      'f: (g: G, h: H) => I',
    ])
  })
})

describe('metrics', () => {
  test.each<[string, string, number]>([
    ['fileLinesMax', 'a\nb\nc\n', 3],
    ['functionLinesMax', 'function f() {\n\n}\nconst g = () => {\n}', 3],
    ['parametersMax', 'class A { constructor(a, b, c, d, e) {} f(a, b) {} }', 2],
    ['constructorParametersMax', 'class A { constructor(a, b, c, d, e) {} f(a, b) {} }', 5],
    ['booleanParameters', 'function f(a: boolean, b?: boolean, c = false, d: string) {}', 3],
    ['booleanParameters', 'function assert(condition: boolean) {}', 0],
    ['any', 'let a: any\nlet b: any[]\nlet c = d as any\nPromise.any([])\n// any\nlet s = "any"', 3],
    ['casts', `import { a as b } from 'c'\nimport * as d from 'e'\nconst f = g as H\nconst i = [] as const`, 1],
    ['nonNullAssertions', 'a!.b\nc![0]\nd!\nif (!e && f !== g && h != i) {}', 3],
    ['throwNewError', `throw new Error('a')\nthrow new EngineError('b')`, 1],
    ['console', `console.log(1)\nthis.console.log(2)`, 1],
    ['todos', '// TODO: a\nconst todo = 1', 1],
    ['defaultExports', 'export default 1\nexport { a as default }', 2],
    ['enumsAndNamespaces', 'export const enum A {}\ndeclare enum B {}\nnamespace C {}', 3],
    ['silentCatches', 'try {} catch {}\ntry {} catch (e) {\n}\na.catch(() => {})\nb.catch(() => undefined)', 4],
    ['silentCatches', 'try {} catch {\n  // the caller counts it\n}\na.catch((e) => f(e))', 0],
  ])('%s of %j', (name, text, value) => {
    expect(valueOf(name, text)).toBe(value)
  })

  test('some metrics look at one folder, or leave one out', () => {
    expect(valueOf('awaitInOperators', 'await a', 'packages/sluice/src/operators/a.ts')).toBe(1)
    expect(valueOf('awaitInOperators', 'await a')).toBe(0)
    const excused = `const options = { notRescaledBecause: 'it counts' }`
    expect(valueOf('testsNotRescaled', excused, 'packages/sluice/src/operators/a.test.ts')).toBe(1)
    expect(valueOf('testsNotRescaled', excused)).toBe(0)
    expect(valueOf('casts', 'a as B', 'packages/sluice/src/serde/a.ts')).toBe(0)
    expect(valueOf('casts', 'a as B', 'packages/sluice/src/api/a.ts')).toBe(0)
    expect(valueOf('console', 'console.log(1)', 'packages/sluice/src/cli/a.ts')).toBe(0)
  })
})

describe('limits', () => {
  const metric = { name: 'casts', title: 'casts', kind: 'sum', goal: 2 } as const
  const places = [{ where: 'a.ts:1', value: 1 }]

  test('a worse value is reported with its places', () => {
    expect(complaints([{ metric, value: 1, limit: 0, places }])).toEqual([
      'casts: casts: 1, at most 0 allowed\n    a.ts:1 (1)',
    ])
    expect(complaints([{ metric, value: 1, limit: 1, places }])).toEqual([])
  })

  test('tightening lowers a limit, never raises it, and stops at the goal', () => {
    expect(tightened([{ metric, value: 5, limit: 9, places }])).toEqual({ casts: 5 })
    expect(tightened([{ metric, value: 9, limit: 5, places }])).toEqual({ casts: 5 })
    expect(tightened([{ metric, value: 0, limit: 5, places }])).toEqual({ casts: 2 })
  })
})
