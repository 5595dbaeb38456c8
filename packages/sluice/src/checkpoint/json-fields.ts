/** Reads JSON that somebody else may have damaged: every access checks the type and names where it is wrong. */
import { Buffer } from 'node:buffer'
import type { EngineError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'

/** Makes the error for what does not fit; `problem` says where and what. */
export type RefuseJson = (problem: string) => EngineError

type JsonObject = Readonly<Record<string, JsonValue>>

/** One object of the document. Every field has to be read; `finish` refuses fields that nobody read. */
export class JsonFields {
  readonly #where: string
  readonly #refuse: RefuseJson
  readonly #object: JsonObject
  readonly #read = new Set<string>()

  constructor(value: JsonValue, where: string, refuse: RefuseJson) {
    if (!isObject(value)) throw refuse(`${where} is ${describe(value)}, not an object`)
    this.#object = value
    this.#where = where
    this.#refuse = refuse
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#object, name)
  }

  value(name: string): JsonValue {
    this.#read.add(name)
    const value = Object.hasOwn(this.#object, name) ? this.#object[name] : undefined
    if (value === undefined) throw this.#mismatch(name, 'is missing')
    return value
  }

  string(name: string): string {
    const value = this.value(name)
    if (typeof value !== 'string') throw this.#mismatch(name, `is ${describe(value)}, not a string`)
    return value
  }

  /** A safe integer of at least `min`. */
  integer(name: string, min: number): number {
    const value = this.value(name)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value
    throw this.#mismatch(name, `is ${describe(value)}, not an integer of at least ${min}`)
  }

  /** A finite number that is not negative. */
  amount(name: string): number {
    const value = this.value(name)
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
    throw this.#mismatch(name, `is ${describe(value)}, not a number of at least 0`)
  }

  bytes(name: string): Uint8Array {
    const text = this.string(name)
    const bytes = Buffer.from(text, 'base64')
    if (bytes.toString('base64') !== text) throw this.#mismatch(name, 'is not base64')
    return new Uint8Array(bytes)
  }

  object<T>(name: string, read: (fields: JsonFields) => T): T {
    return this.#readObject(this.value(name), this.#path(name), read)
  }

  list<T>(name: string, read: (fields: JsonFields) => T): readonly T[] {
    return this.values(name).map((item, index) => this.#readObject(item, `${this.#path(name)}[${index}]`, read))
  }

  values(name: string): readonly JsonValue[] {
    const value = this.value(name)
    if (!isArray(value)) throw this.#mismatch(name, `is ${describe(value)}, not an array`)
    return value
  }

  strings(name: string): Readonly<Record<string, string>> {
    return this.object(name, (fields) => {
      const entries = Object.keys(fields.#object).map((key) => [key, fields.string(key)] as const)
      return Object.fromEntries(entries)
    })
  }

  fail(name: string, problem: string): never {
    throw this.#mismatch(name, problem)
  }

  finish(): void {
    const unknown = Object.keys(this.#object).find((name) => !this.#read.has(name))
    if (unknown !== undefined) throw this.#mismatch(unknown, 'is not known')
  }

  #readObject<T>(value: JsonValue, where: string, read: (fields: JsonFields) => T): T {
    const fields = new JsonFields(value, where, this.#refuse)
    const result = read(fields)
    fields.finish()
    return result
  }

  #mismatch(name: string, problem: string): EngineError {
    return this.#refuse(`${this.#path(name)} ${problem}`)
  }

  #path(name: string): string {
    return `${this.#where}.${name}`
  }
}

export function bytesToBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !isArray(value)
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

function describe(value: JsonValue): string {
  if (isArray(value)) return 'an array'
  return isObject(value) ? 'an object' : JSON.stringify(value).slice(0, 40)
}
