import type { ByteWriter } from '../base/bytes.ts'
import { EngineError } from '../base/errors.ts'
import type { Prototype, ShapeTable } from './shape-table.ts'
import {
  NEGATIVE_INT_MIN,
  SHORT_SHAPE_MAX,
  SHORT_STRING_BYTES_MAX,
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

/** Throws in the middle for what cannot be encoded: `encodeValue` cuts off what was written. `depth` is the number of containers around it. */
export function writeValue(out: ByteWriter, value: unknown, shapes: ShapeTable, depth: number): void {
  switch (typeof value) {
    case 'number':
      return writeNumber(out, value)
    case 'string':
      return writeString(out, value)
    case 'boolean':
      return out.u8(value ? TAG_TRUE : TAG_FALSE)
    case 'undefined':
      return out.u8(TAG_UNDEFINED)
    case 'bigint':
      return writeBigInt(out, value)
    case 'object':
      return value === null ? out.u8(TAG_NULL) : writeObject(out, value, shapes, depth)
    case 'function':
    case 'symbol':
      throw refused()
  }
}

function writeNumber(out: ByteWriter, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    out.u8(TAG_F64)
    out.f64(value)
  } else if (value >= NEGATIVE_INT_MIN && value <= SMALL_INT_MAX) {
    out.u8(value & 0xff)
  } else {
    out.u8(TAG_INT)
    out.zigzag(value)
  }
}

function writeString(out: ByteWriter, value: string): void {
  if (out.shortAscii(value, TAG_SHORT_STRING)) return
  const byteCount = Buffer.byteLength(value)
  if (byteCount <= SHORT_STRING_BYTES_MAX) out.u8(TAG_SHORT_STRING + byteCount)
  else {
    out.u8(TAG_STRING)
    out.varint(byteCount)
  }
  out.text(value, byteCount)
}

function writeBigInt(out: ByteWriter, value: bigint): void {
  const small = Number(value)
  if (Number.isSafeInteger(small)) {
    out.u8(TAG_SAFE_BIGINT)
    out.zigzag(small)
    return
  }
  const hex = (value < 0n ? -value : value).toString(16)
  const magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  out.u8(TAG_BIGINT)
  out.varint(magnitude.length * 2 + (value < 0n ? 1 : 0))
  out.bytes(magnitude)
}

function writeObject(out: ByteWriter, value: object, shapes: ShapeTable, depth: number): void {
  if (depth >= VALUE_DEPTH_MAX) throw refused()
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) writePlainObject(out, value, shapes, depth)
  else if (prototype === Array.prototype && Array.isArray(value)) writeArray(out, value, shapes, depth)
  else if (prototype === Map.prototype && value instanceof Map) writeMap(out, value, shapes, depth)
  else if (prototype === Set.prototype && value instanceof Set) writeSet(out, value, shapes, depth)
  else if (prototype === Date.prototype && value instanceof Date) {
    out.u8(TAG_DATE)
    out.f64(value.getTime())
  } else if (ArrayBuffer.isView(value)) writeTypedArray(out, value)
  else throw refused()
}

function writePlainObject(out: ByteWriter, value: object, shapes: ShapeTable, depth: number): void {
  const keys = Object.keys(value)
  writeShape(out, keys, Object.getPrototypeOf(value), shapes)
  const fields = value as Record<string, unknown> // read by its own keys only
  for (const key of keys) writeValue(out, fields[key], shapes, depth + 1)
}

function writeShape(out: ByteWriter, keys: readonly string[], prototype: Prototype, shapes: ShapeTable): void {
  const number = shapes.find(keys, prototype)
  if (number > SHORT_SHAPE_MAX) {
    out.u8(TAG_SHAPE)
    out.varint(number)
  } else if (number >= 0) out.u8(TAG_SHORT_SHAPE + number)
  else {
    const isNumbered = shapes.define(keys, prototype)
    if (prototype === null) out.u8(isNumbered ? TAG_NEW_NULL_SHAPE : TAG_LOOSE_NULL_OBJECT)
    else out.u8(isNumbered ? TAG_NEW_SHAPE : TAG_LOOSE_OBJECT)
    out.varint(keys.length)
    for (const key of keys) out.string(key)
  }
}

function writeArray(out: ByteWriter, value: readonly unknown[], shapes: ShapeTable, depth: number): void {
  out.u8(TAG_ARRAY)
  out.varint(value.length)
  for (let i = 0; i < value.length; i++) writeValue(out, value[i], shapes, depth + 1)
}

function writeMap(out: ByteWriter, map: ReadonlyMap<unknown, unknown>, shapes: ShapeTable, depth: number): void {
  out.u8(TAG_MAP)
  out.varint(map.size)
  for (const [key, value] of map) {
    writeValue(out, key, shapes, depth + 1)
    writeValue(out, value, shapes, depth + 1)
  }
}

function writeSet(out: ByteWriter, set: ReadonlySet<unknown>, shapes: ShapeTable, depth: number): void {
  out.u8(TAG_SET)
  out.varint(set.size)
  for (const value of set) writeValue(out, value, shapes, depth + 1)
}

function writeTypedArray(out: ByteWriter, value: ArrayBufferView): void {
  const prototype: unknown = Object.getPrototypeOf(value)
  const kind = TYPED_ARRAYS.findIndex((row) => row.prototype === prototype)
  if (kind < 0) throw refused()
  out.u8(TAG_TYPED_ARRAY)
  out.u8(kind)
  out.lengthPrefixed(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
}

/** Replaced by the error of `unencodable`, which knows the path. */
function refused(): EngineError {
  return new EngineError(
    'SER1001',
    'a value changed while it was encoded. Nothing of it was written. Do not change records after they were emitted.',
  )
}
