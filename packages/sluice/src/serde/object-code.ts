/**
 * Generated code for plain objects of one shape: field access by name, and object literals, so that V8 gives all objects of a shape
 * one hidden class. About five times faster than loops over the keys.
 *
 * J1 The only text of a generated function that comes from data is a key as a JSON string literal.
 * J2 `__proto__` is a computed key in a literal: an own field like any other.
 * J3 The cache is bounded; what falls out is generated again when it is needed.
 */
import { ByteWriter, type ByteReader } from '../base/bytes.ts'
import type { ShapeTable } from './shape-table.ts'

/** Generated functions are kept for this many shapes of a thread. */
export const OBJECT_CODES_MAX = 512

/** Values of each field of the objects, or undefined when they are not all plain objects of the shape. */
export type Gather = (values: readonly unknown[]) => unknown[][] | undefined
/** Objects from the values of each field. */
export type Scatter = (columns: readonly (readonly unknown[])[], count: number) => unknown[]
type ReadField = (reader: ByteReader, shapes: ShapeTable, depth: number) => unknown
/** An object whose fields are read one after the other. */
export type ReadObject = (read: ReadField, reader: ByteReader, shapes: ShapeTable, depth: number) => object

export class ObjectCode {
  readonly keys: readonly string[]
  #keyBytes: Uint8Array | undefined
  #gather: Gather | undefined
  #scatter: Scatter | undefined
  #readObject: ReadObject | undefined

  constructor(keys: readonly string[]) {
    this.keys = keys
  }

  /** The keys as bytes: their number, then each. */
  get keyBytes(): Uint8Array {
    return (this.#keyBytes ??= encodeKeys(this.keys))
  }

  get gather(): Gather {
    return (this.#gather ??= compileGather(this.keys))
  }

  get scatter(): Scatter {
    return (this.#scatter ??= compileScatter(this.keys))
  }

  get readObject(): ReadObject {
    return (this.#readObject ??= compileReadObject(this.keys))
  }
}

const codes = new Map<string, ObjectCode>()

/** The code of a shape, from the cache of this thread. */
export function objectCode(keys: readonly string[]): ObjectCode {
  const name = JSON.stringify(keys)
  let code = codes.get(name)
  if (code !== undefined) codes.delete(name)
  else {
    code = new ObjectCode([...keys])
    if (codes.size === OBJECT_CODES_MAX) dropOldest()
  }
  codes.set(name, code)
  return code
}

function dropOldest(): void {
  for (const name of codes.keys()) {
    codes.delete(name)
    return
  }
}

function encodeKeys(keys: readonly string[]): Uint8Array {
  const out = new ByteWriter()
  out.varint(keys.length)
  for (const key of keys) out.string(key)
  return out.take()
}

/**
 * The loop over the keys compares names and order; what `Object.prototype` was given by others would show up in it, so then nothing is
 * gathered.
 */
function compileGather(keys: readonly string[]): Gather {
  const columns = keys.map((_, i) => `c${i}`)
  const source = `
    for (const key in prototype) return undefined
    const count = values.length
    ${columns.map((column) => `const ${column} = new Array(count)`).join('\n')}
    for (let i = 0; i < count; i++) {
      const value = values[i]
      if (typeof value !== 'object' || value === null || getPrototypeOf(value) !== prototype) return undefined
      let at = 0
      for (const key in value) if (key !== keys[at++]) return undefined
      if (at !== ${keys.length}) return undefined
      ${columns.map((column, i) => `${column}[i] = value[${JSON.stringify(keys[i])}]`).join('\n')}
    }
    return [${columns.join(', ')}]`
  const make = new Function('keys', 'prototype', 'getPrototypeOf', `return function gather(values) {${source}}`)
  return make(keys, Object.prototype, Object.getPrototypeOf) as Gather // what the source says
}

function compileScatter(keys: readonly string[]): Scatter {
  const columns = keys.map((_, i) => `c${i}`)
  const source = `
    ${columns.map((column, i) => `const ${column} = columns[${i}]`).join('\n')}
    const values = new Array(count)
    for (let i = 0; i < count; i++) values[i] = { ${columns.map((column, i) => `${literalKey(keys[i])}: ${column}[i]`).join(', ')} }
    return values`
  return new Function('columns', 'count', source) as Scatter // what the source says
}

function compileReadObject(keys: readonly string[]): ReadObject {
  const fields = keys.map((key) => `${literalKey(key)}: read(reader, shapes, depth)`)
  return new Function('read', 'reader', 'shapes', 'depth', `return { ${fields.join(', ')} }`) as ReadObject // what the source says
}

function literalKey(key: string | undefined): string {
  return key === '__proto__' ? '["__proto__"]' : JSON.stringify(key)
}
