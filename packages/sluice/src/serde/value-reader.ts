import type { ByteReader } from '../base/bytes.ts'
import { SHAPE_KEYS_MAX, SHAPES_MAX, type Prototype, ReadShape, type ShapeTable } from './shape-table.ts'
import {
  SMALL_INT_MAX,
  TAG_ARRAY,
  TAG_BIGINT,
  TAG_DATE,
  TAG_F64,
  TAG_FALSE,
  TAG_INT,
  TAG_LOOSE_NULL_OBJECT,
  TAG_LOOSE_OBJECT,
  TAG_MAP,
  TAG_NEGATIVE_INT,
  TAG_NEW_NULL_SHAPE,
  TAG_NEW_SHAPE,
  TAG_NULL,
  TAG_SAFE_BIGINT,
  TAG_SET,
  TAG_SHAPE,
  TAG_SHORT_SHAPE,
  TAG_SHORT_STRING,
  TAG_STRING,
  TAG_TRUE,
  TAG_TYPED_ARRAY,
  TAG_UNDEFINED,
  TYPED_ARRAYS,
  VALUE_DEPTH_MAX,
} from './value-format.ts'

/** `depth` is the number of containers around the value. */
export function readValue(reader: ByteReader, shapes: ShapeTable, depth: number): unknown {
  const tag = reader.u8()
  if (tag <= SMALL_INT_MAX) return tag
  if (tag < TAG_SHORT_STRING) return readShaped(reader, tag - TAG_SHORT_SHAPE, shapes, depth)
  if (tag < TAG_UNDEFINED) return reader.text(tag - TAG_SHORT_STRING)
  if (tag >= TAG_NEGATIVE_INT) return tag - 0x100
  switch (tag) {
    case TAG_UNDEFINED:
      return undefined
    case TAG_NULL:
      return null
    case TAG_FALSE:
      return false
    case TAG_TRUE:
      return true
    case TAG_INT:
      return reader.zigzag()
    case TAG_F64:
      return reader.f64()
    case TAG_STRING:
      return reader.string()
    case TAG_SAFE_BIGINT:
      return BigInt(reader.zigzag())
    case TAG_BIGINT:
      return readBigInt(reader)
    case TAG_DATE:
      return readDate(reader)
    case TAG_TYPED_ARRAY:
      return readTypedArray(reader)
    default:
      return readContainer(reader, tag, shapes, depth)
  }
}

function readContainer(reader: ByteReader, tag: number, shapes: ShapeTable, depth: number): unknown {
  if (depth >= VALUE_DEPTH_MAX) throw reader.malformed(`values are nested deeper than ${VALUE_DEPTH_MAX} levels`)
  switch (tag) {
    case TAG_ARRAY:
      return readArray(reader, shapes, depth)
    case TAG_MAP:
      return readMap(reader, shapes, depth)
    case TAG_SET:
      return readSet(reader, shapes, depth)
    case TAG_SHAPE:
      return readShaped(reader, reader.varint(), shapes, depth)
    case TAG_NEW_SHAPE:
    case TAG_NEW_NULL_SHAPE:
      return readFields(
        reader,
        readNewShape(reader, tag === TAG_NEW_SHAPE ? Object.prototype : null, shapes),
        shapes,
        depth,
      )
    case TAG_LOOSE_OBJECT:
    case TAG_LOOSE_NULL_OBJECT:
      return readFields(
        reader,
        new ReadShape(readKeys(reader), tag === TAG_LOOSE_OBJECT ? Object.prototype : null),
        shapes,
        depth,
      )
    default:
      throw reader.malformed(`0x${tag.toString(16)} is no tag of a value`)
  }
}

function readShaped(reader: ByteReader, number: number, shapes: ShapeTable, depth: number): unknown {
  const shape = shapes.readShape(number)
  if (shape === undefined)
    throw reader.malformed(`an object has shape ${number}, but only ${shapes.readCount} shapes came before it`)
  if (depth >= VALUE_DEPTH_MAX) throw reader.malformed(`objects are nested deeper than ${VALUE_DEPTH_MAX} levels`)
  return readFields(reader, shape, shapes, depth)
}

function readFields(reader: ByteReader, shape: ReadShape, shapes: ShapeTable, depth: number): object {
  const generated = shape.readObject
  if (generated !== undefined) return generated(readValue, reader, shapes, depth + 1)
  const value: Record<string, unknown> = shape.prototype === null ? Object.create(null) : {}
  for (const key of shape.keys) putField(value, key, readValue(reader, shapes, depth + 1))
  return value
}

/** Assigning to a name that the prototype has, `__proto__` above all, may do anything but add a field. */
function putField(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key in target) Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

function readNewShape(reader: ByteReader, prototype: Prototype, shapes: ShapeTable): ReadShape {
  const keys = readKeys(reader)
  if (keys.length > SHAPE_KEYS_MAX || shapes.readCount === SHAPES_MAX)
    throw reader.malformed('a shape beyond the limits is numbered')
  return shapes.addRead(keys, prototype)
}

function readKeys(reader: ByteReader): string[] {
  const count = reader.count(1, 'keys of an object')
  const keys: string[] = []
  for (let i = 0; i < count; i++) keys.push(reader.string())
  if (new Set(keys).size !== count) throw reader.malformed('an object has the same key twice')
  return keys
}

function readArray(reader: ByteReader, shapes: ShapeTable, depth: number): unknown[] {
  const count = reader.count(1, 'elements of an array')
  const values: unknown[] = []
  for (let i = 0; i < count; i++) values.push(readValue(reader, shapes, depth + 1))
  return values
}

function readMap(reader: ByteReader, shapes: ShapeTable, depth: number): Map<unknown, unknown> {
  const count = reader.count(2, 'entries of a map')
  const map = new Map<unknown, unknown>()
  for (let i = 0; i < count; i++) {
    const key = readValue(reader, shapes, depth + 1)
    map.set(key, readValue(reader, shapes, depth + 1))
  }
  if (map.size !== count) throw reader.malformed('a map has the same key twice')
  return map
}

function readSet(reader: ByteReader, shapes: ShapeTable, depth: number): Set<unknown> {
  const count = reader.count(1, 'elements of a set')
  const set = new Set<unknown>()
  for (let i = 0; i < count; i++) set.add(readValue(reader, shapes, depth + 1))
  if (set.size !== count) throw reader.malformed('a set has the same element twice')
  return set
}

function readBigInt(reader: ByteReader): bigint {
  const lengthAndSign = reader.varint()
  const magnitude = reader.slice(Math.floor(lengthAndSign / 2))
  const hex = Buffer.from(magnitude.buffer, magnitude.byteOffset, magnitude.length).toString('hex')
  if (hex.length < 14) throw reader.malformed('a short bigint has the form of a long one')
  const value = BigInt(`0x${hex}`)
  return lengthAndSign % 2 === 0 ? value : -value
}

function readDate(reader: ByteReader): Date {
  const timeMs = reader.f64()
  const date = new Date(timeMs)
  if (!Object.is(date.getTime(), timeMs)) throw reader.malformed(`${timeMs} is no time of a date`)
  return date
}

/** Copied: a view would keep the whole chunk in memory, and be misaligned. */
function readTypedArray(reader: ByteReader): ArrayBufferView {
  const number = reader.u8()
  const kind = TYPED_ARRAYS[number]
  if (kind === undefined) throw reader.malformed(`${number} is no kind of typed array`)
  const bytes = reader.lengthPrefixed()
  if (bytes.length % kind.elementBytes !== 0) throw reader.malformed('a typed array ends within an element')
  return kind.make(new Uint8Array(bytes).buffer)
}
