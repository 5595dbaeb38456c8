/**
 * The key lists ("shapes") of the plain objects of one chunk: the first object of a shape carries its keys, later ones its number.
 *
 * H1 A table serves one chunk, and either writes or reads it.
 * H2 Both sides number shapes in the order of their first use in the bytes, from 0.
 * H3 A shape beyond the limits is never numbered: its objects carry their keys each time.
 */
import { objectCode, type ReadObject } from './object-code.ts'

/** Most shapes of one chunk; objects used as dictionaries would fill the table without end. */
export const SHAPES_MAX = 1024
/** Most keys of a numbered shape. */
export const SHAPE_KEYS_MAX = 256

/** Objects of one shape read before code is generated for it. */
const READS_BEFORE_CODE = 64

/** `Object.prototype` or none. */
export type Prototype = object | null

export class ShapeTable {
  readonly #plainRoot = new TrieNode()
  readonly #nullRoot = new TrieNode()
  readonly #written: TrieNode[] = []
  readonly #read: ReadShape[] = []

  /** Shapes written so far. */
  get writtenCount(): number {
    return this.#written.length
  }

  /** Number of the shape, or -1 when it has none yet. */
  find(keys: readonly string[], prototype: Prototype): number {
    let node: TrieNode | undefined = this.#root(prototype)
    for (const key of keys) {
      node = node.child(key)
      if (node === undefined) return -1
    }
    return node.number
  }

  /** Gives the shape the next number; false when it gets none (H3). */
  define(keys: readonly string[], prototype: Prototype): boolean {
    if (this.#written.length === SHAPES_MAX || keys.length > SHAPE_KEYS_MAX) return false
    let node = this.#root(prototype)
    for (const key of keys) node = node.grow(key)
    node.number = this.#written.length
    this.#written.push(node)
    return true
  }

  /** Takes back the numbers from `count` on: their bytes were cut off. */
  rollBack(count: number): void {
    for (const node of this.#written.splice(count)) node.number = -1
  }

  get readCount(): number {
    return this.#read.length
  }

  readShape(number: number): ReadShape | undefined {
    return this.#read[number]
  }

  addRead(keys: readonly string[], prototype: Prototype): ReadShape {
    const shape = new ReadShape(keys, prototype)
    this.#read.push(shape)
    return shape
  }

  #root(prototype: Prototype): TrieNode {
    return prototype === null ? this.#nullRoot : this.#plainRoot
  }
}

/** A shape on the reading side. */
export class ReadShape {
  readonly keys: readonly string[]
  readonly prototype: Prototype
  #reads = 0
  #readObject: ReadObject | undefined

  constructor(keys: readonly string[], prototype: Prototype) {
    this.keys = keys
    this.prototype = prototype
  }

  /** Generated code that reads objects of this shape, once it pays. */
  get readObject(): ReadObject | undefined {
    if (this.#readObject !== undefined) return this.#readObject
    if (this.prototype === null || ++this.#reads < READS_BEFORE_CODE) return undefined
    this.#readObject = objectCode(this.keys).readObject
    return this.#readObject
  }
}

class TrieNode {
  number = -1
  /** The child used last; the only one as long as there is no map. */
  #key: string | undefined
  #child: TrieNode | undefined
  #children: Map<string, TrieNode> | undefined

  child(key: string): TrieNode | undefined {
    if (key === this.#key) return this.#child
    const child = this.#children?.get(key)
    if (child !== undefined) {
      this.#key = key
      this.#child = child
    }
    return child
  }

  grow(key: string): TrieNode {
    const known = this.child(key)
    if (known !== undefined) return known
    const child = new TrieNode()
    if (this.#key !== undefined && this.#child !== undefined) {
      this.#children ??= new Map([[this.#key, this.#child]])
      this.#children.set(key, child)
    }
    this.#key = key
    this.#child = child
    return child
  }
}
