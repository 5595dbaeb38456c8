/**
 * State values, keys and control data as bytes: compact, self-describing, the same bytes for the same value.
 *
 * Owns: the tagged format of docs/spec/bytes.md, "Values". Does not own: chunks, headers, checksums around it.
 * Callers: serializers of state, the batch codec for columns of mixed values, control messages.
 *
 * V1 What is written comes back equal by Object.is all the way down, with the order of keys kept; else SER1001 and nothing is written.
 *    Not kept: holes of arrays (they become undefined), named properties of arrays, symbol and non-enumerable properties, shared references.
 * V2 Bytes that `encodeValue` cannot have written give SER1002 or another valid value, and never more memory than a small multiple of them.
 * V3 A chunk starts with a new ShapeTable on both sides and is read from its start, in order.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { ShapeTable } from './shape-table.ts'
import { unencodable } from './unencodable.ts'
import { readValue } from './value-reader.ts'
import { writeValue } from './value-writer.ts'

/** Appends the value; on SER1001 `out` and `shapes` are as before. */
export function encodeValue(out: ByteWriter, value: unknown, shapes: ShapeTable): void {
  const start = out.length
  const shapeCount = shapes.writtenCount
  try {
    writeValue(out, value, shapes, 0)
  } catch (error) {
    out.truncate(start)
    shapes.rollBack(shapeCount)
    throw unencodable(value) ?? error
  }
}

export function decodeValue(reader: ByteReader, shapes: ShapeTable): unknown {
  return readValue(reader, shapes, 0)
}

/** One value on its own. */
export function valueToBytes(value: unknown): Uint8Array<ArrayBuffer> {
  const out = spareWriter ?? new ByteWriter()
  spareWriter = undefined // a getter of the value may come here again
  try {
    encodeValue(out, value, new ShapeTable())
    return out.take()
  } finally {
    out.reset()
    spareWriter = out
  }
}

/** The inverse of `valueToBytes`; bytes behind the value are refused. */
export function bytesToValue(bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes)
  const value = decodeValue(reader, new ShapeTable())
  reader.finish('a value')
  return value
}

let spareWriter: ByteWriter | undefined
