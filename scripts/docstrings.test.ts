import { describe, expect, test } from 'vitest'
import { EXEMPTIONS, complaintsAbout } from './docstrings.ts'
import { type PublicSymbol, publicSymbols } from './public-symbols.ts'
import { sourceFile } from './source-text.ts'

/** A package whose entry exports `names` of one file. */
function symbolsOf(names: string, ...lines: readonly string[]): PublicSymbol[] {
  const files = [
    sourceFile('packages/sluice/src/index.ts', `export { ${names} } from './api/a.ts'\n`),
    sourceFile('packages/sluice/src/api/a.ts', `${lines.join('\n')}\n`),
    sourceFile('packages/sluice/src/api/b.ts', '/** B. */\nexport interface B {\n  readonly x: string\n}\n'),
  ]
  return publicSymbols(new Map(files.map((file) => [file.path, file])))
}

function complaintsOf(names: string, ...lines: readonly string[]): string[] {
  const all = complaintsAbout(symbolsOf(names, ...lines))
  return all
    .filter((text) => !text.includes('needs no exemption'))
    .map((text) => text.replace(/^packages\/sluice\/src\//, ''))
}

describe('public symbols', () => {
  test('are followed through re-exports', () => {
    const [symbol] = symbolsOf('type B', "export { type B } from './b.ts'")
    expect(symbol?.declarations.map(({ file, line }) => `${file.path}:${line}`)).toEqual([
      'packages/sluice/src/api/b.ts:2',
    ])
  })

  test('overloads are one declaration, with the docstring that one of them has', () => {
    const [symbol] = symbolsOf(
      'f',
      '/** F. */',
      'export function f(a: string): void',
      'export function f(a: number): void {',
      '}',
    )
    expect(symbol?.declarations).toHaveLength(1)
    expect(symbol?.declarations[0]?.doc?.text).toBe('/** F. */')
  })

  test('members are those of the body, without private ones and constructors', () => {
    const [symbol] = symbolsOf(
      'C',
      'export class C<T extends { readonly a: string }> {',
      '  readonly #x = 1',
      '  constructor(x: number) {',
      '    this.y({ z: x })',
      '  }',
      '  /** Y. */',
      '  y(z: object): void {',
      '    if (z) return',
      '  }',
      '}',
    )
    expect(symbol?.declarations[0]?.members.map(({ name }) => name)).toEqual(['y'])
  })
})

describe('docstrings', () => {
  test('a name without one is named with its place', () => {
    expect(complaintsOf('type T', 'export type T = string')).toEqual(['api/a.ts:1 T has no docstring'])
  })

  test('a name that is not declared where it is exported from is a complaint', () => {
    expect(complaintsOf('gone', 'const gone = 1')).toEqual(['gone is exported, but its declaration was not found'])
  })

  test('functions, classes and constants need an example; a member may have it', () => {
    expect(complaintsOf('f', '/** F. */', 'export function f(): void {}')).toEqual(['api/a.ts:2 f has no @example'])
    const object = ['/** O. */', 'export const O = {', '  /** @example O.f() */', '  f(): void {},', '}']
    expect(complaintsOf('O', ...object)).toEqual([])
  })

  test('methods of classes and interfaces need one', () => {
    const lines = ['/** @example new C() */', 'export class C {', '  f(): void {', '  }', '}']
    expect(complaintsOf('C', ...lines)).toEqual(['api/a.ts:3 C.f has no docstring'])
    expect(complaintsOf('type I', '/** I. */', 'export interface I {', '  f?(): void', '}')).toEqual([
      'api/a.ts:3 I.f has no docstring',
    ])
  })

  test('optional fields say their default, numbers their unit', () => {
    const lines = [
      '/** I. */',
      'export interface I {',
      '  /** How long. */',
      '  readonly timeout?: string',
      '  /** How long. Default `1s`. */',
      '  readonly delay?: string',
      '  readonly age: number',
      '  readonly ageMs: number',
      '}',
    ]
    expect(complaintsOf('type I', ...lines)).toEqual([
      'api/a.ts:4 I.timeout does not say its default, or what its absence means',
      'api/a.ts:7 I.age does not say its unit',
    ])
  })

  test('exemptions only become fewer: one that nothing needs any more is a complaint', () => {
    expect(Object.keys(EXEMPTIONS).length).toBeLessThanOrEqual(2)
    expect(complaintsAbout([])).toContain(
      'MemoryDisk needs no exemption any more: remove it from scripts/docstrings.ts',
    )
  })
})
