/** Turns columns into plain objects with one hidden class, by generated code. */
import type { ColumnValues } from './parquet-column.ts'

/** Rows `from` to `to` (exclusive) as objects. */
export type BuildRows = (columns: readonly ColumnValues[], from: number, to: number) => object[]

/**
 * A function for rows with these field names. The only text in it that comes from the file is a name as a JSON string literal; as a computed key `__proto__`
 * is an own field like any other.
 */
export function compileRows(names: readonly string[]): BuildRows {
  const locals = names.map((_, k) => `const v${k} = columns[${k}].values, x${k} = columns[${k}].indexes`)
  const fields = names.map((name, k) => `${keyText(name)}: v${k}[x${k}[row]]`)
  const body = [
    ...locals,
    'const rows = []',
    `for (let row = from; row < to; row++) rows.push({ ${fields.join(', ')} })`,
    'return rows',
  ]
  return new Function('columns', 'from', 'to', body.join('\n')) as BuildRows // the text above
}

/** A field name as a key of an object literal. */
export function keyText(name: string): string {
  const literal = JSON.stringify(name)
  return name === '__proto__' ? `[${literal}]` : literal
}
