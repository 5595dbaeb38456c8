import { type Declaration, type Member, type PublicSymbol, packageSources, publicSymbols } from './public-symbols.ts'

/**
 * `npm run check -- docstrings`: what a user can import is explained where it is declared.
 *
 * D1 Every exported name has a docstring; for an object of functions, those of its functions will do.
 * D2 So does every public method and field of an exported class, and every method of an exported interface.
 * D3 Functions, classes and constants have an example, of their own or of a member.
 * D4 An optional number, text or flag of an interface says its default, or what its absence means.
 * D5 A number of an interface says its unit in its name or has a docstring.
 */

/** By name, or `name.member`: why it needs none. May only become shorter. */
export const EXEMPTIONS: Readonly<Record<string, string>> = {
  ErrorContext: 'fields are named for what they are, and absent where it is not known',
  MemoryDisk: 'its methods are those of a disk, which a job does not call',
}

const ABSENCE = /default|without|where it|if (?:it )?(?:is |was )?(?:none|not)|undefined|absent|only (?:when|where|if)/i
const UNIT = /(?:Ms|Bytes|Count|Index|Max|Min|Number|PerSecond|Timestamp)$|^(?:timestamp|watermark|size|count|length)$/

export function complaintsAbout(symbols: readonly PublicSymbol[]): string[] {
  const complaints = symbols.filter(({ name }) => !Object.hasOwn(EXEMPTIONS, name)).flatMap(complaintsAboutSymbol)
  return [...new Set(complaints), ...needlessExemptions(symbols)]
}

function complaintsAboutSymbol({ name, isType, declarations }: PublicSymbol): string[] {
  if (declarations.length === 0) return [`${name} is exported, but its declaration was not found`]
  const values = declarations.filter(({ kind }) => kind !== 'interface' && kind !== 'type')
  return [
    ...(declarations.some(isExplained)
      ? []
      : declarations.slice(0, 1).map((one) => at(one, `${name} has no docstring`))),
    ...declarations.flatMap((one) =>
      membersWithout(one).map((member) => inside(one, name, member, 'has no docstring')),
    ),
    ...(isType ? [] : values.filter(lacksExample).map((one) => at(one, `${name} has no @example`))),
    ...declarations.flatMap((one) => fieldComplaints(one, name)),
  ]
}

function isExplained({ kind, doc, members }: Declaration): boolean {
  if (doc !== undefined) return true
  return kind === 'const' && members.length > 0 && members.every((member) => member.doc !== undefined)
}

function membersWithout({ kind, members }: Declaration): Member[] {
  const without = members.filter(({ doc }) => doc === undefined)
  if (kind === 'interface') return without.filter(({ declaration }) => /^[\w$]+\??[(<]/.test(declaration))
  return kind === 'class' ? without : []
}

function lacksExample({ doc, members }: Declaration): boolean {
  return [doc, ...members.map((member) => member.doc)].every(
    (docstring) => docstring?.text.includes('@example') !== true,
  )
}

function fieldComplaints(declaration: Declaration, name: string): string[] {
  if (declaration.kind !== 'interface') return []
  return declaration.members.flatMap((member) => {
    const field = /^(?:readonly )?[\w$]+(\??): (?:number|string|boolean)\b/.exec(member.declaration)
    if (field === null) return []
    const isNumber = /: number\b/.test(field[0])
    if (field[1] === '?' && !ABSENCE.test(member.doc?.text ?? '')) {
      return [inside(declaration, name, member, 'does not say its default, or what its absence means')]
    }
    const isClear = !isNumber || member.doc !== undefined || UNIT.test(member.name)
    return isClear ? [] : [inside(declaration, name, member, 'does not say its unit')]
  })
}

function at({ file, line }: Declaration, what: string): string {
  return `${file.path}:${line} ${what}`
}

function inside({ file }: Declaration, name: string, member: Member, what: string): string {
  return `${file.path}:${member.line} ${name}.${member.name} ${what}`
}

function needlessExemptions(symbols: readonly PublicSymbol[]): string[] {
  return Object.keys(EXEMPTIONS)
    .filter((name) => symbols.filter((symbol) => symbol.name === name).flatMap(complaintsAboutSymbol).length === 0)
    .map((name) => `${name} needs no exemption any more: remove it from scripts/docstrings.ts`)
}

if (import.meta.main) {
  const symbols = publicSymbols(packageSources())
  const complaints = complaintsAbout(symbols)
  for (const complaint of complaints) console.log(complaint)
  console.log(`${symbols.length} public names, ${complaints.length} complaints`)
  process.exitCode = complaints.length === 0 ? 0 : 1
}
