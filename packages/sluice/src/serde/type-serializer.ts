import type { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { ShapeTable } from './shape-table.ts'
import { decodeValue, encodeValue } from './value-codec.ts'
import { VALUE_FORMAT_VERSION } from './value-format.ts'

/**
 * How values of one type become bytes. `id` and `version` are stored with what was written, and compared before it is read: a change of
 * the bytes is a new version.
 */
export interface TypeSerializer<T> {
  readonly id: string
  readonly version: number
  /** `shapes` is the table of the chunk that is written. */
  write(out: ByteWriter, value: T, shapes: ShapeTable): void
  read(reader: ByteReader, shapes: ShapeTable): T
}

/** For values nobody declared a type for: everything the value codec takes. */
export const anySerializer: TypeSerializer<unknown> = Object.freeze({
  id: 'value',
  version: VALUE_FORMAT_VERSION,
  write: encodeValue,
  read: decodeValue,
})
