/** Bytes of the value codec that both directions share: docs/spec/bytes.md, "Values". A change is a new format version. */
export const VALUE_FORMAT_VERSION = 1

/** Deepest nesting of arrays, maps, sets and objects. */
export const VALUE_DEPTH_MAX = 200

/** 0x00–0x7f is the integer itself. */
export const SMALL_INT_MAX = 0x7f
/** 0x80–0x9f: an object of shape 0–31. */
export const TAG_SHORT_SHAPE = 0x80
export const SHORT_SHAPE_MAX = 31
/** 0xa0–0xbf: a string of 0–31 bytes. */
export const TAG_SHORT_STRING = 0xa0
export const SHORT_STRING_BYTES_MAX = 31
/** 0xe0–0xff: -32 to -1. */
export const TAG_NEGATIVE_INT = 0xe0
export const NEGATIVE_INT_MIN = -32

export const TAG_UNDEFINED = 0xc0
export const TAG_NULL = 0xc1
export const TAG_FALSE = 0xc2
export const TAG_TRUE = 0xc3
export const TAG_INT = 0xc4
export const TAG_F64 = 0xc5
export const TAG_STRING = 0xc6
export const TAG_SAFE_BIGINT = 0xc7
export const TAG_BIGINT = 0xc8
export const TAG_DATE = 0xc9
export const TAG_TYPED_ARRAY = 0xca
export const TAG_ARRAY = 0xcb
export const TAG_MAP = 0xcc
export const TAG_SET = 0xcd
/** An object whose shape is given and numbered here. */
export const TAG_NEW_SHAPE = 0xce
export const TAG_SHAPE = 0xcf
/** An object with its keys, unnumbered. */
export const TAG_LOOSE_OBJECT = 0xd0
/** The same two for objects without prototype. */
export const TAG_NEW_NULL_SHAPE = 0xd1
export const TAG_LOOSE_NULL_OBJECT = 0xd2

type TypedArrayMaker = (buffer: ArrayBuffer) => ArrayBufferView

export interface TypedArrayKind {
  readonly prototype: object
  readonly elementBytes: number
  readonly make: TypedArrayMaker
}

/** Index = kind byte. */
export const TYPED_ARRAYS: readonly TypedArrayKind[] = [
  { prototype: Uint8Array.prototype, elementBytes: 1, make: (b) => new Uint8Array(b) },
  { prototype: Buffer.prototype, elementBytes: 1, make: (b) => Buffer.from(b) },
  { prototype: Int8Array.prototype, elementBytes: 1, make: (b) => new Int8Array(b) },
  { prototype: Uint8ClampedArray.prototype, elementBytes: 1, make: (b) => new Uint8ClampedArray(b) },
  { prototype: Int16Array.prototype, elementBytes: 2, make: (b) => new Int16Array(b) },
  { prototype: Uint16Array.prototype, elementBytes: 2, make: (b) => new Uint16Array(b) },
  { prototype: Int32Array.prototype, elementBytes: 4, make: (b) => new Int32Array(b) },
  { prototype: Uint32Array.prototype, elementBytes: 4, make: (b) => new Uint32Array(b) },
  { prototype: Float32Array.prototype, elementBytes: 4, make: (b) => new Float32Array(b) },
  { prototype: Float64Array.prototype, elementBytes: 8, make: (b) => new Float64Array(b) },
  { prototype: BigInt64Array.prototype, elementBytes: 8, make: (b) => new BigInt64Array(b) },
  { prototype: BigUint64Array.prototype, elementBytes: 8, make: (b) => new BigUint64Array(b) },
]
